"""Apache Kafka's own command-line tools."""
import json
import re
import time

import pytest

import raw
from records import CODECS

TOOLS = "org.apache.kafka.tools."


@pytest.fixture
def tool(broker, jvm):
    """tool(name, argument…) runs one of Apache's tools against the broker."""
    def run(name, *args, stdin=b""):
        main = name if "." in name and name[0].islower() else TOOLS + name
        return jvm.run(main, "--bootstrap-server", broker.bootstrap, *args, stdin=stdin)
    return run


def created(broker, name, partitions=1, **configs):
    with raw.Conn(broker) as c:
        assert raw.create(c, name, partitions, {k.replace("_", "."): v for k, v in configs.items()})[0] == 0


def eventually(holds):
    """The reference answers a change before everyone sees it."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def filled(broker, name, count=10, **configs):
    created(broker, name, **configs)
    with raw.Conn(broker) as c:
        for i in range(count):
            assert raw.produce(c, name, raw.batch([(b"k%d" % i, b"v%d" % i, 1000 + i)]))["error"] == 0


def test_topics(tool, topic):
    # Create, list and describe are compared word by word with the reference in test_compare.py.
    assert "Created topic" in tool("TopicCommand", "--create", "--topic", topic, "--partitions", 2).ok()
    eventually(lambda: topic in tool("TopicCommand", "--list").ok().splitlines())
    tool("TopicCommand", "--alter", "--topic", topic, "--partitions", 4).ok()
    eventually(lambda: tool("TopicCommand", "--describe", "--topic", topic).out.count("Leader: 1\tReplicas: 1\tIsr: 1") == 4)
    assert "PartitionCount: 4" in tool("TopicCommand", "--describe", "--topic", topic).ok()
    tool("TopicCommand", "--delete", "--topic", topic).ok()
    eventually(lambda: tool("TopicCommand", "--describe", "--topic", topic).code == 1)


def test_configs(tool, broker, topic):
    created(broker, topic)
    entity = ["--entity-type", "topics", "--entity-name", topic]
    tool("kafka.admin.ConfigCommand", "--alter", *entity, "--add-config", "retention.ms=12345678,cleanup.policy=[compact,delete]").ok()
    out = tool("kafka.admin.ConfigCommand", "--describe", *entity).ok()
    assert "retention.ms=12345678" in out and "cleanup.policy=compact,delete" in out
    tool("kafka.admin.ConfigCommand", "--alter", *entity, "--delete-config", "retention.ms").ok()
    assert "retention.ms" not in tool("kafka.admin.ConfigCommand", "--describe", *entity).ok()
    assert "retention.ms=604800000" in tool("kafka.admin.ConfigCommand", "--describe", "--all", *entity).ok()


def test_get_offsets(tool, broker, topic):
    filled(broker, topic, retention_ms="-1")
    for when, offset in [("latest", 10), ("earliest", 0), ("max-timestamp", 9), ("-1", 10), ("-2", 0), ("1004", 4)]:
        assert tool("GetOffsetShell", "--topic", topic, "--time", when).ok() == f"{topic}:0:{offset}\n", when


def test_delete_records(tool, broker, topic, tmp_path):
    filled(broker, topic, retention_ms="-1")
    plan = tmp_path / "offsets.json"
    plan.write_text(json.dumps({"version": 1, "partitions": [{"topic": topic, "partition": 0, "offset": 6}]}))
    assert "low_watermark: 6" in tool("DeleteRecordsCommand", "--offset-json-file", plan).ok()
    assert tool("GetOffsetShell", "--topic", topic, "--time", "earliest").ok() == f"{topic}:0:6\n"


def test_log_dirs(tool, broker, topic):
    filled(broker, topic)
    out = tool("LogDirsCommand", "--describe", "--topic-list", topic).ok()
    (dirs,) = json.loads(out.splitlines()[-1])["brokers"]
    (d,) = dirs["logDirs"]
    assert dirs["broker"] == 1 and d["error"] is None and d["logDir"] == str(broker.data)
    (p,) = d["partitions"]
    # Ten batches of one record each.
    assert p["partition"] == f"{topic}-0" and 700 < p["size"] < 1000 and p["offsetLag"] == 0 and not p["isFuture"]


def test_api_versions(tool, broker):
    out = tool("BrokerApiVersionsCommand").ok()
    assert f"127.0.0.1:{broker.port} (id: 1 rack: null" in out
    # What the Java client can use of what is served.
    for line in ["Produce(0): 0 to 13 [usable: 13]", "Fetch(1): 4 to ", "Metadata(3): 0 to 13", "CreateTopics(19): 2 to 7 [usable: 7]"]:
        assert line in out, out


def test_cluster_tool(jvm, broker):
    out = jvm.run(TOOLS + "ClusterTool", "cluster-id", "--bootstrap-server", broker.bootstrap).ok()
    assert re.fullmatch(r"Cluster ID: [A-Za-z0-9_-]{22}\n", out)


@pytest.mark.parametrize("codec", CODECS)
def test_producer_and_consumer_performance(tool, broker, topic, codec):
    created(broker, topic, 3)
    out = tool("ProducerPerformance", "--topic", topic, "--num-records", 100_000, "--record-size", 100, "--throughput", -1,
               "--command-property", f"compression.type={codec}", "--command-property", "acks=all").ok()
    assert out.splitlines()[-1].startswith("100000 records sent, ")
    with raw.Conn(broker) as c:
        assert sum(raw.list_offsets(c, topic, -1, partition=p)[2] for p in range(3)) == 100_000


def test_dump_log_reads_the_brokers_files(own_broker, jvm):
    """Segments, offset index and time index, rolled several times: Kafka's dump tool finds nothing to complain about."""
    broker = own_broker()
    for codec in CODECS:
        created(broker, codec, 1, segment_bytes="1048576", index_interval_bytes="1024",
                compression_type="uncompressed" if codec == "none" else codec)
        with raw.Conn(broker) as c:
            for n in range(60):
                rows = [(b"key-%d" % i, bytes((i * j + n) * 2654435761 >> 7 & 255 for j in range(300))) for i in range(100)]
                assert raw.produce(c, codec, raw.batch(rows))["error"] == 0
    segments = {codec: sorted((broker.data / f"{codec}-0").glob("*.log")) for codec in CODECS}
    assert len(segments["none"]) >= 2
    for codec, logs in segments.items():
        # While the broker runs.
        out = jvm.run(TOOLS + "DumpLogSegments", "--deep-iteration", "--print-data-log", "--files", ",".join(map(str, logs))).ok()
        assert [int(m) for m in re.findall(r"^\| offset: (\d+) ", out, re.M)] == list(range(6000))
        assert "isvalid: false" not in out and set(re.findall(r"compresscodec: (\w+)", out)) == {codec}
    broker.stop()
    for codec, logs in segments.items():
        directory = broker.data / f"{codec}-0"
        indexes = [log.with_suffix(suffix) for log in logs for suffix in (".index", ".timeindex")]
        assert sorted(indexes) == sorted([*directory.glob("*.index"), *directory.glob("*.timeindex")])
        files = ",".join(map(str, indexes))
        assert jvm.run(TOOLS + "DumpLogSegments", "--index-sanity-check", "--files", files).ok().count("passed sanity check") == len(indexes)
        out = jvm.run(TOOLS + "DumpLogSegments", "--verify-index-only", "--files", files).ok()
        assert not re.search("mismatch|out of order|Misplaced|Found|corrupt", out, re.I), out
        out = jvm.run(TOOLS + "DumpLogSegments", "--files", str(indexes[0])).ok()
        # Sparse, but there: an entry about every index.interval.bytes of a segment with many batches.
        assert len(re.findall(r"^offset: \d+ position: \d+", out, re.M)) >= 10, out
