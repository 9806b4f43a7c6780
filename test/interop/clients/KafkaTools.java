import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.kafka.common.utils.Exit;

/**
 * Kafka's own command line tools, many in one virtual machine: each line of standard input is a main class and its arguments, with tabs
 * between them; what the tool wrote follows on standard output, and then a line with its exit code.
 */
public final class KafkaTools {
    /** Thrown where a tool would end the machine. Some tools catch it, print it and end once more: the first code counts. */
    private static final class Ended extends RuntimeException {
        Ended() {
            super("", null, false, false);
        }

        @Override
        public void printStackTrace(PrintStream stream) {}

        @Override
        public void printStackTrace(PrintWriter writer) {}

        @Override
        public String toString() {
            return "";
        }
    }

    private static Integer exitCode;

    private static void end(int code) {
        if (exitCode == null) exitCode = code;
        throw new Ended();
    }

    public static void main(String[] arguments) throws Exception {
        PrintStream out = System.out;
        Exit.setExitProcedure((code, message) -> end(code));
        Exit.setHaltProcedure((code, message) -> end(code));
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split("\t");
            ByteArrayOutputStream written = new ByteArrayOutputStream();
            PrintStream captured = new PrintStream(written, true, StandardCharsets.UTF_8);
            System.setOut(captured);
            System.setErr(captured);
            int code = run(words[0], Arrays.copyOfRange(words, 1, words.length), captured);
            captured.flush();
            out.println(written.toString(StandardCharsets.UTF_8));
            out.println("exit code " + code);
            out.flush();
        }
    }

    private static int run(String main, String[] arguments, PrintStream captured) throws Exception {
        exitCode = null;
        try {
            Class.forName(main).getMethod("main", String[].class).invoke(null, (Object) arguments);
            return exitCode == null ? 0 : exitCode;
        } catch (InvocationTargetException thrown) {
            if (exitCode != null) return exitCode;
            thrown.getCause().printStackTrace(captured);
            return 1;
        }
    }
}
