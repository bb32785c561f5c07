package range;

import com.eclipsesource.json.Json;
import com.eclipsesource.json.JsonArray;
import com.eclipsesource.json.JsonObject;
import com.eclipsesource.json.JsonValue;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/** What the range hands a client, with the dice that all of its choices come from. */
final class Seat {
  /** Thrown out of pauses and checks when RANGE_SECONDS have passed. */
  static final class TimeIsUp extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  final String url;
  final String form;
  final String email;
  final String password;
  final String apiKey;
  final String card;
  final String coupon;
  final Path folder;
  private final JsonObject api;
  private final Random random;
  private final long endsAtMs;
  private final Map<Integer, Integer> statuses = new TreeMap<>();

  private Seat(Map<String, String> env) {
    url = env.get("RANGE_URL").replaceAll("/+$", "");
    form = env.getOrDefault("RANGE_FORM", "plain");
    email = env.getOrDefault("RANGE_EMAIL", "");
    password = env.getOrDefault("RANGE_PASSWORD", "");
    apiKey = env.getOrDefault("RANGE_API_KEY", "");
    card = env.getOrDefault("RANGE_CARD", "4242424242424242");
    coupon = env.getOrDefault("RANGE_COUPON", "");
    folder = Path.of(env.getOrDefault("HOME", "."));
    api = Json.parse(env.get("RANGE_API")).asObject();
    // Neighbouring seeds give neighbouring first draws in java.util.Random.
    random = new Random(Long.parseLong(env.getOrDefault("RANGE_SEED", "1")) * 0x9E3779B97F4A7C15L);
    endsAtMs = System.currentTimeMillis() + Long.parseLong(env.getOrDefault("RANGE_SECONDS", "30")) * 1000 - 1000;
  }

  static Seat fromEnvironment() {
    return new Seat(System.getenv());
  }

  /** Path of a logical name, with the id in its place or at its end. */
  String path(String name, String id) {
    String path = api.getString(name, "/" + name);
    if (path.contains("{}")) return path.replace("{}", id);
    return id.isEmpty() ? path : path + "/" + id;
  }

  String path(String name) {
    return path(name, "");
  }

  /** Address of a logical name. */
  String at(String name) {
    return url + path(name);
  }

  String at(String name, String id) {
    return url + path(name, id);
  }

  boolean isForm(String wanted) {
    return form.equals(wanted);
  }

  long leftMs() {
    return endsAtMs - System.currentTimeMillis();
  }

  void checkTime() {
    if (leftMs() <= 0) throw new TimeIsUp();
  }

  /** Sleeps; ends the client if its time would be over before. */
  void pause(double ms) {
    checkTime();
    if (ms >= leftMs()) throw new TimeIsUp();
    try {
      Thread.sleep((long) ms);
    } catch (InterruptedException stop) {
      throw new TimeIsUp();
    }
  }

  synchronized double real(double low, double high) {
    return low + random.nextDouble() * (high - low);
  }

  /** Spread evenly over orders of magnitude, as people's pauses and jobs' sizes are. */
  double log(double low, double high) {
    return Math.exp(real(Math.log(low), Math.log(high)));
  }

  int logInt(int low, int high) {
    return (int) Math.round(log(low, high));
  }

  synchronized int number(int low, int high) {
    return low + random.nextInt(high - low + 1);
  }

  boolean chance(double p) {
    return real(0, 1) < p;
  }

  <T> T pick(List<T> items) {
    return items.get(number(0, items.size() - 1));
  }

  @SafeVarargs
  @SuppressWarnings("varargs")
  final <T> T pick(T... items) {
    return items[number(0, items.length - 1)];
  }

  /** A day up to `days` before today, as updated_since takes it. */
  String daysAgo(int days) {
    return LocalDate.now(ZoneOffset.UTC).minusDays(days) + "T00:00:00Z";
  }

  synchronized void count(int status) {
    statuses.merge(status, 1, Integer::sum);
  }

  synchronized String tally() {
    return statuses.toString();
  }

  static JsonObject parse(String text) {
    try {
      JsonValue value = Json.parse(text);
      return value.isObject() ? value.asObject() : new JsonObject();
    } catch (RuntimeException notJson) {
      return new JsonObject();
    }
  }

  /** A member as text, whether the API sends ids as numbers or as strings; empty if absent. */
  static String text(JsonObject object, String name) {
    JsonValue value = object.get(name);
    if (value == null || value.isNull()) return "";
    return value.isString() ? value.asString() : value.toString();
  }

  /** Ids of a list answer, in its order. */
  static List<String> ids(JsonObject page) {
    List<String> ids = new ArrayList<>();
    if (!(page.get("items") instanceof JsonArray items)) return ids;
    for (JsonValue item : items) if (item.isObject()) ids.add(text(item.asObject(), "id"));
    return ids;
  }
}
