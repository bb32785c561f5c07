package range;

/** Picks the client by its name; each ends by itself within RANGE_SECONDS. */
public final class Main {
  private Main() {}

  private interface Client {
    void run(Seat seat) throws Exception;
  }

  public static void main(String[] args) throws Exception {
    String name = args.length > 0 ? args[0] : "";
    Client client = switch (name) {
      case "okhttp-mobile" -> seat -> new OkMobile(seat).run();
      case "okhttp-storm" -> seat -> new OkStorm(seat).run();
      case "okhttp-token-loop" -> seat -> new OkTokenLoop(seat).run();
      case "apache-sync" -> seat -> new ApacheSync(seat).run();
      case "apache-cron" -> seat -> new ApacheCron(seat).run();
      case "java-backfill" -> seat -> new JdkBackfill(seat).run();
      default -> null;
    };
    if (client == null) {
      System.err.println("usage: range-java CLIENT (there is no client '" + name + "')");
      System.exit(2);
    }
    Seat seat = Seat.fromEnvironment();
    try {
      client.run(seat);
    } catch (Seat.TimeIsUp end) {
      System.out.println("time is up");
    }
    System.out.println(name + " form " + seat.form + ": " + seat.tally());
    // Pools of HTTP libraries keep threads alive for a minute or more.
    System.exit(0);
  }
}
