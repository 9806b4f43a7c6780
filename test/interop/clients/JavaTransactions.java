import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** The Java client behind the lines that transaction-program.ts describes. */
public class JavaTransactions {
    private final String bootstrap;
    private final String transactionalId;
    private final String group;
    private KafkaProducer<String, String> producer;
    private KafkaConsumer<String, String> consumer;

    private JavaTransactions(String bootstrap, String transactionalId, String group) {
        this.bootstrap = bootstrap;
        this.transactionalId = transactionalId;
        this.group = group;
    }

    public static void main(String[] args) throws Exception {
        var program = new JavaTransactions(args[0], args[1], args[2]);
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String answer;
            try {
                answer = "ok " + program.run(line.split(" "));
            } catch (Exception e) {
                answer = "error " + nameOf(e);
            }
            System.out.println(answer);
            System.out.flush();
        }
        if (program.producer != null) program.producer.close(Duration.ZERO);
        if (program.consumer != null) program.consumer.close();
        System.exit(0);
    }

    private static String nameOf(Throwable e) {
        Throwable cause = e instanceof ExecutionException && e.getCause() != null ? e.getCause() : e;
        for (Throwable t = cause; t != null; t = t.getCause()) {
            if (t instanceof ProducerFencedException || t instanceof InvalidProducerEpochException) return "fenced " + t.getMessage();
        }
        return cause.getClass().getSimpleName() + " " + String.valueOf(cause.getMessage()).replace('\n', ' ');
    }

    private String run(String[] line) throws Exception {
        switch (line[0]) {
            case "init" -> {
                if (producer != null) producer.close(Duration.ZERO);
                producer = newProducer();
                producer.initTransactions();
            }
            case "begin" -> producer.beginTransaction();
            case "send" -> {
                var record = new ProducerRecord<String, String>(line[1], Integer.parseInt(line[2]), null, line[3]);
                return String.valueOf(producer.send(record).get().offset());
            }
            case "commit" -> producer.commitTransaction();
            case "abort" -> producer.abortTransaction();
            case "assign" -> {
                renewConsumer();
                var partitions = Arrays.stream(line[2].split(","))
                    .map(p -> new TopicPartition(line[1], Integer.parseInt(p))).toList();
                consumer.assign(partitions);
                consumer.seekToBeginning(partitions);
            }
            case "subscribe" -> {
                renewConsumer();
                consumer.subscribe(List.of(line[1]));
            }
            case "poll" -> {
                var out = new StringBuilder();
                for (var record : consumer.poll(Duration.ofMillis(Long.parseLong(line[1])))) {
                    out.append(record.partition()).append(':').append(record.offset()).append(':').append(record.value()).append(' ');
                }
                return out.toString();
            }
            case "rewind" -> {
                var committed = consumer.committed(consumer.assignment());
                for (var partition : consumer.assignment()) {
                    var offset = committed.get(partition);
                    if (offset == null) consumer.seekToBeginning(List.of(partition));
                    else consumer.seek(partition, offset.offset());
                }
            }
            case "offsets" -> {
                Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                for (var partition : consumer.assignment()) {
                    offsets.put(partition, new OffsetAndMetadata(consumer.position(partition)));
                }
                producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
            }
            default -> throw new IllegalArgumentException(line[0]);
        }
        return "";
    }

    private KafkaProducer<String, String> newProducer() {
        var properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("transactional.id", transactionalId);
        properties.put("linger.ms", "0");
        properties.put("transaction.timeout.ms", "20000");
        properties.put("delivery.timeout.ms", "15000");
        properties.put("request.timeout.ms", "5000");
        properties.put("max.block.ms", "15000");
        properties.put("reconnect.backoff.max.ms", "200");
        return new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer());
    }

    private void renewConsumer() {
        if (consumer != null) consumer.close();
        var properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("group.id", group);
        properties.put("isolation.level", "read_committed");
        properties.put("enable.auto.commit", "false");
        properties.put("auto.offset.reset", "earliest");
        properties.put("session.timeout.ms", "6000");
        properties.put("heartbeat.interval.ms", "500");
        properties.put("reconnect.backoff.max.ms", "200");
        consumer = new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
    }
}
