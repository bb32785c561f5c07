package range;

import com.eclipsesource.json.JsonObject;
import java.util.HashMap;
import java.util.Map;

/** A partner keeps its customers equal to ours: what changed since last time, page by page, some read whole, some written back. */
final class ApacheSync {
  private static final int MAX_PAGES = 40;
  private static final int MAX_TAGS = 4000;

  private final Seat seat;
  private final ApacheClient http;
  private final String resource;
  private final String item;
  private final double readShare;
  private final double writeShare;
  private final int pageSize;
  private final double paceMs;
  private final int itemsAtMost;
  private final Map<String, String> tags = new HashMap<>();
  private int items = 0;

  ApacheSync(Seat seat) {
    this.seat = seat;
    http = new ApacheClient(seat);
    boolean isOrders = seat.isForm("orders");
    resource = isOrders ? "orders" : "customers";
    item = isOrders ? "order" : "customer";
    readShare = seat.pick(0.0, 0.1, 0.3, 0.7, 1.0);
    writeShare = seat.isForm("write-back") ? seat.real(0.3, 0.8) : seat.real(0, 0.2);
    pageSize = seat.pick(20, 50, 50, 100);
    paceMs = seat.chance(0.4) ? 0 : seat.log(5, 400);
    itemsAtMost = seat.logInt(20, 600);
  }

  void run() {
    int rounds = seat.number(1, 4);
    for (int round = 0; round < rounds; round++) {
      items = 0;
      syncOnce(seat.daysAgo(round == 0 ? seat.logInt(2, 300) : seat.logInt(1, 10)));
      seat.pause(seat.log(3000, 20_000));
    }
  }

  private void syncOnce(String since) {
    String next = seat.path(resource) + "?limit=" + pageSize + "&updated_since=" + since;
    for (int page = 0; page < MAX_PAGES && !next.isEmpty() && items < itemsAtMost; page++) {
      ApacheClient.Answer answer = http.get(seat.url + next);
      // After its retries it leaves the rest for the next round.
      if (!answer.isFine()) return;
      for (String id : Seat.ids(answer.body())) if (items < itemsAtMost) visit(id);
      next = Seat.text(answer.body(), "next");
      seat.pause(paceMs);
    }
  }

  private void visit(String id) {
    if (!seat.chance(readShare)) return;
    items++;
    ApacheClient.Answer answer = http.get(seat.at(item, id), tags.getOrDefault(id, ""));
    if (!answer.etag().isEmpty() && tags.size() < MAX_TAGS) tags.put(id, answer.etag());
    if (answer.isFine() && seat.chance(writeShare)) {
      http.patch(seat.at(item, id), new JsonObject().add("note", "synced " + seat.number(1, 9999)));
      tags.remove(id);
    }
    seat.pause(paceMs);
  }
}
