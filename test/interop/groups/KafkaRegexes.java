import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import java.io.BufferedReader;
import java.io.InputStreamReader;

/**
 * The regular expressions of Apache Kafka's coordinator as a filter. A line of standard input: an expression and topic names. A line
 * of output: which of them it stands for, as 0 and 1, or "invalid".
 */
public class KafkaRegexes {
    public static void main(String[] args) throws Exception {
        ObjectMapper mapper = new ObjectMapper();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        StringBuilder out = new StringBuilder();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode asked = mapper.readTree(line);
            try {
                Pattern pattern = Pattern.compile(asked.get("regex").asText());
                for (JsonNode name : asked.get("names")) out.append(pattern.matcher(name.asText()).matches() ? '1' : '0');
            } catch (PatternSyntaxException e) {
                out.append("invalid");
            }
            out.append('\n');
        }
        System.out.print(out);
    }
}
