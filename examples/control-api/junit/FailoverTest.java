import static org.junit.jupiter.api.Assertions.assertEquals;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A leader is killed and nothing acknowledged is lost: with Kafka's own client, and the control API of a running cluster. */
class FailoverTest {
  private static final String CONTROL =
      Optional.ofNullable(System.getenv("ODRADEK_CONTROL")).orElse("http://127.0.0.1:9644");
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  private Map<String, Object> connection;

  private static String control(String method, String path, String body) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(CONTROL + path))
            .method(method, HttpRequest.BodyPublishers.ofString(body))
            .build();
    HttpResponse<String> answer = HTTP.send(request, HttpResponse.BodyHandlers.ofString());
    assertEquals(2, answer.statusCode() / 100, answer.body());
    return answer.body();
  }

  /** A field of JSON, without a library for it. */
  private static String field(String json, String name) {
    var matcher = Pattern.compile("\"" + name + "\":\"?([^\",}]+(?:,[\\d.:]+)*)").matcher(json);
    if (!matcher.find()) throw new AssertionError("no " + name + " in " + json);
    return matcher.group(1);
  }

  @BeforeEach
  void emptyCluster() throws Exception {
    control("POST", "/reset", "");
    connection = Map.of("bootstrap.servers", field(control("GET", "/", ""), "bootstrapServers"));
  }

  @Test
  void aKilledLeaderCostsNothingThatWasAcknowledged() throws Exception {
    try (Admin admin = Admin.create(connection)) {
      NewTopic topic = new NewTopic("payments", 1, (short) 3).configs(Map.of("min.insync.replicas", "2"));
      admin.createTopics(List.of(topic)).all().get();
    }
    control("POST", "/wait", "{\"for\": \"in-sync\", \"topic\": \"payments\"}");
    try (var producer = new KafkaProducer<>(connection, new StringSerializer(), new StringSerializer())) {
      producer.send(new ProducerRecord<>("payments", "before")).get();
      String leader = field(control("GET", "/topics/payments", ""), "leader");
      control("POST", "/nodes/" + leader + "/kill", "");
      String moved = "{\"for\": \"leader\", \"topic\": \"payments\", \"partition\": 0, \"not\": " + leader + "}";
      control("POST", "/wait", moved);
      producer.send(new ProducerRecord<>("payments", "after")).get();
      control("POST", "/nodes/" + leader + "/restart", "");
    }
    List<String> seen = new ArrayList<>();
    try (var consumer = new KafkaConsumer<>(connection, new StringDeserializer(), new StringDeserializer())) {
      consumer.assign(List.of(new TopicPartition("payments", 0)));
      consumer.seekToBeginning(consumer.assignment());
      long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
      while (seen.size() < 2 && System.nanoTime() < deadline) {
        consumer.poll(Duration.ofMillis(100)).forEach(record -> seen.add(record.value()));
      }
    }
    assertEquals(List.of("before", "after"), seen);
  }
}
