import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicIdPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * A member of a share group: BOOTSTRAP TOPIC GROUP, until standard input ends.
 *
 * Accepts every record but those whose value begins with "poison", which it releases. A line for each record it was given ("got"), and
 * one for each whose acceptance was confirmed ("accepted"): partition, offset, delivery count, value.
 */
public class JavaShareMember {
    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", args[0]);
        properties.put("group.id", args[2]);
        properties.put("share.acknowledgement.mode", "explicit");
        properties.put("max.poll.records", "20");
        properties.put("key.deserializer", StringDeserializer.class.getName());
        properties.put("value.deserializer", StringDeserializer.class.getName());
        properties.putAll(System.getenv("SHARE_CONFIG") == null ? Map.of() : pairs(System.getenv("SHARE_CONFIG")));
        AtomicBoolean ended = new AtomicBoolean();
        Thread watcher = new Thread(() -> {
            try {
                while (System.in.read() >= 0) { }
            } catch (IOException ignored) { }
            ended.set(true);
        });
        watcher.setDaemon(true);
        watcher.start();
        try (KafkaShareConsumer<String, String> consumer = new KafkaShareConsumer<>(properties)) {
            consumer.subscribe(List.of(args[1]));
            while (!ended.get()) {
                List<ConsumerRecord<String, String>> accepted = new ArrayList<>();
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
                    say("got", record);
                    boolean poison = record.value().startsWith("poison");
                    consumer.acknowledge(record, poison ? AcknowledgeType.RELEASE : AcknowledgeType.ACCEPT);
                    if (!poison) accepted.add(record);
                }
                Map<TopicIdPartition, Optional<KafkaException>> results = consumer.commitSync(Duration.ofSeconds(10));
                for (ConsumerRecord<String, String> record : accepted) {
                    boolean stored = results.entrySet().stream().anyMatch(
                        result -> result.getKey().partition() == record.partition() && result.getValue().isEmpty());
                    if (stored) say("accepted", record);
                }
            }
        }
    }

    private static Map<String, String> pairs(String text) {
        Map<String, String> pairs = new java.util.HashMap<>();
        for (String pair : text.split(",")) pairs.put(pair.split("=", 2)[0], pair.split("=", 2)[1]);
        return pairs;
    }

    private static synchronized void say(String word, ConsumerRecord<String, String> record) {
        String line = String.join("\t", word, String.valueOf(record.partition()), String.valueOf(record.offset()),
            String.valueOf(record.deliveryCount().orElse((short) 0)), record.value()) + "\n";
        byte[] bytes = line.getBytes(StandardCharsets.UTF_8);
        System.out.write(bytes, 0, bytes.length);
        System.out.flush();
    }
}
