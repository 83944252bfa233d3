import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Apache Kafka's own producer and consumer over the shared records.
 * produce BOOTSTRAP TOPIC CODEC COUNT PARTITIONS: idempotent, acks=all, record i to partition i % PARTITIONS.
 * consume BOOTSTRAP TOPIC SHAPE COUNT PARTITIONS SINCE UNTIL: assigns all partitions and checks every record.
 */
public final class Clients {
    private Clients() {}

    public static void main(String[] args) throws Exception {
        if (args[0].equals("produce")) produce(args[1], args[2], args[3], Integer.parseInt(args[4]), Integer.parseInt(args[5]));
        else consume(args[1], args[2], args[3], Integer.parseInt(args[4]), Integer.parseInt(args[5]), Long.parseLong(args[6]), Long.parseLong(args[7]));
    }

    private static void produce(String bootstrap, String topic, String codec, int count, int partitions) throws Exception {
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", bootstrap, "compression.type", codec, "acks", "all", "enable.idempotence", true, "linger.ms", 5);
        List<Future<RecordMetadata>> sent = new ArrayList<>(count);
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int i = 0; i < count; i++)
                sent.add(producer.send(new ProducerRecord<>(
                    topic, i % partitions, Records.timestamp(i), Records.key(i), Records.value(i), Records.headers(i, "full"))));
        }
        for (int i = 0; i < count; i++) {
            RecordMetadata m = sent.get(i).get();
            expect(m.partition() == i % partitions && m.offset() == i / partitions, i, "acknowledged at " + m);
        }
        System.out.println("produced " + count);
    }

    private static void consume(String bootstrap, String topic, String shape, int count, int partitions, long since, long until) {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "none", "check.crcs", true);
        List<TopicPartition> assigned = new ArrayList<>();
        for (int p = 0; p < partitions; p++) assigned.add(new TopicPartition(topic, p));
        long[] next = new long[partitions];
        int seen = 0;
        long deadline = System.nanoTime() + 120_000_000_000L;
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(assigned);
            consumer.seekToBeginning(assigned);
            while (seen < count) {
                if (System.nanoTime() > deadline) throw new AssertionError(seen + " of " + count + " records after 120 s");
                for (ConsumerRecord<byte[], byte[]> r : consumer.poll(Duration.ofMillis(500))) {
                    int p = r.partition();
                    int i = (int) (r.offset() * partitions + p);
                    expect(r.offset() == next[p]++, i, "offset " + r.offset() + " out of order in partition " + p);
                    expect(Arrays.equals(r.key(), Records.key(i)), i, "another key");
                    expect(Arrays.equals(r.value(), Records.value(i)), i, "another value");
                    expect(Arrays.asList(r.headers().toArray()).equals(Records.headers(i, shape)), i, "headers " + r.headers());
                    if (shape.equals("full") || shape.equals("stamped")) expect(r.timestamp() == Records.timestamp(i), i, "timestamp " + r.timestamp());
                    else expect(since <= r.timestamp() && r.timestamp() <= until, i, "timestamp " + r.timestamp());
                    seen++;
                }
            }
            Map<TopicPartition, Long> ends = consumer.endOffsets(assigned);
            for (int p = 0; p < partitions; p++)
                expect(ends.get(assigned.get(p)) == next[p], p, "partition ends at " + ends.get(assigned.get(p)) + ", read to " + next[p]);
        }
        expect(seen == count, seen, "more records than " + count);
        System.out.println("consumed " + seen);
    }

    private static void expect(boolean holds, int record, String otherwise) {
        if (!holds) throw new AssertionError("record " + record + ": " + otherwise);
    }
}
