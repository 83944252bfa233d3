// Record batches as Apache Kafka's own classes write and read them.
//
//   java -cp 'LIB/*' tests/golden/GoldenRecords.java write > tests/golden/records.txt
//   java -cp 'LIB/*' tests/golden/GoldenRecords.java read  < batches     (lines "batch NAME HEX"; prints their records)

import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.*;
import org.apache.kafka.common.record.internal.*;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.storage.internals.log.ProducerStateEntry;
import org.apache.kafka.storage.internals.log.ProducerStateManager;

public class GoldenRecords {
    static final HexFormat HEX = HexFormat.of();

    public static void main(String[] args) throws Exception {
        if (args[0].equals("write")) write(); else read();
    }

    static void write() throws Exception {
        System.out.println("# Made by GoldenRecords.java (see there) with Apache Kafka 4.3.1.");
        for (CompressionType type : CompressionType.values()) {
            batch(type.name + "-small", type, TimestampType.CREATE_TIME, 1000, false, 3, 1);
            if (type != CompressionType.NONE) batch(type.name + "-large", type, TimestampType.CREATE_TIME, 0, false, 40, 2500);
        }
        batch("append-time", CompressionType.ZSTD, TimestampType.LOG_APPEND_TIME, 5, false, 4, 3);
        batch("transactional", CompressionType.NONE, TimestampType.CREATE_TIME, 7, true, 2, 3);
        MemoryRecords marker = MemoryRecords.withEndTransactionMarker(77, 1700000000000L, 6, 9L, (short) 3,
            new EndTransactionMarker(ControlRecordType.COMMIT, 14));
        show("marker", marker.buffer());

        Map<Long, ProducerStateEntry> entries = new LinkedHashMap<>();
        ProducerStateEntry one = new ProducerStateEntry(4000, (short) 7, 3, 1700000000123L, OptionalLong.of(88));
        var add = ProducerStateEntry.class.getDeclaredMethod("addBatch", short.class, int.class, long.class, int.class, long.class);
        add.setAccessible(true);
        add.invoke(one, (short) 7, 21, 1021L, 4, 1700000000123L);
        entries.put(4000L, one);
        entries.put(4001L, new ProducerStateEntry(4001, (short) 0, -1, 1700000000999L, OptionalLong.empty()));
        var writer = ProducerStateManager.class.getDeclaredMethod("writeSnapshot", File.class, Map.class, boolean.class);
        writer.setAccessible(true);
        File file = File.createTempFile("golden", ".snapshot");
        writer.invoke(null, file, entries, false);
        System.out.println("snapshot two " + HEX.formatHex(Files.readAllBytes(file.toPath())));
        file.delete();
    }

    static void batch(String name, CompressionType type, TimestampType timestamps, long base, boolean txn, int count, int scale) {
        ByteBuffer buffer = ByteBuffer.allocate(1 << 20);
        MemoryRecordsBuilder builder = MemoryRecords.builder(buffer, RecordBatch.MAGIC_VALUE_V2, Compression.of(type).build(),
            timestamps, base, 1700000009999L, 12345L, (short) 6, Integer.MAX_VALUE - 1, txn, 11);
        for (int i = 0; i < count; i++) {
            byte[] key = i % 3 == 1 ? null : ("key-" + i).getBytes();
            byte[] value = i % 4 == 2 ? null : "value ".repeat(1 + (i * scale) / 60).getBytes();
            Header[] headers = new Header[i % 3];
            for (int h = 0; h < headers.length; h++)
                headers[h] = new RecordHeader("h" + h, h == 1 ? null : new byte[] {(byte) i, (byte) 0xff});
            builder.append(1700000000000L + (i % 2 == 0 ? i : -i) * 1000L, key, value, headers);
        }
        show(name, builder.build().buffer());
    }

    static void show(String name, ByteBuffer bytes) {
        System.out.println("batch " + name + " " + HEX.formatHex(Utils.toArray(bytes)));
        print(bytes);
    }

    static void print(ByteBuffer bytes) {
        for (MutableRecordBatch batch : MemoryRecords.readableRecords(bytes.duplicate()).batches()) {
            batch.ensureValid();
            System.out.println("  " + batch.baseOffset() + ".." + batch.lastOffset() + " " + batch.compressionType().name + " "
                + batch.timestampType().name + " max " + batch.maxTimestamp() + " epoch " + batch.partitionLeaderEpoch()
                + " producer " + batch.producerId() + "/" + batch.producerEpoch() + " sequence " + batch.baseSequence() + ".."
                + batch.lastSequence() + (batch.isTransactional() ? " txn" : "") + (batch.isControlBatch() ? " control" : "")
                + (batch.deleteHorizonMs().isPresent() ? " horizon " + batch.deleteHorizonMs().getAsLong() : ""));
            for (org.apache.kafka.common.record.internal.Record r : batch) {
                StringBuilder headers = new StringBuilder();
                for (Header h : r.headers())
                    headers.append(" ").append(h.key()).append("=").append(text(h.value() == null ? null : ByteBuffer.wrap(h.value())));
                System.out.println("  " + r.offset() + " " + r.timestamp() + " " + text(r.key()) + " " + text(r.value()) + headers);
            }
        }
    }

    /** Hex; long ones as length and CRC-32C. */
    static String text(ByteBuffer bytes) {
        if (bytes == null) return "null";
        byte[] array = Utils.toArray(bytes);
        if (array.length <= 24) return "'" + HEX.formatHex(array) + "'";
        return "'" + array.length + ":" + Long.toHexString(org.apache.kafka.common.utils.Crc32C.compute(array, 0, array.length)) + "'";
    }

    static void read() throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            String[] words = line.split(" ");
            if (!words[0].equals("batch")) continue;
            System.out.println("batch " + words[1]);
            print(ByteBuffer.wrap(HEX.parseHex(words[2])));
        }
    }
}
