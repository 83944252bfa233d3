import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * One member of a group as a process of its own, so that it can be killed: BOOTSTRAP TOPIC GROUP PROTOCOL [INSTANCE].
 * Checks every record and says on stdout what happens, in the lines that member.py documents.
 */
public final class Member implements ConsumerRebalanceListener {
    private static final int COMMIT_EVERY = 3000;

    private final String topic;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final TreeSet<Integer> assigned = new TreeSet<>();
    /** What is processed, and not committed yet: the next offset by partition. */
    private final Map<Integer, Long> next = new TreeMap<>();
    private int uncommitted;

    private Member(Map<String, Object> settings, String topic) {
        this.topic = topic;
        consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        consumer.subscribe(List.of(topic), this);
    }

    public static void main(String[] args) throws IOException {
        // The way to the start of a JVM is long: it joins when it is told to.
        System.in.read();
        AtomicBoolean closing = new AtomicBoolean();
        Thread listener = new Thread(() -> {
            try {
                System.in.read();
            } catch (IOException e) {
                // Whoever started this is gone.
            }
            closing.set(true);
        });
        listener.setDaemon(true);
        listener.start();
        Map<String, Object> settings = new HashMap<>(Map.of(
            "bootstrap.servers", args[0], "group.id", args[2], "group.protocol", args[3], "enable.auto.commit", false,
            "auto.offset.reset", "earliest", "check.crcs", true, "fetch.max.wait.ms", 100));
        if (args[3].equals("classic")) {
            settings.put("partition.assignment.strategy", CooperativeStickyAssignor.class.getName());
            settings.put("session.timeout.ms", 6000);
            settings.put("heartbeat.interval.ms", 300);
        }
        if (args.length > 4) settings.put("group.instance.id", args[4]);
        Member member = new Member(settings, args[1]);
        while (!closing.get()) member.step();
        member.save();
        member.consumer.close();
        say("closed");
    }

    private static void say(String line) {
        System.out.println(line);
    }

    private void step() {
        ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(100));
        for (TopicPartition p : records.partitions()) {
            List<ConsumerRecord<byte[], byte[]>> batch = records.records(p);
            long offset = batch.get(0).offset();
            if (!assigned.contains(p.partition())) throw new AssertionError("records of " + p + ", which is not assigned");
            for (ConsumerRecord<byte[], byte[]> r : batch) {
                String value = new String(r.value(), StandardCharsets.US_ASCII);
                if (r.offset() != offset) throw new AssertionError(p + ": offset " + r.offset() + " in place of " + offset);
                if (!value.equals(r.partition() + "-" + offset)) throw new AssertionError(p + ", offset " + offset + ": " + value);
                offset++;
            }
            say("seen " + p.partition() + " " + batch.get(0).offset() + " " + (offset - 1));
            next.put(p.partition(), offset);
            uncommitted += batch.size();
        }
        if (records.isEmpty() || uncommitted >= COMMIT_EVERY) save();
    }

    private void save() {
        if (!next.isEmpty()) {
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
            next.forEach((p, offset) -> offsets.put(new TopicPartition(topic, p), new OffsetAndMetadata(offset)));
            try {
                consumer.commitSync(offsets);
            } catch (RebalanceInProgressException e) {
                return; // The next poll ends the rebalance; what is seen is committed then.
            }
            next.forEach((p, offset) -> say("committed " + p + " " + offset));
        }
        next.clear();
        uncommitted = 0;
    }

    private static String numbers(Collection<Integer> partitions) {
        return partitions.stream().map(p -> " " + p).collect(Collectors.joining());
    }

    private static TreeSet<Integer> partitions(Collection<TopicPartition> partitions) {
        return partitions.stream().map(TopicPartition::partition).collect(Collectors.toCollection(TreeSet::new));
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> gained) {
        assigned.addAll(partitions(gained));
        say("assigned" + numbers(assigned));
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> revoked) {
        save();
        assigned.removeAll(partitions(revoked));
        say("revoked" + numbers(partitions(revoked)));
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> lost) {
        next.keySet().removeAll(partitions(lost));
        assigned.removeAll(partitions(lost));
        say("lost" + numbers(partitions(lost)));
    }
}
