package range;

import com.eclipsesource.json.JsonObject;
import java.io.IOException;
import org.apache.hc.client5.http.config.ConnectionConfig;
import org.apache.hc.client5.http.impl.DefaultHttpRequestRetryStrategy;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClientBuilder;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder;
import org.apache.hc.core5.http.ClassicHttpRequest;
import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.io.entity.EntityUtils;
import org.apache.hc.core5.http.io.support.ClassicRequestBuilder;
import org.apache.hc.core5.util.TimeValue;
import org.apache.hc.core5.util.Timeout;

/** A partner's HTTP client: Apache HttpClient with its own retry strategy, which waits as Retry-After says on 429 and 503. */
final class ApacheClient {
  private static final int MAX_BODY_BYTES = 1 << 20;

  record Answer(int status, String etag, JsonObject body) {
    boolean isFine() {
      return status >= 200 && status < 300;
    }
  }

  final Seat seat;
  private final CloseableHttpClient http;
  private final boolean sendsBearer;

  ApacheClient(Seat seat) {
    this.seat = seat;
    sendsBearer = seat.chance(0.6);
    ConnectionConfig connection = ConnectionConfig.custom()
        .setConnectTimeout(Timeout.ofSeconds(5))
        .setSocketTimeout(Timeout.ofSeconds(20))
        .build();
    HttpClientBuilder builder = HttpClients.custom()
        .setConnectionManager(PoolingHttpClientConnectionManagerBuilder.create().setDefaultConnectionConfig(connection).build())
        .setRetryStrategy(new DefaultHttpRequestRetryStrategy(seat.number(3, 6), TimeValue.ofMilliseconds(seat.number(500, 2000))));
    String agent = drawAgent(seat);
    if (!agent.isEmpty()) builder.setUserAgent(agent);
    // Some jobs are built with a new connection each time.
    if (seat.chance(0.15)) builder.setConnectionReuseStrategy((request, response, context) -> false);
    http = builder.build();
  }

  private static String drawAgent(Seat seat) {
    String name = seat.pick("ContactBridge", "acme-sync", "StockMirror", "ErpConnector", "LedgerLink", "crm-export");
    String version = seat.number(1, 6) + "." + seat.number(0, 30);
    return switch (seat.number(0, 3)) {
      case 0 -> name + "/" + version;
      case 1 -> name + "/" + version + " (+https://partner.example/support) Apache-HttpClient/5.3.1";
      default -> "";
    };
  }

  Answer get(String url) {
    return call(ClassicRequestBuilder.get(url));
  }

  /** Asks only for what is new since the entity tag; an empty tag asks for all. */
  Answer get(String url, String etag) {
    ClassicRequestBuilder builder = ClassicRequestBuilder.get(url);
    return call(etag.isEmpty() ? builder : builder.addHeader("If-None-Match", etag));
  }

  Answer patch(String url, JsonObject body) {
    return call(ClassicRequestBuilder.patch(url).setEntity(body.toString(), ContentType.APPLICATION_JSON));
  }

  Answer call(ClassicRequestBuilder builder) {
    seat.checkTime();
    builder.addHeader("Accept", "application/json");
    if (sendsBearer) builder.addHeader("Authorization", "Bearer " + seat.apiKey);
    else builder.addHeader("X-Api-Key", seat.apiKey);
    ClassicHttpRequest request = builder.build();
    try {
      return http.execute(request, response -> {
        Header etag = response.getFirstHeader("ETag");
        String text = response.getEntity() == null ? "" : EntityUtils.toString(response.getEntity(), MAX_BODY_BYTES);
        seat.count(response.getCode());
        return new Answer(response.getCode(), etag == null ? "" : etag.getValue(), Seat.parse(text));
      });
    } catch (IOException broken) {
      seat.count(0);
      return new Answer(0, "", new JsonObject());
    }
  }
}
