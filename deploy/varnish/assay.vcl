vcl 4.1;
# An example of a whole Varnish that asks Assay before it lets a request through: the request first goes to Assay, then starts
# anew towards the application. Varnish speaks no TLS.
import std;

backend app { .host = "127.0.0.1"; .port = "9000"; }
backend assay {
  .host = "127.0.0.1"; .port = "8080";
  .connect_timeout = 10ms; .first_byte_timeout = 20ms; .between_bytes_timeout = 20ms;
}

sub assay_clear {
  unset req.http.x-assay-verdict; unset req.http.x-assay-score; unset req.http.x-assay-reasons; unset req.http.x-assay-decision;
  unset req.http.x-assay-action; unset req.http.x-assay-subject;
}

sub vcl_recv {
  if (req.restarts == 0) {
    # The client's own word counts for nothing.
    call assay_clear;
    unset req.http.x-original-user-agent; unset req.http.x-ja3; unset req.http.x-ja4;
    unset req.http.x-client-cert-sha256; unset req.http.x-tenant;
    set req.http.x-real-ip = client.ip;
    # Of which call it is, by the id that is logged, and what is known of it.
    set req.http.x-assay-id = req.xid + "." + std.time2integer(now, 0);
    set req.http.x-assay-call = "id=" + req.http.x-assay-id + ";method=" + req.method + ";protocol=" + req.proto +
      ";host=" + req.http.host + ";uri=" + req.url;
    set req.http.x-assay-phase = "ask";
    set req.http.x-assay-encoding = req.http.accept-encoding;
    # A body has to be kept until the second start. One that is too large for that, or does not say how large it is, is let
    # through without a question.
    if (req.http.transfer-encoding || std.integer(req.http.content-length, 0) > 1048576) { set req.http.x-assay-phase = "pass"; }
    elsif (req.http.content-length) { std.cache_req_body(1MB); }
  }
  if (req.http.x-assay-phase == "ask") {
    set req.backend_hint = assay;
    # What is found is the yes to a client that has been good for long, which holds for a second. Nobody waits for another's question.
    set req.hash_ignore_busy = true;
    return (hash);
  }
  set req.backend_hint = app;
  unset req.http.x-assay-phase; unset req.http.x-assay-call;
  # As it was: looking up the answer leaves gzip of it, or nothing.
  set req.http.accept-encoding = req.http.x-assay-encoding; unset req.http.x-assay-encoding;
  if (req.http.accept-encoding == "") { unset req.http.accept-encoding; }
  if (req.http.upgrade ~ "(?i)websocket") { return (pipe); }
  # Your own rules of caching go here.
  return (pass);
}

sub vcl_pipe {
  if (req.http.upgrade) { set bereq.http.upgrade = req.http.upgrade; set bereq.http.connection = "upgrade"; }
}

sub vcl_hash {
  if (req.http.x-assay-phase == "ask") {
    hash_data("assay|" + client.ip + "|" + req.http.user-agent + "|" + req.http.authorization + "|" + req.http.x-api-key);
    return (lookup);
  }
}

sub vcl_backend_fetch {
  unset bereq.http.x-assay-id;
  if (bereq.http.x-assay-phase == "ask") {
    set bereq.method = "GET";
    set bereq.url = "/v1/authz";
    set bereq.http.accept-encoding = bereq.http.x-assay-encoding; unset bereq.http.x-assay-encoding;
    unset bereq.http.upgrade;
    # Not content-length: the body is sent all the same, and would be taken for the next request.
  }
}

sub vcl_backend_response {
  if (bereq.http.x-assay-phase == "ask") {
    set beresp.grace = 0s;
    if (beresp.http.cache-control != "max-age=1") { set beresp.uncacheable = true; set beresp.ttl = 0s; }
    return (deliver);
  }
}

sub vcl_backend_error {
  # Assay is away or slow: go on.
  if (bereq.http.x-assay-phase == "ask") { set beresp.status = 204; return (deliver); }
}

sub vcl_deliver {
  if (req.http.x-assay-phase == "ask") {
    if (resp.status == 403) { return (synth(403)); }
    if (resp.status == 200) {
      set req.http.x-assay-verdict = resp.http.x-assay-verdict;
      set req.http.x-assay-score = resp.http.x-assay-score;
      set req.http.x-assay-reasons = resp.http.x-assay-reasons;
      set req.http.x-assay-decision = resp.http.x-assay-decision;
      set req.http.x-assay-action = resp.http.x-assay-action;
      set req.http.x-assay-subject = resp.http.x-assay-subject;
    }
    set req.http.x-assay-phase = "go";
    return (restart);
  }
}
