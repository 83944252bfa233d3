"""The same commands on kqd and on Apache Kafka, word by word: what differs is listed here with its reason, or a bug."""
import re

import pytest

import raw
from compare import plain
from conftest import KIND

pytestmark = pytest.mark.skipif(KIND != "kqd", reason="compares kqd with the reference")
TOOLS = "org.apache.kafka.tools."

# Settings whose value kq means otherwise.
OTHER_VALUES = {
    "flush.messages", "log.flush.interval.messages",  # acknowledged means on disk: 1, group-committed
    "controller.quorum.fetch.timeout.ms",  # a leader that is gone is replaced sooner: 500
    "socket.receive.buffer.bytes", "socket.send.buffer.bytes",  # left to the system's autotuning unless set
}
# Settings of the place a broker runs at.
PLACES = {"listeners", "advertised.listeners", "log.dir", "log.dirs", "metadata.log.dir", "controller.quorum.voters"}


@pytest.fixture(scope="module")
def same(both, jvm):
    """same(tool, argument…): both brokers get it; exit code and output must be equal. Returns the output."""
    def run(name, *args):
        main = name if name.startswith("kafka.") else TOOLS + name
        answers = []
        for b in both:
            r = jvm.run(main, "--bootstrap-server", b.bootstrap, *args)
            answers.append((r.code, plain(r.out, b)))
        assert answers[0] == answers[1], f"{name} {' '.join(map(str, args))}"
        return answers[0][1]
    return run


def on_both(both, action):
    answers = []
    for b in both:
        with raw.Conn(b) as c:
            answers.append(action(c))
    assert answers[0] == answers[1]
    return answers[0]


def create_on_both(both, topic, **configs):
    on_both(both, lambda c: raw.create(c, topic, 1, {k.replace("_", "."): v for k, v in configs.items()})[0])


def test_creating_and_describing_topics(both, same, topic):
    for extra in [["--partitions", "3", "--config", "retention.ms=3600000", "--config", "min.insync.replicas=1"],
                  [], ["--partitions", "0"]]:
        same("TopicCommand", "--create", "--topic", topic, *extra)
    same("TopicCommand", "--create", "--topic", topic, "--if-not-exists")
    same("TopicCommand", "--create", "--topic", topic + "-a", "--replica-assignment", "1,1")
    for name, extra in [("a/b", []), ("x" * 250, []), (topic + "-c", ["--config", "no.such=1"]),
                        (topic + "-c", ["--config", "retention.ms=week"]), (topic + "-r", ["--replication-factor", "3"]),
                        (topic + "-r", ["--replica-assignment", "7"])]:
        same("TopicCommand", "--create", "--topic", name, *extra)
    # The reference needs a moment until everyone knows the new topic.
    on_both(both, lambda c: [raw.create(c, f"{topic}-settled", 1)[0], [t["error"] for t in raw.metadata(c, [topic, topic + "-a"])[1]]])
    same("TopicCommand", "--describe", "--topic", topic)
    for extra in [["--topics-with-overrides"], ["--under-replicated-partitions"], ["--unavailable-partitions"], ["--at-min-isr-partitions"]]:
        same("TopicCommand", "--describe", "--topic", topic, *extra)
    same("TopicCommand", "--describe", "--topic", "no-such")
    same("TopicCommand", "--alter", "--topic", topic, "--partitions", "2")
    same("TopicCommand", "--alter", "--topic", "no-such", "--partitions", "2")
    same("TopicCommand", "--delete", "--topic", "no-such")
    same("TopicCommand", "--delete", "--topic", topic)


def settings(text):
    """{name: the rest of the line} of ConfigCommand's output."""
    rows = {}
    for line in text.splitlines():
        if m := re.match(r"  ([\w.]+)=(.*)", line):
            rows[m[1]] = m[2]
    return rows


def test_settings_of_a_topic(both, jvm, topic):
    """Every key, its value, source and synonyms."""
    create_on_both(both, topic, retention_ms="3600000", cleanup_policy="compact,delete")
    ours, theirs = (settings(plain(jvm.run("kafka.admin.ConfigCommand", "--bootstrap-server", b.bootstrap, "--describe", "--all",
                                           "--entity-type", "topics", "--entity-name", topic).ok(), b)) for b in both)
    assert len(theirs) >= 30 and set(ours) == set(theirs)
    assert {k: (ours[k], theirs[k]) for k in theirs if ours[k] != theirs[k] and k not in OTHER_VALUES} == {}


def test_settings_of_the_broker(both, jvm):
    """Every key that Apache Kafka's broker shows is known here, with the same value unless the list above says why not."""
    def values(b):
        rows = settings(jvm.run("kafka.admin.ConfigCommand", "--bootstrap-server", b.bootstrap, "--describe", "--all",
                                "--entity-type", "brokers", "--entity-name", "1").ok())
        return {k: v.split(" sensitive=")[0] for k, v in rows.items()}
    ours, theirs = values(both[0]), values(both[1])
    # What kq has no use for yet need not be shown; what is shown must say the same.
    needed = {"auto.create.topics.enable", "compression.type", "connections.max.idle.ms", "default.replication.factor", "delete.topic.enable",
              "log.cleanup.policy", "log.flush.interval.ms", "log.index.interval.bytes", "log.message.timestamp.type", "log.retention.bytes",
              "log.retention.check.interval.ms", "log.retention.hours", "log.retention.minutes", "log.retention.ms", "log.roll.hours",
              "log.roll.ms", "log.segment.bytes", "max.connections", "max.connections.per.ip", "message.max.bytes", "min.insync.replicas",
              "node.id", "num.io.threads", "num.network.threads", "num.partitions", "num.recovery.threads.per.data.dir",
              "queued.max.requests", "socket.receive.buffer.bytes", "socket.request.max.bytes", "socket.send.buffer.bytes"}
    assert needed - set(ours) == set()
    assert {k: (ours[k], theirs[k]) for k in theirs if k in ours and ours[k] != theirs[k] and k not in OTHER_VALUES | PLACES} == {}


def test_altering_settings(both, same, topic):
    create_on_both(both, topic)
    entity = ["--entity-type", "topics", "--entity-name", topic]
    for change in [["--add-config", "retention.ms=1234567"], ["--add-config", "cleanup.policy=[compact,delete],segment.bytes=1048576"],
                   ["--add-config", "retention.ms=week"], ["--add-config", "no.such=1"], ["--delete-config", "retention.ms"],
                   ["--delete-config", "no.such"]]:
        same("kafka.admin.ConfigCommand", "--alter", *entity, *change)
    same("kafka.admin.ConfigCommand", "--alter", "--entity-type", "topics", "--entity-name", "no-such", "--add-config", "retention.ms=1")
    # Only after the reference has settled: the topic's own metadata has arrived once its leader answers.
    create_on_both(both, topic + "-settled")
    same("kafka.admin.ConfigCommand", "--describe", *entity)


def test_settings_of_a_group(both, jvm, same, topic):
    """Told, changed, taken back and refused in the same words, whether there is such a group or not."""
    entity = ["--entity-type", "groups", "--entity-name", topic]
    config = "kafka.admin.ConfigCommand"
    out = same(config, "--describe", "--all", *entity)
    assert "consumer.session.timeout.ms=6000 " in out and "streams.num.standby.replicas=0" in out
    same(config, "--alter", *entity, "--add-config",
         "consumer.session.timeout.ms=50000,consumer.heartbeat.interval.ms=6000,share.auto.offset.reset=by_duration:PT1H,"
         "share.isolation.level=read_committed,share.renew.acknowledge.enable=false,streams.num.standby.replicas=2")
    same(config, "--alter", *entity, "--delete-config", "streams.num.standby.replicas")
    create_on_both(both, topic + "-settled")
    for all_of_them in ([], ["--all"]):
        out = same(config, "--describe", *all_of_them, *entity)
        assert "consumer.heartbeat.interval.ms=6000" in out
    for wrong in ["no.such=1", "consumer.assignor.offload.enable=true", "consumer.session.timeout.ms=soon", "consumer.session.timeout.ms=0",
                  "consumer.session.timeout.ms=5999", "consumer.session.timeout.ms=60001", "consumer.heartbeat.interval.ms=299",
                  "consumer.heartbeat.interval.ms=15001", "consumer.session.timeout.ms=6000", "consumer.assignment.interval.ms=15001",
                  "share.auto.offset.reset=never", "share.auto.offset.reset=by_duration:-PT1H", "share.auto.offset.reset=by_duration:1h",
                  "share.isolation.level=serializable", "share.delivery.count.limit=1", "share.delivery.count.limit=11", "share.record.lock.duration.ms=999",
                  "share.record.lock.duration.ms=14999", "share.partition.max.record.locks=99", "share.partition.max.record.locks=4001",
                  "share.renew.acknowledge.enable=perhaps", "streams.num.standby.replicas=3", "streams.num.standby.replicas=-1",
                  "streams.initial.rebalance.delay.ms=-1", "streams.session.timeout.ms=60001"]:
        ours, theirs = (jvm.run(config, "--bootstrap-server", b.bootstrap, "--alter", *entity, "--add-config", wrong) for b in both)
        assert (ours.code, plain(ours.out, both[0])) == (theirs.code, plain(theirs.out, both[1])), wrong
        assert plain(ours.err, both[0]) == plain(theirs.err, both[1]) and theirs.code != 0, wrong
        assert "Exception: " in theirs.out + theirs.err, wrong


def test_offsets_log_dirs_and_deleting_records(both, same, topic, tmp_path):
    create_on_both(both, topic, retention_ms="-1")
    for n in range(20):
        on_both(both, lambda c: raw.produce(c, topic, raw.batch([(b"k", b"v" * n, 1000 + n)]))["base"])
    for when in ["latest", "earliest", "max-timestamp", "1007", "5000", "earliest-local", "latest-tiered"]:
        same("GetOffsetShell", "--topic-partitions", f"{topic}:0", "--time", when)
    same("GetOffsetShell", "--topic-partitions", "no-such:0")
    # Byte for byte the same size.
    same("LogDirsCommand", "--describe", "--topic-list", topic)
    same("LogDirsCommand", "--describe", "--topic-list", topic, "--broker-list", "7")
    plan = tmp_path / "plan.json"
    for offset in (5, 100):
        plan.write_text('{"version":1,"partitions":[{"topic":"%s","partition":0,"offset":%d}]}' % (topic, offset))
        same("DeleteRecordsCommand", "--offset-json-file", plan)
    same("GetOffsetShell", "--topic-partitions", f"{topic}:0", "--time", "earliest")
    properties = [a for p in ("timestamp", "offset", "key", "headers", "partition", "epoch") for a in ("--formatter-property", f"print.{p}=true")]
    same("consumer.ConsoleConsumer", "--topic", topic, "--partition", "0", "--offset", "earliest", "--max-messages", "15", *properties)


def test_api_versions_served_are_apaches(both, jvm):
    """A key that is served is served in Apache's versions: a client that works there works here."""
    def rows(b):
        out = jvm.run(TOOLS + "BrokerApiVersionsCommand", "--bootstrap-server", b.bootstrap).ok()
        return dict(re.findall(r"\t(\w+\(\d+\)): (\d+(?: to \d+)?)", out))
    ours, theirs = rows(both[0]), rows(both[1])
    assert len(ours) >= 20 and {k: (ours[k], theirs.get(k)) for k in ours if ours[k] != theirs.get(k)} == {}


def test_cluster_id(both, jvm):
    ours, theirs = (plain(jvm.run(TOOLS + "ClusterTool", "cluster-id", "--bootstrap-server", b.bootstrap).ok(), b) for b in both)
    assert ours == theirs


def test_the_segment_files_are_the_same_bytes(both, topic):
    """What was sent passes through: the log of both brokers is byte for byte one."""
    create_on_both(both, topic, retention_ms="-1", segment_bytes="1048576")
    with raw.Conn(both[0]) as ours, raw.Conn(both[1]) as theirs:
        for n in range(30):
            sent = raw.batch([(b"%d" % i, bytes(700), 1000 * n + i) for i in range(100)])
            assert raw.produce(ours, topic, sent) == raw.produce(theirs, topic, sent)
    logs = [{f.name: f.read_bytes() for f in sorted((b.data / f"{topic}-0").glob("*.log"))} for b in both]
    assert list(logs[0]) == list(logs[1]) and len(logs[0]) == 3
    assert logs[0] == logs[1]
