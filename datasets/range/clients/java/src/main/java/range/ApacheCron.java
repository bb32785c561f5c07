package range;

/** A nightly export, set to the full minute as everybody's is: some pages with a key, then silence until the next full minute. */
final class ApacheCron {
  private static final int MINUTE_MS = 60_000;

  private final Seat seat;
  private final ApacheClient http;
  private final String resource;
  private final int pages;
  private final int pageSize;

  ApacheCron(Seat seat) {
    this.seat = seat;
    http = new ApacheClient(seat);
    resource = seat.pick("orders", "customers", "orders");
    pages = seat.logInt(5, 60);
    pageSize = seat.pick(50, 100, 100);
  }

  void run() {
    int runs = seat.isForm("each-minute") ? 3 : 1;
    for (int n = 0; n < runs; n++) {
      // Cron starts its jobs within the first tenths of the minute's first second.
      seat.pause(MINUTE_MS - System.currentTimeMillis() % MINUTE_MS + seat.number(5, 120));
      export();
    }
  }

  private void export() {
    String since = seat.chance(0.5) ? "&updated_since=" + seat.daysAgo(seat.number(1, 30)) : "";
    String next = seat.path(resource) + "?limit=" + pageSize + since;
    for (int page = 0; page < pages && !next.isEmpty(); page++) {
      ApacheClient.Answer answer = http.get(seat.url + next);
      if (!answer.isFine()) return;
      next = Seat.text(answer.body(), "next");
    }
  }
}
