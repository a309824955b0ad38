import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.fusesource.hawtbuf.Buffer;
import org.fusesource.hawtbuf.UTF8Buffer;
import org.fusesource.mqtt.client.Callback;
import org.fusesource.mqtt.client.CallbackConnection;
import org.fusesource.mqtt.client.Listener;
import org.fusesource.mqtt.client.MQTT;
import org.fusesource.mqtt.client.QoS;
import org.fusesource.mqtt.client.Topic;

/**
 * A consumer of edge-agent's events: every event counted once, whatever the network does.
 *
 * <pre>
 * apt install default-jdk-headless libmqtt-client-java libgoogle-gson-java      (or: mvn compile)
 * CP=$(ls /usr/share/java/{mqtt-client,hawtbuf,hawtdispatch,hawtdispatch-transport,gson}.jar | tr '\n' ':')
 * javac -cp $CP -d classes src/main/java/*.java
 * java -cp $CP:classes Consumer --host broker.example --site joy --state events.jsonl
 * </pre>
 *
 * How it stays right (docs/crm-integration.md says why): a persistent session and QoS 1; a message is acknowledged only once
 * it is on our disk ({@link Store}); an event whose id is known is dropped; visits are worked out of the events by `seq`, not
 * by order of arrival, and without those that a later event retracts ({@link Table}).
 */
public final class Consumer implements Listener {
    private static final List<String> TOPICS = List.of("visit/+", "receipt/+", "flow/#", "privacy/+");

    private final Store store;
    private final String base;
    private final CallbackConnection connection;
    private volatile long last = System.nanoTime();

    private Consumer(Map<String, String> args) throws Exception {
        store = new Store(Path.of(args.getOrDefault("state", "events.jsonl")));
        base = args.getOrDefault("prefix", "mall/v1") + "/" + args.get("site") + "/";
        MQTT mqtt = new MQTT();
        mqtt.setVersion("3.1.1");
        mqtt.setHost((args.containsKey("ca") ? "tls://" : "tcp://") + args.getOrDefault("host", "localhost") + ":"
                + args.getOrDefault("port", "1883"));
        // A persistent session under the name that is always the same; it calls again by itself when the line breaks.
        mqtt.setCleanSession(false);
        mqtt.setClientId(args.getOrDefault("client-id", "crm-java"));
        if (args.containsKey("username")) mqtt.setUserName(args.get("username"));
        if (args.containsKey("password-file")) mqtt.setPassword(Files.readAllLines(Path.of(args.get("password-file"))).get(0));
        if (args.containsKey("ca")) mqtt.setSslContext(trusting(args.get("ca")));
        connection = mqtt.callbackConnection();
        connection.listener(this);
        connection.connect(new Callback<Void>() {
            @Override
            public void onSuccess(Void nothing) {
                subscribe();
            }

            @Override
            public void onFailure(Throwable why) {
                System.err.println("refused: " + why);
                System.exit(69);
            }
        });
    }

    public static void main(String[] argv) throws Exception {
        Map<String, String> args = new HashMap<>();
        for (int i = 0; i + 1 < argv.length; i += 2) args.put(argv[i].replaceFirst("^--", ""), argv[i + 1]);
        if (!args.containsKey("site")) {
            System.err.println("--site ID is needed");
            System.exit(64);
        }
        Consumer consumer = new Consumer(args);
        if (!args.containsKey("idle")) Thread.currentThread().join(); // runs until it is stopped
        long idle = (long) (Double.parseDouble(args.get("idle")) * 1e9);
        while (System.nanoTime() - consumer.last < idle) Thread.sleep(100);
        synchronized (consumer.store) {
            Table table = new Table(consumer.store.events.values());
            for (JsonObject row : table.rows.values()) System.out.println(Store.json(row));
            JsonObject totals = new JsonObject();
            totals.add("totals", table.totals);
            System.out.println(Store.json(totals));
            System.err.println("duplicates dropped: " + consumer.store.duplicates);
        }
        System.exit(0);
    }

    private void subscribe() {
        // Each time we start: a broker that has lost our session has lost our subscriptions with it.
        Topic[] topics = TOPICS.stream().map(t -> new Topic(base + t, QoS.AT_LEAST_ONCE)).toArray(Topic[]::new);
        connection.subscribe(topics, new Callback<byte[]>() {
            @Override
            public void onSuccess(byte[] granted) {
                System.err.println("listening");
            }

            @Override
            public void onFailure(Throwable why) {
                System.err.println("refused: " + why);
            }
        });
    }

    /** `acknowledge` sends PUBACK: when we say so, not when the message came in. */
    @Override
    public void onPublish(UTF8Buffer topic, Buffer body, Runnable acknowledge) {
        last = System.nanoTime();
        JsonObject event = null;
        try {
            String text = new String(body.toByteArray(), StandardCharsets.UTF_8);
            event = JsonParser.parseString(text).getAsJsonObject();
            if (!event.has("id") || !event.has("type") || !event.has("data")) throw new IllegalStateException("no event");
        } catch (RuntimeException e) {
            // Unacknowledged it would come again for ever, and nothing after it.
            System.err.println("not an event on " + topic + ": " + e.getMessage());
            event = null;
        }
        try {
            if (event != null) store.take(event);
        } catch (IOException e) {
            // Not on the disk: not acknowledged. Whoever watches over us starts us again, and the broker sends it again.
            System.err.println("cannot keep an event: " + e);
            System.exit(74);
        }
        acknowledge.run();
    }

    @Override
    public void onConnected() { }

    @Override
    public void onDisconnected() {
        System.err.println("disconnected; calling again");
    }

    @Override
    public void onFailure(Throwable why) {
        System.err.println("the connection failed: " + why);
    }

    private static SSLContext trusting(String pem) throws Exception {
        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null, null);
        try (FileInputStream in = new FileInputStream(pem)) {
            int n = 0;
            for (var certificate : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
                trusted.setCertificateEntry("ca" + n++, certificate);
            }
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, factory.getTrustManagers(), null);
        return context;
    }
}
