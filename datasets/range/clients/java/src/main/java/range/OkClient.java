package range;

import com.eclipsesource.json.JsonObject;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import okhttp3.Cache;
import okhttp3.ConnectionSpec;
import okhttp3.FormBody;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Protocol;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;

/** What the okhttp apps have in common: their client, their headers, signing in and renewing. */
final class OkClient {
  static final MediaType JSON = MediaType.get("application/json; charset=utf-8");
  private static final long CACHE_BYTES = 4L << 20;
  private static final int MAX_BODY_BYTES = 1 << 20;

  /** Status (0 when no answer came) and the body, if it was JSON. */
  record Answer(int status, JsonObject body) {
    boolean isFine() {
      return status >= 200 && status < 300;
    }
  }

  final Seat seat;
  final OkHttpClient http;
  private final String agent;
  private final String language;
  private final boolean sendsVersion;
  private final String version;
  volatile String token = "";
  volatile String refresh = "";

  OkClient(Seat seat, boolean hasCache) {
    this.seat = seat;
    version = seat.number(1, 9) + "." + seat.number(0, 20) + "." + seat.number(0, 9);
    agent = drawAgent(seat, version);
    language = seat.pick("en-US", "de-DE", "fr-FR", "es-ES", "pl-PL", "");
    sendsVersion = seat.chance(0.4);
    OkHttpClient.Builder builder = new OkHttpClient.Builder()
        .connectTimeout(10, TimeUnit.SECONDS)
        .readTimeout(10, TimeUnit.SECONDS)
        .connectionSpecs(List.of(seat.pick(ConnectionSpec.MODERN_TLS, ConnectionSpec.MODERN_TLS, ConnectionSpec.COMPATIBLE_TLS)));
    if (seat.chance(0.25)) builder.protocols(List.of(Protocol.HTTP_1_1));
    if (hasCache) builder.cache(new Cache(seat.folder.resolve("http-cache").toFile(), CACHE_BYTES));
    http = builder.build();
  }

  /** Most apps leave okhttp's own name; others say which app, phone and version they are. */
  private static String drawAgent(Seat seat, String version) {
    String phone = seat.pick("Pixel 6", "Pixel 8", "SM-G991B", "SM-A546B", "M2101K6G", "CPH2465", "moto g(30)");
    int android = seat.number(10, 15);
    String app = seat.pick("ShopMate", "Paketo", "MyOrders", "KaufGut", "Bodega", "FieldDesk", "Ledgerly");
    return switch (seat.number(0, 4)) {
      case 0 -> app + "/" + version + " (Android " + android + "; " + phone + ") okhttp/4.12.0";
      case 1 -> app + "-Android/" + version;
      case 2 -> "com." + app.toLowerCase(java.util.Locale.ROOT) + ".app/" + version + " (Linux; Android " + android + "; " + phone + ")";
      default -> "";
    };
  }

  /** A request as this app makes it; signed if it has a token. */
  Request.Builder to(String url) {
    Request.Builder builder = new Request.Builder().url(url).header("Accept", "application/json");
    if (!agent.isEmpty()) builder.header("User-Agent", agent);
    if (!language.isEmpty()) builder.header("Accept-Language", language);
    if (sendsVersion) builder.header("X-App-Version", version);
    if (!token.isEmpty()) builder.header("Authorization", "Bearer " + token);
    return builder;
  }

  Request get(String url) {
    return to(url).build();
  }

  Request post(String url, JsonObject body) {
    return to(url).post(RequestBody.create(body.toString(), JSON)).build();
  }

  Answer call(Request request) {
    return call(http, request);
  }

  /** Makes one call; a broken network gives status 0. */
  Answer call(OkHttpClient client, Request request) {
    seat.checkTime();
    try (Response response = client.newCall(request).execute()) {
      String text = response.peekBody(MAX_BODY_BYTES).string();
      seat.count(response.code());
      return new Answer(response.code(), Seat.parse(text));
    } catch (IOException broken) {
      seat.count(0);
      return new Answer(0, new JsonObject());
    }
  }

  /** Signs in with the account; true if it got a token. */
  boolean signIn() {
    token = "";
    JsonObject body = new JsonObject().add("email", seat.email).add("password", seat.password);
    for (int tries = 0; tries < 4; tries++) {
      Answer answer = call(post(seat.at("login"), body));
      if (answer.isFine()) {
        token = Seat.text(answer.body, "token");
        refresh = Seat.text(answer.body, "refresh");
        return true;
      }
      if (answer.status >= 400 && answer.status < 429) return false;
      seat.pause(seat.log(800, 4000));
    }
    return false;
  }

  Request renewal() {
    FormBody form = new FormBody.Builder().add("grant_type", "refresh_token").add("refresh_token", refresh).build();
    Request.Builder builder = to(seat.at("token")).post(form);
    return builder.removeHeader("Authorization").build();
  }

  /** Trades the refresh token for a new one and keeps both. */
  boolean renew() {
    Answer answer = call(renewal());
    if (!answer.isFine()) return false;
    token = Seat.text(answer.body, "access_token");
    String next = Seat.text(answer.body, "refresh_token");
    if (!next.isEmpty()) refresh = next;
    return true;
  }
}
