package range;

import com.eclipsesource.json.JsonObject;
import java.util.ArrayList;
import java.util.List;
import okhttp3.OkHttpClient;
import okhttp3.Request;

/** A phone app in the hand of its user: opens, looks at orders and products, now and then buys; okhttp's cache asks with ETags. */
final class OkMobile {
  private final Seat seat;
  private final OkClient app;
  private final OkHttpClient http;
  private final double paceMs;
  private final int pageSize;
  private List<String> products = new ArrayList<>();

  OkMobile(Seat seat) {
    this.seat = seat;
    app = new OkClient(seat, true);
    paceMs = seat.log(250, 3000);
    pageSize = seat.pick(10, 20, 20, 25, 50);
    http = app.http.newBuilder().authenticator((route, response) -> signAgain(response.request(), response.priorResponse() != null)).build();
  }

  void run() {
    if (seat.isForm("guest")) {
      browseProducts();
    } else {
      if (!app.signIn()) return;
      ask(app.get(seat.at("me")));
    }
    int rounds = seat.isForm("glance") ? seat.number(1, 4) : seat.logInt(4, 60);
    for (int round = 0; round < rounds; round++) {
      think();
      playRound();
    }
  }

  private void playRound() {
    double dice = seat.real(0, 1);
    if (seat.isForm("guest")) {
      if (dice < 0.75) browseProducts();
      else search();
    } else if (seat.isForm("shopper") && dice < 0.35) buy();
    else if (dice < 0.5) browseOrders();
    else if (dice < 0.85) browseProducts();
    else if (dice < 0.92) search();
    else ask(app.get(seat.at("me")));
  }

  /** What okhttp calls on a 401: a new token, and the same request again; once. */
  private Request signAgain(Request refused, boolean isSecond) {
    if (isSecond || refused.header("Authorization") == null) return null;
    if (!app.renew() && !app.signIn()) return null;
    return refused.newBuilder().header("Authorization", "Bearer " + app.token).build();
  }

  /** A person waits or taps again when it did not work. */
  private OkClient.Answer ask(Request request) {
    OkClient.Answer answer = app.call(http, request);
    for (int again = 0; again < 2 && (answer.status() == 429 || answer.status() == 503 || answer.status() == 0); again++) {
      seat.pause(seat.log(1000, 4000));
      answer = app.call(http, request);
    }
    return answer;
  }

  private void think() {
    seat.pause(paceMs * seat.log(0.25, 4));
  }

  private void browseOrders() {
    OkClient.Answer page = ask(app.get(seat.at("orders") + "?limit=" + pageSize));
    List<String> shown = Seat.ids(page.body());
    String next = Seat.text(page.body(), "next");
    if (!next.isEmpty() && seat.chance(0.3)) {
      think();
      shown = Seat.ids(ask(app.get(seat.url + next)).body());
    }
    for (int n = Math.min(shown.size(), seat.number(0, 3)); n > 0; n--) {
      think();
      ask(app.get(seat.at("order", seat.pick(shown))));
    }
  }

  private void browseProducts() {
    OkClient.Answer page = ask(app.get(seat.at("products") + "?limit=" + pageSize));
    List<String> shown = Seat.ids(page.body());
    String next = Seat.text(page.body(), "next");
    for (int scrolls = seat.number(0, 3); scrolls > 0 && !next.isEmpty(); scrolls--) {
      seat.pause(seat.log(300, 2000));
      page = ask(app.get(seat.url + next));
      shown.addAll(Seat.ids(page.body()));
      next = Seat.text(page.body(), "next");
    }
    if (!shown.isEmpty()) products = shown;
    for (int n = seat.number(0, 4); n > 0 && !products.isEmpty(); n--) {
      think();
      look(seat.pick(products));
    }
  }

  private void look(String product) {
    ask(app.get(seat.at("product", product)));
  }

  private void search() {
    String words = seat.pick("lamp", "chair", "blue", "cable", "garden", "small", "travel", "desk", "set");
    // As typed, letter groups first.
    if (seat.chance(0.4)) {
      ask(app.get(seat.at("search") + "?q=" + words.substring(0, 3)));
      seat.pause(seat.log(250, 900));
    }
    List<String> found = Seat.ids(ask(app.get(seat.at("search") + "?q=" + words)).body());
    if (!found.isEmpty() && seat.chance(0.7)) {
      think();
      look(seat.pick(found));
    }
  }

  private void buy() {
    if (products.isEmpty()) browseProducts();
    if (products.isEmpty()) return;
    String cart = Seat.text(ask(app.post(seat.at("cart"), new JsonObject())).body(), "id");
    if (cart.isEmpty()) return;
    for (int n = seat.number(1, 4); n > 0; n--) {
      if (n > 1 || seat.chance(0.5)) look(seat.pick(products));
      think();
      JsonObject item = new JsonObject().add("productId", seat.pick(products)).add("qty", seat.pick(1, 1, 1, 2, 3));
      ask(app.post(seat.at("cartItems", cart), item));
    }
    think();
    if (seat.chance(0.2)) {
      ask(app.to(seat.at("cart") + "/" + cart).delete().build());
      return;
    }
    pay(cart);
  }

  private void pay(String cart) {
    JsonObject card = new JsonObject()
        .add("card", seat.card)
        .add("expiry", "0" + seat.number(1, 9) + "/29")
        .add("cvc", String.valueOf(seat.number(100, 999)))
        .add("amount", seat.number(500, 20_000))
        .add("cartId", cart);
    if (seat.chance(0.2)) {
      ask(app.post(seat.at("coupon", cart), new JsonObject().add("code", seat.chance(0.7) ? seat.coupon : "WELCOME")));
      think();
    }
    if (!ask(app.post(seat.at("payments"), card)).isFine()) return;
    ask(app.post(seat.at("checkout", cart), new JsonObject()));
    if (seat.chance(0.8)) ask(app.get(seat.at("orders") + "?limit=" + pageSize));
  }
}
