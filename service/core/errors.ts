/** Every coded error that leaves Assay: what it means, and whether trying again can help. */
export const ERRORS = {
  ASSAY_CALL_NOT_OBJECT: ['The record is not a JSON object', false],
  ASSAY_CALL_BAD_JSON: ['The record is not valid JSON', false],
  ASSAY_CALL_BAD_LINE: ['The line does not fit the log format', false],
  ASSAY_CALL_BAD_UTF8: ['The record is not valid UTF-8', false],
  ASSAY_CALL_BAD_AVRO: ['The record is not a readable Avro ApiCall', false],
  ASSAY_CALL_UNKNOWN_SCHEMA: ['The Avro schema id is not known', true],
  ASSAY_CALL_TOO_LARGE: ['The record is larger than the limit', false],
  ASSAY_CALL_MISSING_FIELD: ['A required field is missing', false],
  ASSAY_CALL_BAD_FIELD: ['A field has the wrong type or is out of range', false],
  ASSAY_CALL_FUTURE: ['The call lies in the future', false],
  ASSAY_CALL_LATE: ['The call is older than the grace period allows', false],
  ASSAY_CALL_DUPLICATE: ['A call with this id was counted before', false],
  ASSAY_FILE_UNREADABLE: ['The file cannot be read', false],
  ASSAY_FILE_IS_DIRECTORY: ['The path is a directory, not a file', false],
  ASSAY_FILE_EMPTY: ['The file holds no records', false],
  ASSAY_FILE_TRUNCATED: ['The compressed file ends too early or is damaged', false],
  ASSAY_FORMAT_UNKNOWN: ['There is no log format of that name', false],
  ASSAY_MODEL_MISSING: ['The model is not there', false],
  ASSAY_MODEL_MALFORMED: ['The model or its manifest cannot be read', false],
  ASSAY_MODEL_CHECKSUM: ["The model's weights do not match its manifest", false],
  ASSAY_MODEL_FEATURE_SET: ['The model was trained on another feature set', false],
  ASSAY_SCORE_NOT_FINITE: ['The model gave no finite score', false],
  ASSAY_LABEL_INVALID: ['The label is not understood', false],
  ASSAY_CONFIG_INVALID: ['The configuration is not valid', false],
  ASSAY_POLICY_INVALID: ['The policy file is not valid', false],
  ASSAY_KAFKA_UNAVAILABLE: ['Kafka does not answer', true],
  ASSAY_KAFKA_DENIED: ['Kafka denies access', false],
  ASSAY_KAFKA_TLS_FAILED: ['No secure connection to Kafka comes about', false],
  ASSAY_TOPIC_MISSING: ['A topic that Assay needs is not there', true],
  ASSAY_TOPIC_UNFIT: ['A topic is set up so that Assay cannot use it', true],
  ASSAY_REGISTRY_UNAVAILABLE: ['The schema registry does not answer', true],
  ASSAY_REGISTRY_REFUSED: ['The schema registry does not take the schema', false],
  ASSAY_STORAGE_FAILED: ['The state could not be kept on disk', true],
  ASSAY_SERVICE_UNAVAILABLE: ['No running service of Assay answers', true],
  ASSAY_CLIENT_UNKNOWN: ['No verdict is held for this client', false],
  ASSAY_DECISION_UNKNOWN: ['The verdict is not held here', false],
  ASSAY_REPLAY_IMPOSSIBLE: ['The verdict cannot be made again from what is here', false],
  ASSAY_REQUEST_INVALID: ['The request is not understood', false],
  ASSAY_REQUEST_TOO_LARGE: ['The request is larger than the limit', false],
  ASSAY_CONTENT_TYPE_UNKNOWN: ['The request body has a type or coding that is not read here', false],
  ASSAY_NOT_FOUND: ['There is nothing at this address', false],
  ASSAY_OVERLOADED: ['Too many calls are waiting; send again later', true],
  ASSAY_INTERNAL: ['Something went wrong inside Assay', true],
} as const satisfies Record<string, readonly [string, boolean]>;

export type ErrorCode = keyof typeof ERRORS;

/** An error with a code from the table; `detail` says what exactly, without secrets. */
export class AssayError extends Error {
  readonly code: ErrorCode;
  readonly canRetry: boolean;
  constructor(code: ErrorCode, detail = '', options?: ErrorOptions) {
    super(detail ? `${ERRORS[code][0]}: ${detail}` : ERRORS[code][0], options);
    this.name = 'AssayError';
    this.code = code;
    this.canRetry = ERRORS[code][1];
  }
}
