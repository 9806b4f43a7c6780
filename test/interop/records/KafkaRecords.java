/*
 * Apache Kafka's own reader and writer of records, one command a line on standard input, one answer a line on standard output.
 *
 *   decompress CODEC HEX   the whole stream, as Kafka's input stream for the codec gives it: "ok HEX" or "error WHY"
 *   compress CODEC HEX     "ok HEX"
 *   read HEX               every record of every batch, as a consumer sees them: "ok [JSON...]" or "error WHY"
 */
import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.StringJoiner;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.ControlRecordUtils;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.utils.BufferSupplier;
import org.apache.kafka.common.utils.ByteBufferOutputStream;

public class KafkaRecords {
    private static final HexFormat HEX = HexFormat.of();

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String answer;
            try {
                answer = ("ok " + answer(line.split(" ", -1))).trim();
            } catch (Throwable error) {
                answer = "error " + (error.getClass().getSimpleName() + ": " + error.getMessage()).replaceAll("\\s+", " ");
            }
            System.out.println(answer);
            System.out.flush();
        }
    }

    private static String answer(String[] words) throws Exception {
        switch (words[0]) {
            case "decompress":
                try (InputStream stream = compression(words[1]).wrapForInput(bytes(words[2]), (byte) 2, BufferSupplier.NO_CACHING)) {
                    return HEX.formatHex(stream.readAllBytes());
                }
            case "compress":
                ByteBufferOutputStream out = new ByteBufferOutputStream(1024);
                try (OutputStream stream = compression(words[1]).wrapForOutput(out, (byte) 2)) {
                    stream.write(HEX.parseHex(words[2]));
                }
                out.buffer().flip();
                byte[] compressed = new byte[out.buffer().remaining()];
                out.buffer().get(compressed);
                return HEX.formatHex(compressed);
            case "read":
                return read(bytes(words[1]));
            default:
                throw new IllegalArgumentException("no such command");
        }
    }

    private static String read(ByteBuffer buffer) {
        StringJoiner records = new StringJoiner(",", "[", "]");
        for (MutableRecordBatch batch : MemoryRecords.readableRecords(buffer).batches()) {
            batch.ensureValid();
            for (Record record : batch) records.add(json(batch, record));
        }
        return records.toString();
    }

    private static String json(MutableRecordBatch batch, Record record) {
        StringJoiner headers = new StringJoiner(",", "[", "]");
        for (Header header : record.headers()) {
            byte[] key = header.key().getBytes(StandardCharsets.UTF_8);
            headers.add("[" + hex(ByteBuffer.wrap(key)) + "," + hex(header.value() == null ? null : ByteBuffer.wrap(header.value())) + "]");
        }
        String control = batch.isControlBatch() ? ",\"control\":\"" + control(record).replace("\"", "'") + "\"" : "";
        return "{\"offset\":" + record.offset() + ",\"timestamp\":" + record.timestamp() + ",\"sequence\":" + record.sequence()
            + ",\"key\":" + hex(record.key()) + ",\"value\":" + hex(record.value()) + ",\"headers\":" + headers + control + "}";
    }

    private static String control(Record record) {
        ControlRecordType type = ControlRecordType.parse(record.key());
        switch (type) {
            case ABORT:
            case COMMIT:
                return type + " " + EndTransactionMarker.deserialize(record).coordinatorEpoch();
            case LEADER_CHANGE:
                return type + " " + ControlRecordUtils.deserializeLeaderChangeMessage(record);
            case SNAPSHOT_HEADER:
                return type + " " + ControlRecordUtils.deserializeSnapshotHeaderRecord(record);
            case SNAPSHOT_FOOTER:
                return type + " " + ControlRecordUtils.deserializeSnapshotFooterRecord(record);
            case KRAFT_VERSION:
                return type + " " + ControlRecordUtils.deserializeKRaftVersionRecord(record);
            case KRAFT_VOTERS:
                return type + " " + ControlRecordUtils.deserializeVotersRecord(record);
            default:
                return type.toString();
        }
    }

    private static String hex(ByteBuffer bytes) {
        if (bytes == null) return "null";
        byte[] copy = new byte[bytes.remaining()];
        bytes.duplicate().get(copy);
        return "\"" + HEX.formatHex(copy) + "\"";
    }

    private static Compression compression(String codec) {
        return Compression.of(CompressionType.forName(codec)).build();
    }

    private static ByteBuffer bytes(String hex) {
        return ByteBuffer.wrap(HEX.parseHex(hex));
    }
}
