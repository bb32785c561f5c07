package dev.assay;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.netty.channel.ChannelOption;
import jakarta.annotation.PostConstruct;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.cloud.gateway.filter.GatewayFilterChain;
import org.springframework.cloud.gateway.filter.GlobalFilter;
import org.springframework.core.Ordered;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.client.reactive.ReactorClientHttpConnector;
import org.springframework.http.server.reactive.ServerHttpRequest;
import org.springframework.http.server.reactive.ServerHttpRequestDecorator;
import org.springframework.stereotype.Component;
import org.springframework.web.reactive.function.client.WebClient;
import org.springframework.web.server.ServerWebExchange;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.netty.http.client.HttpClient;
import reactor.netty.http.server.HttpServerRequest;
import reactor.netty.resources.ConnectionProvider;

/** Asks Assay before a request goes on, and logs it for Assay. Whatever is slow or wrong lets the request through. */
@Component
public class AssayFilter implements GlobalFilter, Ordered {
  private static final Logger LOG = LoggerFactory.getLogger("assay.access");
  private static final Duration PATIENCE = Duration.ofMillis(20);
  private static final List<String> ANSWERS =
      List.of("x-assay-verdict", "x-assay-score", "x-assay-reasons", "x-assay-decision", "x-assay-action",
          "x-assay-subject");
  /** Of the client, as they are. */
  private static final List<String> ASKED =
      List.of("user-agent", "authorization", "x-api-key", "accept", "accept-encoding", "accept-language", "content-type", "referer");
  private static final Answer OPEN = new Answer(0, new HttpHeaders());
  private static final Answer OUT = new Answer(HttpStatus.FORBIDDEN.value(), new HttpHeaders());
  /** How long a denial holds where Assay does not answer. */
  private static final long DENIED_MS = 300_000;
  /** How long the yes to a client that has been good for long holds without a question, where Assay says so by this. */
  private static final long STEADY_MS = 1000;
  private static final String STEADY = "max-age=1";
  private static final int MAX_KEPT = 20_000;

  private record Answer(int status, HttpHeaders headers) {
    boolean isSteady() {
      return status == HttpStatus.OK.value() && STEADY.equals(headers.getCacheControl());
    }
  }

  private record Kept(long till, Answer answer) {}

  private final ObjectMapper json = new ObjectMapper();
  private final WebClient assay;
  /** Not where no URL is set: then it only tells. */
  private final boolean asks;
  /** Whom Assay turned away, and until when they stay out should it be away; what it says of steady clients. */
  private final Map<String, Kept> kept = Collections.synchronizedMap(new LinkedHashMap<>() {
    @Override
    protected boolean removeEldestEntry(Map.Entry<String, Kept> eldest) {
      return size() > MAX_KEPT;
    }
  });

  public AssayFilter(@Value("${assay.url}") String url) {
    asks = !url.isEmpty();
    var http = HttpClient.create(ConnectionProvider.builder("assay").maxConnections(64).pendingAcquireMaxCount(1024).build())
        .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, 10);
    assay = WebClient.builder().baseUrl(url).clientConnector(new ReactorClientHttpConnector(http)).build();
  }

  @Override
  public int getOrder() {
    return Ordered.HIGHEST_PRECEDENCE;
  }

  @Override
  public Mono<Void> filter(ServerWebExchange exchange, GatewayFilterChain chain) {
    var request = exchange.getRequest();
    var id = UUID.randomUUID().toString();
    var startedAt = System.currentTimeMillis();
    return ask(request, id).flatMap(answer -> {
      var passes = answer.status() != HttpStatus.FORBIDDEN.value();
      if (!passes) exchange.getResponse().setStatusCode(HttpStatus.FORBIDDEN);
      var rest = passes ? chain.filter(told(exchange, answer)) : exchange.getResponse().setComplete();
      return rest.doFinally(end -> log(request, exchange.getResponse().getStatusCode(), answer, id, startedAt));
    });
  }

  private Mono<Answer> ask(ServerHttpRequest request, String id) {
    if (!asks) return Mono.just(OPEN);
    var key = keyOf(request);
    var known = kept.get(key);
    var holds = known != null && known.till() > System.currentTimeMillis();
    if (holds && known.answer().isSteady()) return Mono.just(known.answer());
    return assay.get().uri("/v1/authz")
        .headers(headers -> {
          for (var name : ASKED) {
            var value = request.getHeaders().getFirst(name);
            if (value != null) headers.set(name, value);
          }
          headers.set("x-real-ip", addressOf(request));
          headers.set("x-assay-call", callOf(request, id));
        })
        .exchangeToMono(said -> said.releaseBody().thenReturn(new Answer(said.statusCode().value(), said.headers().asHttpHeaders())))
        .timeout(PATIENCE)
        .onErrorReturn(OPEN)
        .map(answer -> remembered(key, answer, holds ? known.answer() : OPEN))
        .publishOn(loopOf(request));
  }

  /** What was said, or else what holds. */
  private Answer remembered(String key, Answer answer, Answer held) {
    if (answer.status() == HttpStatus.FORBIDDEN.value()) keep(key, DENIED_MS, OUT);
    else if (answer.isSteady()) keep(key, STEADY_MS, answer);
    else if (answer.status() != HttpStatus.OK.value()) return held;
    return answer;
  }

  private void keep(String key, long ms, Answer answer) {
    kept.remove(key);
    kept.put(key, new Kept(System.currentTimeMillis() + ms, answer));
  }

  /** Of the client, without its credential. */
  private static String keyOf(ServerHttpRequest request) {
    try {
      var hash = MessageDigest.getInstance("SHA-256");
      for (var name : List.of("user-agent", "authorization", "x-api-key"))
        hash.update((request.getHeaders().getFirst(name) + "\n").getBytes(StandardCharsets.UTF_8));
      return addressOf(request) + " " + HexFormat.of().formatHex(hash.digest());
    } catch (NoSuchAlgorithmException error) {
      throw new IllegalStateException(error);
    }
  }

  /** The client's own thread: what a WebSocket's client sends at once would be lost on the way from another one. */
  private static Scheduler loopOf(ServerHttpRequest request) {
    var loop = new AtomicReference<Scheduler>(Schedulers.immediate());
    if (ServerHttpRequestDecorator.getNativeRequest(request) instanceof HttpServerRequest server)
      server.withConnection(connection -> loop.set(Schedulers.fromExecutor(connection.channel().eventLoop())));
    return loop.get();
  }

  /** Of which call it is, and what is known of it; the same names as in the log. */
  private static String callOf(ServerHttpRequest request, String id) {
    return "id=" + id + ";method=" + request.getMethod() + ";protocol=" + protocolOf(request)
        + ";headers=" + String.join(",", request.getHeaders().keySet()).toLowerCase() + ";host=" + request.getHeaders().getFirst("host")
        + ";uri=" + targetOf(request);
  }

  /** What the application is told; what the client said of it is taken off. */
  private static ServerWebExchange told(ServerWebExchange exchange, Answer answer) {
    return exchange.mutate().request(request -> request.headers(headers -> {
      for (var name : ANSWERS) {
        headers.remove(name);
        var value = answer.headers().getFirst(name);
        if (value != null) headers.set(name, value);
      }
    })).build();
  }

  private void log(ServerHttpRequest request, HttpStatusCode status, Answer answer, String id, long startedAt) {
    var headers = request.getHeaders();
    var said = answer.headers();
    var connection = request.getId().split("-", 2);
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("log", "assay-1");
    line.put("gateway", "spring-cloud-gateway");
    line.put("id", id);
    line.put("startedMs", startedAt);
    line.put("ms", System.currentTimeMillis() - startedAt);
    line.put("ip", addressOf(request));
    line.put("method", request.getMethod().name());
    line.put("uri", targetOf(request));
    line.put("host", headers.getFirst("host"));
    // Where the client went before there was an answer.
    line.put("status", status == null ? 499 : status.value());
    if (headers.getContentLength() >= 0) line.put("in", headers.getContentLength());
    line.put("protocol", protocolOf(request));
    line.put("userAgent", textOf(headers, "user-agent"));
    line.put("accept", textOf(headers, "accept"));
    line.put("encoding", textOf(headers, "accept-encoding"));
    line.put("language", textOf(headers, "accept-language"));
    line.put("type", textOf(headers, "content-type"));
    line.put("referer", textOf(headers, "referer"));
    line.put("headers", String.join(" ", headers.keySet()).toLowerCase());
    line.put("cookie", headers.containsKey("cookie") ? "1" : "");
    line.put("connection", connection[0]);
    line.put("subject", said.getFirst("x-assay-subject"));
    line.put("asked", said.isEmpty() ? "" : said.getFirst("x-assay-verdict") + said.getFirst("x-assay-reasons"));
    try {
      LOG.info(json.writeValueAsString(line));
    } catch (JsonProcessingException error) {
      LOG.warn("a line could not be written", error);
    }
  }

  /** Netty reads bytes as Latin-1; what was sent may be UTF-8. */
  private static String textOf(HttpHeaders headers, String name) {
    var value = headers.getFirst(name);
    return value == null ? null : new String(value.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
  }

  private static String addressOf(ServerHttpRequest request) {
    InetSocketAddress from = request.getRemoteAddress();
    return from == null ? "" : from.getAddress().getHostAddress();
  }

  private static String targetOf(ServerHttpRequest request) {
    URI uri = request.getURI();
    return uri.getRawQuery() == null ? uri.getRawPath() : uri.getRawPath() + "?" + uri.getRawQuery();
  }

  private static String protocolOf(ServerHttpRequest request) {
    return ServerHttpRequestDecorator.getNativeRequest(request) instanceof HttpServerRequest server ? server.version().text() : "";
  }

  /** The first questions take longer than a client is to wait: these are asked before the gateway listens. */
  @PostConstruct
  void warmUp() {
    for (int i = 0; asks && i < 50; i++)
      assay.get().uri("/v1/shadow").exchangeToMono(said -> said.releaseBody()).timeout(Duration.ofSeconds(1)).onErrorComplete().block();
  }
}
