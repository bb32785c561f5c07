// Generated from service/contracts/*.avsc by `npm run contracts`; do not edit.
import type { AvroRecord } from './avro-schema.ts';

/** One observed request and its response, as a gateway reports it. Null means that the gateway does not tell. */
export interface ApiCall {
  /** The gateway's request id, unique for a call */
  id: string;
  /** When the request arrived, in ms since 1970 UTC */
  time: number;
  /** Network address of the caller, as the gateway trusts it */
  clientIp: string;
  /** HTTP method, upper case */
  method: string;
  /** Path as sent, without the query */
  path: string;
  /** HTTP status of the response, 100 to 599 */
  status: number | null;
  /** Query as sent, without the question mark */
  query: string | null;
  host: string | null;
  /** Route template where the gateway knows it, e.g. /v1/orders/{id} */
  route: string | null;
  /** Which gateway reports */
  gateway: string | null;
  tenant: string | null;
  requestBytes: number | null;
  responseBytes: number | null;
  durationMs: number | null;
  /** 1.0, 1.1, 2, 3 */
  httpVersion: string | null;
  userAgent: string | null;
  accept: string | null;
  acceptEncoding: string | null;
  acceptLanguage: string | null;
  contentType: string | null;
  referer: string | null;
  /** Lower case, in the order sent */
  headerNames: readonly string[] | null;
  hasCookie: boolean | null;
  tlsVersion: string | null;
  tlsCipher: string | null;
  ja3: string | null;
  ja4: string | null;
  tlsResumed: boolean | null;
  /** SHA-256 of the certificate that the gateway verified */
  clientCertificate: string | null;
  connectionId: string | null;
  /** This call is the n-th on its connection */
  connectionRequests: number | null;
  /** none, basic, apiKey, bearer, mtls, httpSignature, otp, … */
  authScheme: string | null;
  /** Hash of the credential or of its subject */
  subject: string | null;
  identityVerified: boolean | null;
  /** Hash of the account that a login was tried for */
  account: string | null;
  /** First bytes of the request body; off unless the operator turns it on */
  bodySample: Uint8Array | null;
}

export type VerdictName = 'good' | 'bad' | 'unsure';

export type Action = 'allow' | 'throttle' | 'challenge' | 'deny';

export type ReasonKind = 'contribution' | 'signal' | 'identity' | 'list' | 'default' | 'error';

export interface Reason {
  kind: ReasonKind;
  /** The feature, the signal, or the error code */
  name: string;
  /** The same for people */
  text: string;
  /** Signed share of the score's log-odds; above 0 speaks for bad */
  weight: number | null;
  /** What was measured */
  value: number | null;
}

export type Mode = 'live' | 'shadow';

/** What Assay holds of a client at a snapshot of its session, and why. */
export interface Verdict {
  /** Names this decision; the same calls give the same id */
  id: string;
  /** Keyed hash of the client's identity */
  clientId: string;
  verdict: VerdictName;
  /** Calibrated probability, 0 to 1, that the session is bad automation; null when it could not be computed */
  score: number | null;
  action: Action;
  /** Which attack, or which kind of good bot, it is most like */
  family: string | null;
  reasons: readonly Reason[];
  /** Log-odds before any contribution; with all contributions, those not listed included, it adds up to the score's */
  baseLogOdds: number | null;
  /** Calls of the session at the snapshot */
  calls: number;
  /** Event time of the snapshot */
  time: number;
  sessionStart: number;
  /** Distance from what the model was trained on; 1 is the limit beyond which a verdict is unsure */
  novelty: number | null;
  model: string;
  featureSet: string;
  policy: string;
  mode: Mode;
  expiresAt: number;
}

export type LabelName = 'good' | 'bad';

/** A person's or a system's word on a client or one of its sessions. One of clientId, clientIp and subject names the client. */
export interface Label {
  label: LabelName;
  clientId: string | null;
  clientIp: string | null;
  subject: string | null;
  /** Set where only one session is meant */
  sessionStart: number | null;
  /** Which attack, or which kind of good bot */
  kind: string | null;
  /** Who says so */
  by: string | null;
  at: number | null;
  why: string | null;
  /** When the label lapses */
  until: number | null;
}

export const ApiCallSchema: AvroRecord = {
  "type": "record",
  "name": "ApiCall",
  "namespace": "dev.assay",
  "doc": "One observed request and its response, as a gateway reports it. Null means that the gateway does not tell.",
  "fields": [
    {
      "name": "id",
      "type": "string",
      "doc": "The gateway's request id, unique for a call"
    },
    {
      "name": "time",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "When the request arrived, in ms since 1970 UTC"
    },
    {
      "name": "clientIp",
      "type": "string",
      "doc": "Network address of the caller, as the gateway trusts it"
    },
    {
      "name": "method",
      "type": "string",
      "doc": "HTTP method, upper case"
    },
    {
      "name": "path",
      "type": "string",
      "doc": "Path as sent, without the query"
    },
    {
      "name": "status",
      "type": [
        "null",
        "int"
      ],
      "default": null,
      "doc": "HTTP status of the response, 100 to 599"
    },
    {
      "name": "query",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "Query as sent, without the question mark"
    },
    {
      "name": "host",
      "type": [
        "null",
        "string"
      ],
      "default": null
    },
    {
      "name": "route",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "Route template where the gateway knows it, e.g. /v1/orders/{id}"
    },
    {
      "name": "gateway",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "Which gateway reports"
    },
    {
      "name": "tenant",
      "type": [
        "null",
        "string"
      ],
      "default": null
    },
    {
      "name": "requestBytes",
      "type": [
        "null",
        "long"
      ],
      "default": null
    },
    {
      "name": "responseBytes",
      "type": [
        "null",
        "long"
      ],
      "default": null
    },
    {
      "name": "durationMs",
      "type": [
        "null",
        "float"
      ],
      "default": null
    },
    {
      "name": "httpVersion",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "1.0, 1.1, 2, 3"
    },
    {
      "name": "userAgent",
      "type": [
        "null",
        "string"
      ],
      "default": null
    },
    {
      "name": "accept",
      "type": [
        "null",
        "string"
      ],
      "default": null
    },
    {
      "name": "acceptEncoding",
      "type": [
        "null",
        "string"
      ],
      "default": null
    },
    {
      "name": "acceptLanguage",
      "type": [
        "null",
        "string"
      ],
      "default": null
    },
    {
      "name": "contentType",
      "type": [
        "null",
        "string"
      ],
      "default": null
    },
    {
      "name": "referer",
      "type": [
        "null",
        "string"
      ],
      "default": null
    },
    {
      "name": "headerNames",
      "type": [
        "null",
        {
          "type": "array",
          "items": "string"
        }
      ],
      "default": null,
      "doc": "Lower case, in the order sent"
    },
    {
      "name": "hasCookie",
      "type": [
        "null",
        "boolean"
      ],
      "default": null
    },
    {
      "name": "tlsVersion",
      "type": [
        "null",
        "string"
      ],
      "default": null
    },
    {
      "name": "tlsCipher",
      "type": [
        "null",
        "string"
      ],
      "default": null
    },
    {
      "name": "ja3",
      "type": [
        "null",
        "string"
      ],
      "default": null
    },
    {
      "name": "ja4",
      "type": [
        "null",
        "string"
      ],
      "default": null
    },
    {
      "name": "tlsResumed",
      "type": [
        "null",
        "boolean"
      ],
      "default": null
    },
    {
      "name": "clientCertificate",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "SHA-256 of the certificate that the gateway verified"
    },
    {
      "name": "connectionId",
      "type": [
        "null",
        "string"
      ],
      "default": null
    },
    {
      "name": "connectionRequests",
      "type": [
        "null",
        "int"
      ],
      "default": null,
      "doc": "This call is the n-th on its connection"
    },
    {
      "name": "authScheme",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "none, basic, apiKey, bearer, mtls, httpSignature, otp, …"
    },
    {
      "name": "subject",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "Hash of the credential or of its subject"
    },
    {
      "name": "identityVerified",
      "type": [
        "null",
        "boolean"
      ],
      "default": null
    },
    {
      "name": "account",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "Hash of the account that a login was tried for"
    },
    {
      "name": "bodySample",
      "type": [
        "null",
        "bytes"
      ],
      "default": null,
      "doc": "First bytes of the request body; off unless the operator turns it on"
    }
  ]
};

export const VerdictSchema: AvroRecord = {
  "type": "record",
  "name": "Verdict",
  "namespace": "dev.assay",
  "doc": "What Assay holds of a client at a snapshot of its session, and why.",
  "fields": [
    {
      "name": "id",
      "type": "string",
      "doc": "Names this decision; the same calls give the same id"
    },
    {
      "name": "clientId",
      "type": "string",
      "doc": "Keyed hash of the client's identity"
    },
    {
      "name": "verdict",
      "type": {
        "type": "enum",
        "name": "VerdictName",
        "symbols": [
          "good",
          "bad",
          "unsure"
        ]
      }
    },
    {
      "name": "score",
      "type": [
        "null",
        "double"
      ],
      "default": null,
      "doc": "Calibrated probability, 0 to 1, that the session is bad automation; null when it could not be computed"
    },
    {
      "name": "action",
      "type": {
        "type": "enum",
        "name": "Action",
        "symbols": [
          "allow",
          "throttle",
          "challenge",
          "deny"
        ]
      }
    },
    {
      "name": "family",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "Which attack, or which kind of good bot, it is most like"
    },
    {
      "name": "reasons",
      "type": {
        "type": "array",
        "items": {
          "type": "record",
          "name": "Reason",
          "fields": [
            {
              "name": "kind",
              "type": {
                "type": "enum",
                "name": "ReasonKind",
                "symbols": [
                  "contribution",
                  "signal",
                  "identity",
                  "list",
                  "default",
                  "error"
                ]
              }
            },
            {
              "name": "name",
              "type": "string",
              "doc": "The feature, the signal, or the error code"
            },
            {
              "name": "text",
              "type": "string",
              "doc": "The same for people"
            },
            {
              "name": "weight",
              "type": [
                "null",
                "double"
              ],
              "default": null,
              "doc": "Signed share of the score's log-odds; above 0 speaks for bad"
            },
            {
              "name": "value",
              "type": [
                "null",
                "double"
              ],
              "default": null,
              "doc": "What was measured"
            }
          ]
        }
      }
    },
    {
      "name": "baseLogOdds",
      "type": [
        "null",
        "double"
      ],
      "default": null,
      "doc": "Log-odds before any contribution; with all contributions, those not listed included, it adds up to the score's"
    },
    {
      "name": "calls",
      "type": "int",
      "doc": "Calls of the session at the snapshot"
    },
    {
      "name": "time",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "Event time of the snapshot"
    },
    {
      "name": "sessionStart",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      }
    },
    {
      "name": "novelty",
      "type": [
        "null",
        "double"
      ],
      "default": null,
      "doc": "Distance from what the model was trained on; 1 is the limit beyond which a verdict is unsure"
    },
    {
      "name": "model",
      "type": "string"
    },
    {
      "name": "featureSet",
      "type": "string"
    },
    {
      "name": "policy",
      "type": "string"
    },
    {
      "name": "mode",
      "type": {
        "type": "enum",
        "name": "Mode",
        "symbols": [
          "live",
          "shadow"
        ]
      }
    },
    {
      "name": "expiresAt",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      }
    }
  ]
};

export const LabelSchema: AvroRecord = {
  "type": "record",
  "name": "Label",
  "namespace": "dev.assay",
  "doc": "A person's or a system's word on a client or one of its sessions. One of clientId, clientIp and subject names the client.",
  "fields": [
    {
      "name": "label",
      "type": {
        "type": "enum",
        "name": "LabelName",
        "symbols": [
          "good",
          "bad"
        ]
      }
    },
    {
      "name": "clientId",
      "type": [
        "null",
        "string"
      ],
      "default": null
    },
    {
      "name": "clientIp",
      "type": [
        "null",
        "string"
      ],
      "default": null
    },
    {
      "name": "subject",
      "type": [
        "null",
        "string"
      ],
      "default": null
    },
    {
      "name": "sessionStart",
      "type": [
        "null",
        {
          "type": "long",
          "logicalType": "timestamp-millis"
        }
      ],
      "default": null,
      "doc": "Set where only one session is meant"
    },
    {
      "name": "kind",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "Which attack, or which kind of good bot"
    },
    {
      "name": "by",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "Who says so"
    },
    {
      "name": "at",
      "type": [
        "null",
        {
          "type": "long",
          "logicalType": "timestamp-millis"
        }
      ],
      "default": null
    },
    {
      "name": "why",
      "type": [
        "null",
        "string"
      ],
      "default": null
    },
    {
      "name": "until",
      "type": [
        "null",
        {
          "type": "long",
          "logicalType": "timestamp-millis"
        }
      ],
      "default": null,
      "doc": "When the label lapses"
    }
  ]
};
