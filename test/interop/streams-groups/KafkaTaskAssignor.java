import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.coordinator.group.streams.assignor.AssignmentMemberSpec;
import org.apache.kafka.coordinator.group.streams.assignor.GroupSpecImpl;
import org.apache.kafka.coordinator.group.streams.assignor.MemberAssignment;
import org.apache.kafka.coordinator.group.streams.assignor.StickyTaskAssignor;
import org.apache.kafka.coordinator.group.streams.assignor.TopologyDescriber;

/**
 * Apache Kafka's task assignor as a filter. A line of standard input is a streams group through its life: a list of steps, each with
 * members (id, process), subtopologies (id, tasks, stateful), standbys. What a step assigns, the next one finds. A line of output per step.
 */
public class KafkaTaskAssignor {
    public static void main(String[] args) throws Exception {
        ObjectMapper mapper = new ObjectMapper();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Map<String, MemberAssignment> target = new HashMap<>();
            for (JsonNode step : mapper.readTree(line)) {
                target = assign(step, target);
                Map<String, List<Map<String, Set<Integer>>>> shown = new TreeMap<>();
                target.forEach((member, tasks) -> shown.put(member, List.of(sorted(tasks.activeTasks()), sorted(tasks.standbyTasks()))));
                System.out.println(mapper.writeValueAsString(shown));
            }
        }
    }

    private static Map<String, Set<Integer>> sorted(Map<String, Set<Integer>> tasks) {
        Map<String, Set<Integer>> sorted = new TreeMap<>();
        tasks.forEach((subtopology, partitions) -> sorted.put(subtopology, new TreeSet<>(partitions)));
        return sorted;
    }

    private static Map<String, MemberAssignment> assign(JsonNode step, Map<String, MemberAssignment> before) {
        Map<String, AssignmentMemberSpec> members = new HashMap<>();
        for (JsonNode member : step.get("members")) {
            MemberAssignment tasks = before.getOrDefault(member.get("id").asText(), MemberAssignment.empty());
            members.put(member.get("id").asText(), new AssignmentMemberSpec(Optional.empty(), Optional.empty(), tasks.activeTasks(),
                tasks.standbyTasks(), Map.of(), member.get("process").asText(), Map.of(), Map.of(), Map.of()));
        }
        Map<String, JsonNode> subtopologies = new TreeMap<>();
        for (JsonNode subtopology : step.get("subtopologies")) subtopologies.put(subtopology.get("id").asText(), subtopology);
        return new StickyTaskAssignor().assign(
            new GroupSpecImpl(members, Map.of("num.standby.replicas", step.get("standbys").asText())), new TopologyDescriber() {
                public List<String> subtopologies() {
                    return new ArrayList<>(subtopologies.keySet());
                }

                public int maxNumInputPartitions(String id) {
                    return subtopologies.get(id).get("tasks").asInt();
                }

                public boolean isStateful(String id) {
                    return subtopologies.get(id).get("stateful").asBoolean();
                }
            }).members();
    }
}
