import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.StringWriter;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;

/**
 * Reads and writes messages with Apache Kafka's generated classes, one a line on standard input:
 *
 *   NAME VERSION HEX JSON    answers  HEX-FROM-HEX HEX-FROM-JSON JSON-FROM-HEX, separated by tabs
 *
 * JSON is "-" where there is none; HEX-FROM-JSON is then "-" too. What fails is answered "error" and the reason.
 */
public class KafkaMessages {
    private static final String[] PACKAGES = {
        "org.apache.kafka.common.message.",
        "org.apache.kafka.common.metadata.",
        "org.apache.kafka.coordinator.group.generated.",
        "org.apache.kafka.coordinator.transaction.generated.",
        "org.apache.kafka.coordinator.share.generated.",
        "org.apache.kafka.raft.generated.",
        "org.apache.kafka.server.log.remote.metadata.storage.generated.",
    };

    private record Codec(Class<?> data, Method fromJson, Method toJson) { }

    private final Map<String, Codec> codecs = new HashMap<>();
    private final ObjectMapper mapper = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var out = new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8));
        var messages = new KafkaMessages();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String answer;
            try {
                String[] parts = line.split(" ", 4);
                answer = messages.convert(parts[0], Short.parseShort(parts[1]), parts[2], parts[3]);
            } catch (InvocationTargetException e) {
                answer = "error\t" + e.getCause();
            } catch (Exception e) {
                answer = "error\t" + e;
            }
            out.write(answer.replace("\n", " "));
            out.write("\n");
            if (!in.ready()) out.flush();
        }
        out.flush();
    }

    private String convert(String name, short version, String hex, String json) throws Exception {
        Codec codec = codecs.get(name);
        if (codec == null) {
            codec = find(name);
            codecs.put(name, codec);
        }
        var bytes = ByteBuffer.wrap(HexFormat.of().parseHex(hex));
        var read = (Message) codec.data.getConstructor().newInstance();
        read.read(new ByteBufferAccessor(bytes), version);
        if (bytes.hasRemaining()) throw new IllegalStateException(bytes.remaining() + " bytes left");
        var fromJson = json.equals("-") ? "-" : write((Message) codec.fromJson.invoke(null, mapper.readTree(json), version), version);
        var text = new StringWriter();
        mapper.writeValue(text, (JsonNode) codec.toJson.invoke(null, read, version));
        return write(read, version) + "\t" + fromJson + "\t" + text;
    }

    private static String write(Message message, short version) {
        var buffer = MessageUtil.toByteBufferAccessor(message, version).buffer();
        var bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    private static Codec find(String name) throws Exception {
        for (String prefix : PACKAGES) {
            for (String suffix : new String[] {"", "Data"}) {
                Class<?> data;
                Class<?> converter;
                try {
                    data = Class.forName(prefix + name + suffix);
                    converter = Class.forName(prefix + name + suffix + "JsonConverter");
                } catch (ClassNotFoundException e) {
                    continue;
                }
                return new Codec(
                    data,
                    converter.getMethod("read", JsonNode.class, short.class),
                    converter.getMethod("write", data, short.class));
            }
        }
        throw new ClassNotFoundException(name);
    }
}
