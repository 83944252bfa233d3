import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Scanner;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs main methods one after the other in one process, because starting a JVM costs more than most tools' work.
 * A request is one line, "=class =stdin =arg ...", each in base64; the answer is "code =stdout =stderr".
 */
public final class Jvm {
    /** Thrown in place of leaving the process; an Error, so that tools that catch exceptions let it pass. */
    static final class ExitCalled extends Error {
        private static final long serialVersionUID = 1;
    }

    /** Streams that tools may keep forever (Scala's Console does) while their target changes with every run. */
    static final class Out extends OutputStream {
        OutputStream target;

        Out(OutputStream target) {
            this.target = target;
        }

        @Override
        public void write(int b) throws IOException {
            target.write(b);
        }

        @Override
        public void write(byte[] b, int from, int length) throws IOException {
            target.write(b, from, length);
        }
    }

    static final class In extends InputStream {
        InputStream target = new ByteArrayInputStream(new byte[0]);

        @Override
        public int read() throws IOException {
            return target.read();
        }

        @Override
        public int read(byte[] b, int from, int length) throws IOException {
            return target.read(b, from, length);
        }

        @Override
        public int available() throws IOException {
            return target.available();
        }
    }

    private static String base64(byte[] b) {
        return "=" + Base64.getEncoder().encodeToString(b);
    }

    public static void main(String[] none) throws Exception {
        PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), true);
        PrintStream log = System.err;
        Scanner requests = new Scanner(System.in, StandardCharsets.US_ASCII);
        Out out = new Out(log);
        Out err = new Out(log);
        In in = new In();
        System.setOut(new PrintStream(out, true));
        System.setErr(new PrintStream(err, true));
        System.setIn(in);
        List<Runnable> hooks = new ArrayList<>();
        // The first exit counts; what a tool says about the error thrown in its place would not have been said.
        Integer[] exited = new Integer[1];
        Exit.Procedure exit = (code, message) -> {
            if (exited[0] == null) exited[0] = code;
            System.out.flush();
            System.err.flush();
            out.target = OutputStream.nullOutputStream();
            err.target = OutputStream.nullOutputStream();
            throw new ExitCalled();
        };
        Exit.setExitProcedure(exit);
        Exit.setHaltProcedure(exit);
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        while (requests.hasNextLine()) {
            String[] fields = requests.nextLine().split(" ");
            byte[][] plain = new byte[fields.length][];
            for (int i = 0; i < fields.length; i++) plain[i] = Base64.getDecoder().decode(fields[i].substring(1));
            String[] args = new String[fields.length - 2];
            for (int i = 0; i < args.length; i++) args[i] = new String(plain[i + 2], StandardCharsets.UTF_8);
            ByteArrayOutputStream stdout = new ByteArrayOutputStream();
            ByteArrayOutputStream stderr = new ByteArrayOutputStream();
            out.target = stdout;
            err.target = stderr;
            in.target = new ByteArrayInputStream(plain[1]);
            hooks.clear();
            exited[0] = null;
            int code = 0;
            try {
                Class.forName(new String(plain[0], StandardCharsets.UTF_8)).getMethod("main", String[].class).invoke(null, (Object) args);
            } catch (InvocationTargetException e) {
                code = 1;
                if (exited[0] == null) e.getCause().printStackTrace();
            }
            if (exited[0] != null) {
                code = exited[0];
                out.target = stdout;
                err.target = stderr;
            }
            for (Runnable hook : List.copyOf(hooks)) hook.run();
            System.out.flush();
            System.err.flush();
            out.target = log;
            err.target = log;
            answers.println(code + " " + base64(stdout.toByteArray()) + " " + base64(stderr.toByteArray()));
        }
    }
}
