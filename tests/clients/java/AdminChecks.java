import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicIdException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Apache Kafka's admin client, one check per line: AdminChecks BOOTSTRAP TOPIC. Exit 1 when one fails, after all ran. */
public final class AdminChecks {
    private interface Check {
        void run() throws Exception;
    }

    private final Admin admin;
    private final String bootstrap;
    private final String topic;
    private int failures;

    private AdminChecks(Admin admin, String bootstrap, String topic) {
        this.admin = admin;
        this.bootstrap = bootstrap;
        this.topic = topic;
    }

    public static void main(String[] args) {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0], "default.api.timeout.ms", 20000, "request.timeout.ms", 15000))) {
            AdminChecks checks = new AdminChecks(admin, args[0], args[1]);
            checks.all();
            if (checks.failures > 0) throw new AssertionError(checks.failures + " checks failed");
        }
    }

    private void all() {
        check("describeCluster", this::describeCluster);
        check("describeFeatures", () -> admin.describeFeatures().featureMetadata().get());
        check("createTopics", this::createTopics);
        check("describeTopics", this::describeTopics);
        check("listOffsets", this::listOffsets);
        check("describeProducers", this::describeProducers);
        check("deleteRecords", this::deleteRecords);
        check("describeConfigs of a topic", this::describeTopicConfigs);
        check("describeConfigs of the broker", this::describeBrokerConfigs);
        check("incrementalAlterConfigs of a topic", this::alterTopicConfigs);
        check("incrementalAlterConfigs of the broker", this::alterBrokerConfigs);
        check("createPartitions", this::createPartitions);
        check("describeLogDirs", this::describeLogDirs);
        check("deleteTopics", this::deleteTopics);
    }

    private void check(String name, Check check) {
        try {
            check.run();
            System.out.println("ok   " + name);
        } catch (Exception | AssertionError e) {
            failures++;
            StackTraceElement at = java.util.Arrays.stream(e.getStackTrace()).filter(f -> f.getClassName().equals("AdminChecks")
                && !f.getMethodName().startsWith("expect") && !f.getMethodName().equals("refused") && !f.getMethodName().equals("same")).findFirst().orElse(null);
            System.out.println("FAIL " + name + ": " + e + " at " + at);
        }
    }

    private static void expect(boolean holds, String otherwise) {
        if (!holds) throw new AssertionError(otherwise);
    }

    private static void same(Object want, Object have, String what) {
        expect(Objects.equals(want, have), what + " is " + have + ", not " + want);
    }

    private static void refused(Class<? extends Exception> with, KafkaFuture<?> future) throws Exception {
        try {
            Object answer = future.get();
            throw new AssertionError("not refused with " + with.getSimpleName() + " but answered " + answer);
        } catch (ExecutionException e) {
            expect(with.isInstance(e.getCause()), "refused with " + e.getCause() + ", not " + with.getSimpleName());
        }
    }

    /** Metadata of a change may take a moment to arrive; gives up after 10 s. */
    private static void eventually(String what, java.util.concurrent.Callable<Boolean> holds) throws Exception {
        for (int i = 0; i < 100; i++) {
            if (holds.call()) return;
            Thread.sleep(100);
        }
        throw new AssertionError("not within 10 s: " + what);
    }

    private void describeCluster() throws Exception {
        DescribeClusterResult c = admin.describeCluster();
        Collection<Node> nodes = c.nodes().get();
        same(1, nodes.size(), "number of nodes");
        Node node = nodes.iterator().next();
        same(bootstrap, node.host() + ":" + node.port(), "advertised address");
        same(1, node.id(), "node id");
        same(1, c.controller().get().id(), "controller");
        expect(c.clusterId().get().matches("[A-Za-z0-9_-]{22}"), "cluster id " + c.clusterId().get());
    }

    private void createTopics() throws Exception {
        Map<String, String> configs = Map.of("retention.ms", "-1", "max.message.bytes", "2000000");
        CreateTopicsResult r = admin.createTopics(List.of(new NewTopic(topic, 3, (short) 1).configs(configs)));
        r.all().get();
        same(3, r.numPartitions(topic).get(), "partitions");
        same(1, r.replicationFactor(topic).get(), "replication factor");
        same("-1", r.config(topic).get().get("retention.ms").value(), "retention.ms in the answer");
        expect(r.config(topic).get().entries().size() >= 30, "only " + r.config(topic).get().entries().size() + " settings in the answer");
        expect(!r.topicId(topic).get().equals(Uuid.ZERO_UUID), "no topic id");
        refused(TopicExistsException.class, create(new NewTopic(topic, 3, (short) 1)));
        refused(InvalidTopicException.class, create(new NewTopic("a/b", 1, (short) 1)));
        refused(InvalidTopicException.class, create(new NewTopic("x".repeat(250), 1, (short) 1)));
        refused(InvalidTopicException.class, create(new NewTopic("..", 1, (short) 1)));
        refused(InvalidReplicationFactorException.class, create(new NewTopic(topic + "-rf3", 1, (short) 3)));
        refused(InvalidPartitionsException.class, create(new NewTopic(topic + "-p0", 0, (short) 1)));
        refused(InvalidConfigurationException.class, create(new NewTopic(topic + "-c", 1, (short) 1).configs(Map.of("no.such", "1"))));
        refused(InvalidConfigurationException.class, create(new NewTopic(topic + "-c", 1, (short) 1).configs(Map.of("retention.ms", "week"))));
        admin.createTopics(List.of(new NewTopic(topic + "-dry", 1, (short) 1)), new CreateTopicsOptions().validateOnly(true)).all().get();
        expect(!admin.listTopics().names().get().contains(topic + "-dry"), "validateOnly made the topic");
        CreateTopicsResult defaults = admin.createTopics(List.of(new NewTopic(topic + "-d", java.util.Optional.empty(), java.util.Optional.empty())));
        same(1, defaults.numPartitions(topic + "-d").get(), "num.partitions");
        CreateTopicsResult assigned = admin.createTopics(List.of(new NewTopic(topic + "-a", Map.of(0, List.of(1), 1, List.of(1)))));
        same(2, assigned.numPartitions(topic + "-a").get(), "assigned partitions");
    }

    private KafkaFuture<Void> create(NewTopic t) {
        return admin.createTopics(List.of(t)).all();
    }

    private void describeTopics() throws Exception {
        eventually("all topics are listed", () -> admin.listTopics().names().get().containsAll(Set.of(topic, topic + "-d", topic + "-a")));
        TopicDescription d = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
        same(3, d.partitions().size(), "partitions");
        d.partitions().forEach(p -> {
            same(1, p.leader().id(), "leader");
            same(1, p.replicas().size(), "replicas");
            same(1, p.isr().size(), "in-sync replicas");
        });
        expect(!d.isInternal(), "internal");
        TopicDescription byId = admin.describeTopics(TopicCollection.ofTopicIds(List.of(d.topicId()))).allTopicIds().get().get(d.topicId());
        same(topic, byId.name(), "name by id");
        refused(UnknownTopicOrPartitionException.class, admin.describeTopics(List.of("no-such")).allTopicNames());
        refused(UnknownTopicIdException.class, admin.describeTopics(TopicCollection.ofTopicIds(List.of(Uuid.randomUuid()))).allTopicIds());
    }

    private ListOffsetsResultInfo offset(OffsetSpec spec) throws Exception {
        TopicPartition p = new TopicPartition(topic, 0);
        return admin.listOffsets(Map.of(p, spec)).partitionResult(p).get();
    }

    private void listOffsets() throws Exception {
        same(0L, offset(OffsetSpec.latest()).offset(), "latest of an empty partition");
        same(-1L, offset(OffsetSpec.maxTimestamp()).offset(), "max timestamp of an empty partition");
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "acks", "all", "linger.ms", 20);
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            // 1000, 1010, ... with the largest at offset 60.
            for (int i = 0; i < 100; i++)
                producer.send(new ProducerRecord<>(topic, 0, i == 60 ? 5000L : 1000L + i * 10, null, new byte[100]));
        }
        same(0L, offset(OffsetSpec.earliest()).offset(), "earliest");
        same(100L, offset(OffsetSpec.latest()).offset(), "latest");
        same(60L, offset(OffsetSpec.maxTimestamp()).offset(), "offset of the largest timestamp");
        same(5000L, offset(OffsetSpec.maxTimestamp()).timestamp(), "largest timestamp");
        same(0L, offset(OffsetSpec.forTimestamp(0)).offset(), "offset at 0 ms");
        same(1L, offset(OffsetSpec.forTimestamp(1001)).offset(), "offset at 1001 ms");
        same(1010L, offset(OffsetSpec.forTimestamp(1001)).timestamp(), "timestamp at 1001 ms");
        same(42L, offset(OffsetSpec.forTimestamp(1420)).offset(), "offset at 1420 ms");
        same(60L, offset(OffsetSpec.forTimestamp(1995)).offset(), "offset at 1995 ms");
        same(-1L, offset(OffsetSpec.forTimestamp(5001)).offset(), "offset after the last timestamp");
        same(0L, offset(OffsetSpec.earliestLocal()).offset(), "earliest local");
        same(-1L, offset(OffsetSpec.latestTiered()).offset(), "latest tiered");
        TopicPartition none = new TopicPartition("no-such", 0);
        refused(UnknownTopicOrPartitionException.class, admin.listOffsets(Map.of(none, OffsetSpec.latest()),
            new org.apache.kafka.clients.admin.ListOffsetsOptions().timeoutMs(2000)).partitionResult(none).thenApply(x -> x), true);
    }

    /** As above; a client that retries until its own deadline may report that in place of the broker's word. */
    private static void refused(Class<? extends Exception> with, KafkaFuture<?> future, boolean orTimeout) throws Exception {
        try {
            refused(with, future);
        } catch (AssertionError e) {
            if (!orTimeout || !e.getMessage().contains("TimeoutException")) throw e;
        }
    }

    private void describeProducers() throws Exception {
        TopicPartition p = new TopicPartition(topic, 0);
        List<ProducerState> states = admin.describeProducers(List.of(p)).partitionResult(p).get().activeProducers();
        same(1, states.size(), "active producers");
        expect(states.get(0).producerId() >= 0 && states.get(0).lastSequence() == 99, "state " + states);
        expect(states.get(0).currentTransactionStartOffset().isEmpty(), "a transaction: " + states);
    }

    private void deleteRecords() throws Exception {
        TopicPartition p = new TopicPartition(topic, 0);
        same(40L, admin.deleteRecords(Map.of(p, RecordsToDelete.beforeOffset(40))).lowWatermarks().get(p).get().lowWatermark(), "low watermark");
        same(40L, offset(OffsetSpec.earliest()).offset(), "earliest");
        same(40L, offset(OffsetSpec.forTimestamp(0)).offset(), "offset at 0 ms");
        refused(OffsetOutOfRangeException.class, admin.deleteRecords(Map.of(p, RecordsToDelete.beforeOffset(1000))).all());
        same(40L, admin.deleteRecords(Map.of(p, RecordsToDelete.beforeOffset(20))).lowWatermarks().get(p).get().lowWatermark(), "low watermark going back");
        same(100L, admin.deleteRecords(Map.of(p, RecordsToDelete.beforeOffset(-1))).lowWatermarks().get(p).get().lowWatermark(), "low watermark at the end");
        same(100L, offset(OffsetSpec.latest()).offset(), "latest");
    }

    private ConfigResource resource() {
        return new ConfigResource(ConfigResource.Type.TOPIC, topic);
    }

    private Config configs(ConfigResource resource) throws Exception {
        return admin.describeConfigs(List.of(resource), new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true)).all().get().get(resource);
    }

    private void describeTopicConfigs() throws Exception {
        Config c = configs(resource());
        same(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, c.get("retention.ms").source(), "source of retention.ms");
        same("-1", c.get("retention.ms").value(), "retention.ms");
        same(ConfigEntry.ConfigSource.DEFAULT_CONFIG, c.get("cleanup.policy").source(), "source of cleanup.policy");
        same("delete", c.get("cleanup.policy").value(), "cleanup.policy");
        same("1073741824", c.get("segment.bytes").value(), "segment.bytes");
        same("producer", c.get("compression.type").value(), "compression.type");
        same("log.segment.bytes", c.get("segment.bytes").synonyms().get(0).name(), "synonym of segment.bytes");
        same(ConfigEntry.ConfigType.LONG, c.get("retention.ms").type(), "type of retention.ms");
        same(ConfigEntry.ConfigType.LIST, c.get("cleanup.policy").type(), "type of cleanup.policy");
        Set<String> mute = all(c, e -> e.documentation() == null || e.documentation().isBlank());
        expect(mute.isEmpty(), "no documentation: " + mute);
        expect(c.entries().size() >= 30, "only " + c.entries().size() + " settings");
        refused(UnknownTopicOrPartitionException.class, admin.describeConfigs(List.of(new ConfigResource(ConfigResource.Type.TOPIC, "no-such"))).all());
    }

    private static Set<String> all(Config c, Predicate<ConfigEntry> which) {
        return c.entries().stream().filter(which).map(ConfigEntry::name).collect(Collectors.toCollection(HashSet::new));
    }

    private void describeBrokerConfigs() throws Exception {
        Config c = configs(new ConfigResource(ConfigResource.Type.BROKER, "1"));
        for (String name : List.of("log.dirs", "num.partitions", "log.retention.hours", "message.max.bytes", "num.io.threads", "listeners"))
            expect(c.get(name) != null, name + " is missing");
        same("168", c.get("log.retention.hours").value(), "log.retention.hours");
        same(ConfigEntry.ConfigSource.STATIC_BROKER_CONFIG, c.get("log.dirs").source(), "source of log.dirs");
        expect(c.get("log.dirs").isReadOnly(), "log.dirs can be changed");
        expect(!c.get("message.max.bytes").isReadOnly(), "message.max.bytes cannot be changed");
    }

    private void alter(ConfigResource resource, OpType op, String name, String value) throws Exception {
        admin.incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(new ConfigEntry(name, value), op)))).all().get();
    }

    private void expectConfig(ConfigResource resource, String name, String value) throws Exception {
        eventually(name + " = " + value, () -> value.equals(configs(resource).get(name).value()));
    }

    private void alterTopicConfigs() throws Exception {
        alter(resource(), OpType.SET, "retention.ms", "7200000");
        expectConfig(resource(), "retention.ms", "7200000");
        alter(resource(), OpType.APPEND, "cleanup.policy", "compact");
        expectConfig(resource(), "cleanup.policy", "delete,compact");
        alter(resource(), OpType.SUBTRACT, "cleanup.policy", "delete");
        expectConfig(resource(), "cleanup.policy", "compact");
        alter(resource(), OpType.DELETE, "cleanup.policy", null);
        expectConfig(resource(), "cleanup.policy", "delete");
        alter(resource(), OpType.DELETE, "retention.ms", null);
        expectConfig(resource(), "retention.ms", "604800000");
        for (List<String> bad : List.of(List.of("retention.ms", "abc"), List.of("no.such", "1"), List.of("cleanup.policy", "keep"), List.of("segment.bytes", "-1"))) {
            AlterConfigOp op = new AlterConfigOp(new ConfigEntry(bad.get(0), bad.get(1)), OpType.SET);
            refused(InvalidConfigurationException.class, admin.incrementalAlterConfigs(Map.of(resource(), List.of(op))).all());
        }
    }

    private void alterBrokerConfigs() throws Exception {
        ConfigResource one = new ConfigResource(ConfigResource.Type.BROKER, "1");
        ConfigResource all = new ConfigResource(ConfigResource.Type.BROKER, "");
        alter(all, OpType.SET, "log.retention.ms", "86400000");
        expectConfig(resource(), "retention.ms", "86400000");
        alter(one, OpType.SET, "log.retention.ms", "43200000");
        expectConfig(one, "log.retention.ms", "43200000");
        same(ConfigEntry.ConfigSource.DYNAMIC_BROKER_CONFIG, configs(one).get("log.retention.ms").source(), "source on the broker");
        alter(one, OpType.DELETE, "log.retention.ms", null);
        alter(all, OpType.DELETE, "log.retention.ms", null);
        expectConfig(resource(), "retention.ms", "604800000");
        AlterConfigOp op = new AlterConfigOp(new ConfigEntry("log.dirs", "/elsewhere"), OpType.SET);
        refused(Exception.class, admin.incrementalAlterConfigs(Map.of(one, List.of(op))).all());
    }

    private void createPartitions() throws Exception {
        admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all().get();
        eventually("5 partitions", () -> admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size() == 5);
        refused(InvalidPartitionsException.class, admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(2))).all());
        refused(InvalidPartitionsException.class, admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all());
        refused(UnknownTopicOrPartitionException.class, admin.createPartitions(Map.of("no-such", NewPartitions.increaseTo(5))).all());
    }

    private long replicas(LogDirDescription d) {
        return d.replicaInfos().keySet().stream().filter(p -> p.topic().equals(topic)).count();
    }

    private void describeLogDirs() throws Exception {
        // Kafka makes the logs of new partitions a moment after it has answered for them.
        eventually("5 replicas", () -> admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1).values().stream().mapToLong(this::replicas).sum() == 5);
        Map<String, LogDirDescription> dirs = admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1);
        same(1, dirs.size(), "log directories");
        LogDirDescription d = dirs.values().iterator().next();
        same(null, d.error(), "error");
        expect(d.totalBytes().orElse(0) > 0 && d.usableBytes().orElse(0) > 0, "no disk size: " + d);
        same(0L, d.replicaInfos().get(new TopicPartition(topic, 0)).offsetLag(), "offset lag");
    }

    private void deleteTopics() throws Exception {
        Uuid id = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).topicId();
        admin.deleteTopics(List.of(topic)).all().get();
        eventually("the topic is gone", () -> !admin.listTopics().names().get().contains(topic));
        refused(UnknownTopicOrPartitionException.class, admin.deleteTopics(List.of(topic)).all());
        refused(UnknownTopicIdException.class, admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all());
        CreateTopicsResult again = admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1)));
        expect(!again.topicId(topic).get().equals(id), "the new topic has the old one's id");
        same(0L, offset(OffsetSpec.latest()).offset(), "end of the new topic");
        Uuid second = again.topicId(topic).get();
        admin.deleteTopics(TopicCollection.ofTopicIds(List.of(second))).all().get();
        admin.deleteTopics(List.of(topic + "-d", topic + "-a")).all().get();
    }
}
