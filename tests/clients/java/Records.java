import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/** The same records as records.py: a function of their number. */
final class Records {
    static final long BASE_MS = 1_700_000_000_000L;

    private Records() {}

    static byte[] bytes(String s) {
        return s.getBytes(StandardCharsets.UTF_8);
    }

    static byte[] key(int i) {
        return i % 10 == 7 ? null : bytes("key-" + (i * 2654435761L % 1000003));
    }

    static byte[] value(int i) {
        if (i % 13 == 5 && i % 10 != 7) return null;
        byte[] tail = new byte[(int) (i * 31L % 120)];
        Arrays.fill(tail, (byte) ('a' + i % 26));
        return bytes("value-" + i + "-" + new String(tail, StandardCharsets.US_ASCII));
    }

    static List<Header> headers(int i, String shape) {
        List<Header> all = new ArrayList<>();
        if (shape.equals("kcat")) {
            all.add(new RecordHeader("src", bytes("kcat")));
            return all;
        }
        boolean nulls = shape.equals("full");
        for (int j = 0; j < i % 4; j++)
            all.add(new RecordHeader("h" + j, nulls && (i + j) % 5 == 0 ? null : bytes("v" + i + "-" + j)));
        return all;
    }

    static long timestamp(int i) {
        return BASE_MS + i * 3L - i % 7 * 10;
    }
}
