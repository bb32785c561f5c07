package range;

import com.eclipsesource.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * A month of orders fetched again, with a partner key, as fast as it is allowed. Forms: `list-first` reads every page and then every
 * order in order; `by-page` reads the orders of a page before the next page; `parallel` has several reads under way.
 */
final class JdkBackfill {
  private static final int MAX_TRIES = 12;

  private final Seat seat;
  private final HttpClient http;
  private final String agent;
  private final int ordersAtMost;
  private final int pageSize;
  private final int atOnce;
  private final boolean heedsRetryAfter;
  private final boolean sendsBearer;

  JdkBackfill(Seat seat) {
    this.seat = seat;
    HttpClient.Builder builder = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5));
    if (seat.chance(0.35)) builder.version(HttpClient.Version.HTTP_1_1);
    http = builder.build();
    agent = seat.chance(0.6) ? "" : seat.pick("warehouse-loader", "dwh-backfill", "BookKeeper", "etl") + "/" + seat.number(1, 5) + "." + seat.number(0, 20);
    ordersAtMost = seat.logInt(250, 3000);
    pageSize = seat.pick(50, 100, 100, 100);
    atOnce = seat.isForm("parallel") ? seat.number(2, 6) : 1;
    heedsRetryAfter = seat.chance(0.8);
    sendsBearer = seat.chance(0.7);
  }

  void run() {
    List<String> all = new ArrayList<>();
    String next = seat.path("orders") + "?limit=" + pageSize + "&updated_since=" + seat.daysAgo(seat.number(31, 62));
    while (!next.isEmpty() && all.size() < ordersAtMost) {
      JsonObject page = fetch(next);
      List<String> shown = Seat.ids(page);
      if (shown.isEmpty()) break;
      all.addAll(shown);
      if (!seat.isForm("list-first")) readAll(shown);
      next = Seat.text(page, "next");
    }
    if (seat.isForm("list-first")) readAll(all);
  }

  private void readAll(List<String> ids) {
    for (int from = 0; from < ids.size(); from += atOnce) {
      List<CompletableFuture<JsonObject>> batch = new ArrayList<>();
      for (String id : ids.subList(from, Math.min(ids.size(), from + atOnce))) {
        String path = seat.path("order", id);
        if (atOnce == 1) fetch(path);
        else batch.add(CompletableFuture.supplyAsync(() -> fetch(path)));
      }
      batch.forEach(this::finish);
    }
  }

  private void finish(CompletableFuture<JsonObject> read) {
    try {
      read.join();
    } catch (java.util.concurrent.CompletionException failed) {
      if (failed.getCause() instanceof Seat.TimeIsUp end) throw end;
      throw failed;
    }
  }

  /** Reads until it has it: a backfill with holes is worthless. */
  private JsonObject fetch(String path) {
    for (int n = 0; n < MAX_TRIES; n++) {
      seat.checkTime();
      try {
        HttpResponse<String> response = http.send(request(path), HttpResponse.BodyHandlers.ofString());
        seat.count(response.statusCode());
        if (response.statusCode() == 200) return Seat.parse(response.body());
        if (response.statusCode() != 429 && response.statusCode() < 500) break;
        seat.pause(waitMs(response, n));
      } catch (IOException broken) {
        seat.count(0);
        seat.pause(500);
      } catch (InterruptedException stop) {
        throw new Seat.TimeIsUp();
      }
    }
    return new JsonObject();
  }

  private HttpRequest request(String path) {
    HttpRequest.Builder builder = HttpRequest.newBuilder(URI.create(seat.url + path)).timeout(Duration.ofSeconds(20));
    if (!agent.isEmpty()) builder.header("User-Agent", agent);
    if (seat.form.equals("by-page")) builder.header("Accept", "application/json");
    if (sendsBearer) builder.header("Authorization", "Bearer " + seat.apiKey);
    else builder.header("X-Api-Key", seat.apiKey);
    return builder.build();
  }

  private double waitMs(HttpResponse<String> response, int tries) {
    double backOff = 250 * Math.pow(2, Math.min(tries, 5));
    if (!heedsRetryAfter) return backOff;
    return response.headers().firstValueAsLong("Retry-After").orElse(0) * 1000.0 + backOff * 0.2;
  }
}
