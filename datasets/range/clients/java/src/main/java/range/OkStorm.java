package range;

import com.eclipsesource.json.JsonArray;
import com.eclipsesource.json.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import okhttp3.OkHttpClient;
import okhttp3.Request;

/**
 * A phone on a bad network: while the signal is weak, calls time out or are cut off after some milliseconds, and the app asks for
 * the same again and again, for all of its screen at once; what the network then lets through arrives in a burst.
 */
final class OkStorm {
  private static final int MAX_TRIES = 40;

  private final Seat seat;
  private final OkClient app;
  private final OkHttpClient impatient;
  private final double weakShare;
  private final int tries;
  private final double retryMs;
  private List<String> products = List.of();

  OkStorm(Seat seat) {
    this.seat = seat;
    app = new OkClient(seat, false);
    weakShare = seat.real(0.3, 0.85);
    tries = seat.logInt(3, MAX_TRIES);
    retryMs = seat.log(15, 900);
    impatient = app.http.newBuilder()
        .connectTimeout(seat.number(60, 250), TimeUnit.MILLISECONDS)
        .readTimeout(seat.number(12, 40), TimeUnit.MILLISECONDS)
        .build();
  }

  void run() {
    for (int n = 0; n < 6 && !app.signIn(); n++) seat.pause(seat.log(300, 3000));
    for (int n = 0; n < 4 && products.isEmpty(); n++) products = Seat.ids(app.call(app.get(seat.at("products") + "?limit=50")).body());
    int rounds = seat.logInt(6, 60);
    for (int round = 0; round < rounds; round++) {
      boolean isWeak = seat.chance(weakShare);
      // A change of cell or from Wi-Fi to mobile drops the connections.
      if (isWeak && seat.chance(0.6)) app.http.connectionPool().evictAll();
      refreshScreen(isWeak);
      if (!products.isEmpty() && seat.chance(seat.isForm("doubled") ? 0.7 : 0.25)) send(isWeak);
      if (!products.isEmpty() && seat.isForm("offline-queue") && seat.chance(0.4)) emptyQueue();
      seat.pause(seat.log(150, 4000));
    }
  }

  /** All calls of a screen at once, each tried on its own until it works or the app gives up. */
  private void refreshScreen(boolean isWeak) {
    List<Request> wanted = new ArrayList<>(List.of(app.get(seat.at("orders") + "?limit=20")));
    if (seat.chance(0.6)) wanted.add(app.get(seat.at("me")));
    if (seat.chance(0.5)) wanted.add(app.get(seat.at("products") + "?limit=20"));
    CountDownLatch done = new CountDownLatch(wanted.size());
    for (Request request : wanted) start(() -> insist(request, isWeak), done);
    await(done);
  }

  private OkClient.Answer insist(Request request, boolean isWeak) {
    Request current = request;
    OkClient.Answer answer = new OkClient.Answer(0, new JsonObject());
    for (int n = 0; n < tries; n++) {
      boolean isLost = isWeak && seat.chance(n < tries / 2 ? 0.93 : 0.6);
      answer = isLost ? cutOff(current) : app.call(current);
      if (answer.status() == 401 && n < tries - 1) current = signAgain(current);
      else if (answer.status() != 0 && answer.status() != 429 && answer.status() != 503) break;
      seat.pause(retryMs * seat.log(0.5, 2));
    }
    return answer;
  }

  /** One renewal at a time: the others of the same screen find the new token. */
  private synchronized Request signAgain(Request refused) {
    String used = refused.header("Authorization");
    boolean isOld = used != null && used.equals("Bearer " + app.token);
    if (isOld && !app.renew()) app.signIn();
    return refused.newBuilder().header("Authorization", "Bearer " + app.token).build();
  }

  /** Lost on the way: by a short time-out, or because the app cancels it in flight. */
  private OkClient.Answer cutOff(Request request) {
    if (seat.chance(0.5)) return app.call(impatient, request);
    OkHttpClient hasty = app.http.newBuilder().callTimeout(seat.number(4, 25), TimeUnit.MILLISECONDS).build();
    return app.call(hasty, request);
  }

  /** A new order; if its answer gets lost it's sent again although the first may have arrived. */
  private void send(boolean isWeak) {
    Request request = newOrder();
    if (seat.isForm("doubled") && seat.chance(0.6)) {
      CountDownLatch done = new CountDownLatch(2);
      start(() -> insist(request, isWeak), done);
      start(() -> insist(request, isWeak), done);
      await(done);
    } else insist(request, isWeak);
  }

  /** What was noted while there was no signal goes out at once, one after the other. */
  private void emptyQueue() {
    for (int left = seat.logInt(3, 20); left > 0; left--) {
      insist(newOrder(), false);
    }
  }

  private Request newOrder() {
    JsonArray lines = new JsonArray();
    for (int n = seat.number(1, 3); n > 0; n--)
      lines.add(new JsonObject().add("productId", seat.pick(products)).add("qty", seat.number(1, 3)));
    return app.post(seat.at("orders"), new JsonObject().add("items", lines).add("note", "visit " + seat.number(1, 99_999)));
  }

  private static void start(Runnable work, CountDownLatch done) {
    Thread thread = new Thread(() -> {
      try {
        work.run();
      } catch (Seat.TimeIsUp end) {
        // The main thread finds out by itself.
      } finally {
        done.countDown();
      }
    });
    thread.setDaemon(true);
    thread.start();
  }

  private void await(CountDownLatch done) {
    try {
      if (!done.await(Math.max(1, seat.leftMs()), TimeUnit.MILLISECONDS)) throw new Seat.TimeIsUp();
    } catch (InterruptedException stop) {
      throw new Seat.TimeIsUp();
    }
  }
}
