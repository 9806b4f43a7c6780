import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.coordinator.group.api.assignor.GroupAssignment;
import org.apache.kafka.coordinator.group.api.assignor.PartitionAssignor;
import org.apache.kafka.coordinator.group.api.assignor.SubscribedTopicDescriber;
import org.apache.kafka.coordinator.group.api.assignor.SubscriptionType;
import org.apache.kafka.coordinator.group.assignor.RangeAssignor;
import org.apache.kafka.coordinator.group.assignor.UniformAssignor;
import org.apache.kafka.coordinator.group.modern.Assignment;
import org.apache.kafka.coordinator.group.modern.GroupSpecImpl;
import org.apache.kafka.coordinator.group.modern.MemberSubscriptionAndAssignmentImpl;

/**
 * Apache Kafka's assignors as a filter. A line of standard input is a group through its life: a list of steps, each with assignor,
 * topics (id, partitions), members (id, instance, topics). What a step assigns, the next one finds. A line of output per step.
 */
public class KafkaAssignors {
    public static void main(String[] args) throws Exception {
        ObjectMapper mapper = new ObjectMapper();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Map<String, Assignment> target = new HashMap<>();
            for (JsonNode step : mapper.readTree(line)) {
                target = assign(step, target);
                Map<String, Map<String, Set<Integer>>> shown = new TreeMap<>();
                target.forEach((member, assignment) -> {
                    Map<String, Set<Integer>> topics = new TreeMap<>();
                    assignment.partitions().forEach((id, partitions) -> topics.put(id.toString(), new TreeSet<>(partitions)));
                    shown.put(member, topics);
                });
                System.out.println(mapper.writeValueAsString(shown));
            }
        }
    }

    private static Map<String, Assignment> assign(JsonNode step, Map<String, Assignment> before) {
        Map<Uuid, Integer> topics = new HashMap<>();
        for (JsonNode topic : step.get("topics")) topics.put(Uuid.fromString(topic.get("id").asText()), topic.get("partitions").asInt());
        Map<String, MemberSubscriptionAndAssignmentImpl> members = new HashMap<>();
        Set<Set<Uuid>> subscriptions = new HashSet<>();
        for (JsonNode member : step.get("members")) {
            List<Uuid> ids = new ArrayList<>();
            for (JsonNode id : member.get("topics")) ids.add(Uuid.fromString(id.asText()));
            Set<Uuid> read = new HashSet<>(ids);
            subscriptions.add(read);
            String memberId = member.get("id").asText();
            Optional<String> instance = member.get("instance").isNull() ? Optional.empty() : Optional.of(member.get("instance").asText());
            Assignment assignment = before.getOrDefault(memberId, Assignment.EMPTY);
            members.put(memberId, new MemberSubscriptionAndAssignmentImpl(Optional.empty(), instance, read, assignment));
        }
        Map<Uuid, Map<Integer, String>> owners = new HashMap<>();
        members.forEach((memberId, member) -> member.partitions().forEach((id, partitions) ->
            partitions.forEach(partition -> owners.computeIfAbsent(id, __ -> new HashMap<>()).put(partition, memberId))));
        SubscriptionType type = subscriptions.size() > 1 ? SubscriptionType.HETEROGENEOUS : SubscriptionType.HOMOGENEOUS;
        PartitionAssignor assignor = step.get("assignor").asText().equals("range") ? new RangeAssignor() : new UniformAssignor();
        GroupAssignment result = assignor.assign(new GroupSpecImpl(members, type, owners, Optional.empty()), new SubscribedTopicDescriber() {
            public int numPartitions(Uuid topicId) {
                return topics.getOrDefault(topicId, -1);
            }

            public Set<String> racksForPartition(Uuid topicId, int partition) {
                return Set.of();
            }
        });
        Map<String, Assignment> target = new LinkedHashMap<>();
        members.keySet().forEach(memberId -> {
            Map<Uuid, Set<Integer>> copy = new HashMap<>();
            if (result.members().containsKey(memberId))
                result.members().get(memberId).partitions().forEach((id, partitions) -> copy.put(id, new HashSet<>(new TreeSet<>(partitions))));
            target.put(memberId, new Assignment(copy));
        });
        return target;
    }
}
