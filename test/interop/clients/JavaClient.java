import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** The Java client behind the arguments that program-client.ts describes. */
public class JavaClient {
    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "create" -> create(args[1], args[2], Integer.parseInt(args[3]));
            case "produce" -> produce(args[1], args[2], args[3]);
            case "read" -> read(args[1], args[2], Integer.parseInt(args[3]));
            case "join" -> join(args[1], args[2], args[3]);
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    private static Properties properties(String bootstrap) {
        var properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        return properties;
    }

    private static void create(String bootstrap, String topic, int partitions) throws Exception {
        try (var admin = Admin.create(properties(bootstrap))) {
            admin.createTopics(List.of(new NewTopic(topic, partitions, (short) -1))).all().get();
        }
    }

    private static void produce(String bootstrap, String topic, String codec) throws Exception {
        var properties = properties(bootstrap);
        properties.put("compression.type", codec);
        var sent = new ArrayList<Future<RecordMetadata>>();
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        try (var producer = new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer())) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                String[] parts = line.split("\t", 2);
                sent.add(producer.send(new ProducerRecord<>(topic, parts[0], parts[1])));
            }
            for (var future : sent) future.get();
        }
    }

    private static void read(String bootstrap, String topic, int count) {
        try (var consumer = new KafkaConsumer<>(properties(bootstrap), new StringDeserializer(), new StringDeserializer())) {
            var partitions = consumer.partitionsFor(topic).stream()
                .map(info -> new TopicPartition(topic, info.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            for (int read = 0; read < count;) {
                for (var record : consumer.poll(Duration.ofSeconds(1))) {
                    print(record);
                    read++;
                }
            }
        }
    }

    private static void join(String bootstrap, String topic, String group) throws Exception {
        var properties = properties(bootstrap);
        properties.put("group.id", group);
        properties.put("auto.offset.reset", "earliest");
        var isNew = "consumer".equals(System.getenv("GROUP_PROTOCOL"));
        // The cluster says how long sessions are.
        if (isNew) properties.put("group.protocol", "consumer");
        var session = System.getenv("SESSION_TIMEOUT_MS");
        if (session != null) {
            properties.put("auto.commit.interval.ms", "100");
            if (!isNew) {
                properties.put("session.timeout.ms", session);
                properties.put("heartbeat.interval.ms", "200");
            }
        }
        var assignor = System.getenv("ASSIGNOR");
        if (assignor != null) properties.put(isNew ? "group.remote.assignor" : "partition.assignment.strategy", assignor);
        try (var consumer = new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer())) {
            var leaving = new Thread(() -> {
                try {
                    while (System.in.read() >= 0) { }
                } catch (java.io.IOException e) {
                    e.printStackTrace();
                }
                consumer.wakeup();
            });
            leaving.setDaemon(true);
            leaving.start();
            consumer.subscribe(List.of(topic));
            while (true) {
                for (var record : consumer.poll(Duration.ofSeconds(1))) print(record);
                System.out.flush();
            }
        } catch (WakeupException e) {
            System.out.flush();
        }
    }

    private static void print(ConsumerRecord<String, String> record) {
        System.out.println(record.partition() + "\t" + record.offset() + "\t" + record.key() + "\t" + record.value());
    }
}
