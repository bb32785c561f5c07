package range;

import okhttp3.Request;

/**
 * An app stuck renewing its token. Forms: `clock`, whose clock runs ahead so that every token seems over at once; `saved`, which
 * never writes the new token where it reads it; `after`, which renews after each call; `dead`, whose refresh token is gone too and
 * whose background work asks on and on.
 */
final class OkTokenLoop {
  private final Seat seat;
  private final OkClient app;
  private final double paceMs;
  private String oldToken = "";

  OkTokenLoop(Seat seat) {
    this.seat = seat;
    app = new OkClient(seat, false);
    paceMs = seat.log(60, 4000);
  }

  void run() {
    if (seat.isForm("dead")) {
      app.token = stale();
      app.refresh = stale();
    } else if (!app.signIn()) return;
    oldToken = seat.chance(0.5) ? stale() : app.token;
    int rounds = seat.logInt(8, 300);
    for (int round = 0; round < rounds; round++) {
      playRound();
      seat.pause(paceMs * seat.log(0.5, 2));
    }
  }

  private void playRound() {
    Request wanted = app.get(seat.pick(seat.at("orders") + "?limit=20", seat.at("me"), seat.at("orders") + "?limit=20"));
    switch (seat.form) {
      case "clock" -> {
        renewOrSignIn();
        app.call(signed(wanted, app.token));
      }
      case "after" -> {
        app.call(wanted);
        renewOrSignIn();
      }
      case "dead" -> {
        // The background worker neither shows a sign-in form nor gives up.
        if (app.call(wanted).status() == 401) app.call(app.renewal());
      }
      default -> readSaved(wanted);
    }
  }

  private void readSaved(Request wanted) {
    if (app.call(signed(wanted, oldToken)).status() != 401) return;
    if (renewOrSignIn()) app.call(signed(wanted, app.token));
  }

  private boolean renewOrSignIn() {
    return app.renew() || app.signIn();
  }

  private static Request signed(Request request, String token) {
    return request.newBuilder().header("Authorization", "Bearer " + token).build();
  }

  /** A token of last week, as the API's own look. */
  private String stale() {
    StringBuilder text = new StringBuilder();
    for (int n = 0; n < 40; n++) text.append("0123456789abcdef".charAt(seat.number(0, 15)));
    return text.toString();
  }
}
