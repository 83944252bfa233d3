"""Apache's tools for groups on kqd and on Apache Kafka, word by word."""
import contextlib
import json
import re
import time

import pytest

import raw
from compare import plain
from conftest import KIND

pytestmark = pytest.mark.skipif(KIND != "kqd", reason="compares kqd with the reference")
TOOLS = "org.apache.kafka.tools."
GROUPS = "consumer.group.ConsumerGroupCommand"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def words(text, broker, members=()):
    """Without what must differ. Columns are as wide as their widest value, so any number of spaces is one."""
    for member in members:
        text = text.replace(member, "MEMBER")
    return "\n".join(re.sub(r" +", " ", line).rstrip() for line in plain(text, broker).splitlines())


@pytest.fixture(scope="module")
def same(both, jvm):
    """same(tool, argument…): both brokers get it; exit code and output must be equal, in any order of lines unless `ordered`.
    `members` are ids to be taken out; `any_client` makes clients' names and their partitions alike;
    `about` keeps the lines of one group, for other tests have theirs. Returns the output."""
    def run(name, *args, ordered=True, members=(), any_client=False, about=None):
        answers = []
        for b in both:
            r = jvm.run(TOOLS + name, "--bootstrap-server", b.bootstrap, *args)
            text = words(r.out, b, members) + "\n--\n" + words(r.err, b, members)
            if any_client:
                text = re.sub(r"client-\d", "client-N", re.sub(r":\d(,\d)*(?= |$)", ":P", text, flags=re.M))
            if about:
                text = "\n".join(line for line in text.splitlines() if about in line or line.startswith("GROUP") or line == "--")
            answers.append((r.code, text if ordered else "\n".join(sorted(text.splitlines()))))
        assert answers[0] == answers[1], f"{name} {' '.join(map(str, args))}"
        return answers[0][1]
    return run


@pytest.fixture
def filled(both, topic):
    """A topic of three partitions on both brokers: ten records in each, a second between them."""
    for b in both:
        with raw.Conn(b) as c:
            assert raw.create(c, topic, 3, {"retention.ms": "-1"})[0] == 0
            for p in range(3):
                for n in range(10):
                    sent = raw.batch([(b"k", b"v%d" % n, 1_700_000_000_000 + 1000 * n)])
                    assert raw.produce(c, topic, sent, partition=p)["error"] == 0
    return topic


def commits(both, group, offsets, metadata=""):
    """A consumer that only commits: {(topic, partition): offset}."""
    import confluent_kafka
    for b in both:
        c = confluent_kafka.Consumer({"bootstrap.servers": b.bootstrap, "group.id": group, "enable.auto.commit": False})
        partitions = [confluent_kafka.TopicPartition(t, p, o, metadata) for (t, p), o in offsets.items()]
        done = c.commit(offsets=partitions, asynchronous=False)
        assert not any(p.error for p in done), done
        c.close()


@contextlib.contextmanager
def members(both, group, topic, count, **more):
    """`count` members of one group, each with its part of the topic, on both brokers."""
    import confluent_kafka
    settings = {"enable.auto.commit": False, "auto.offset.reset": "earliest", **{k.replace("_", "."): v for k, v in more.items()}}
    consumers = []
    try:
        for b in both:
            mine = [confluent_kafka.Consumer({**settings, "bootstrap.servers": b.bootstrap, "group.id": group, "client.id": f"client-{n}"})
                    for n in range(count)]
            consumers += mine
            deadline = time.monotonic() + 60
            for c in mine:
                c.subscribe([topic])
            while sorted(p.partition for c in mine for p in c.assignment()) != [0, 1, 2] or not all(c.assignment() for c in mine):
                assert time.monotonic() < deadline, [c.assignment() for c in mine]
                for c in mine:
                    c.poll(0.05)
        yield [c.memberid() for c in consumers]
    finally:
        for c in consumers:
            c.close()


def test_groups_that_are_not_there(same):
    for what in [[], ["--offsets"], ["--members"], ["--state"], ["--members", "--verbose"]]:
        same(GROUPS, "--describe", "--group", "no-such", *what)
    same(GROUPS, "--delete", "--group", "no-such")
    same(GROUPS, "--delete-offsets", "--group", "no-such", "--topic", "t")
    for bad in [["--list", "--state", "nonsense"], ["--list", "--type", "nonsense"], ["--describe"], []]:
        same(GROUPS, *bad)


def test_an_empty_group(both, same, filled):
    group = filled + "-g"
    commits(both, group, {(filled, 0): 4, (filled, 1): 10})
    for what in [[], ["--offsets"], ["--offsets", "--verbose"], ["--members"], ["--members", "--verbose"], ["--state"], ["--state", "--verbose"]]:
        same(GROUPS, "--describe", "--group", group, *what)
    for what in [[], ["--state"], ["--state", "Empty"], ["--state", "Stable"], ["--type"], ["--type", "classic"], ["--type", "consumer"]]:
        out = same(GROUPS, "--list", *what, ordered=False, about=group)
        assert (group in out) == ("Stable" not in what and "consumer" not in what)
    same(GROUPS, "--describe", "--all-groups", "--state", ordered=False, about=group)
    for what in [[], ["--group-type", "classic"], ["--group-type", "consumer"], ["--protocol", "consumer"], ["--consumer"], ["--share"]]:
        same("GroupsCommand", "--list", *what, ordered=False, about=group)


@pytest.mark.parametrize("how", [{}, {"partition_assignment_strategy": "cooperative-sticky"}, {"group_instance_id": "one", "count": 1},
                                 {"group_protocol": "consumer"}, {"group_protocol": "consumer", "group_instance_id": "one", "count": 1}],
                         ids=["eager", "cooperative", "static", "consumer", "consumer-static"])
def test_a_group_with_members(both, same, filled, how):
    group = filled + "-g"
    how = {"count": 2, **how}
    several = how["count"] > 1
    with members(both, group, filled, **how) as ids:
        for what in [[], ["--offsets"], ["--members"], ["--members", "--verbose"], ["--state"], ["--state", "--verbose"], ["--offsets", "--verbose"]]:
            # Who of two got which partitions is drawn with their ids.
            out = same(GROUPS, "--describe", "--group", group, *what, members=ids, ordered=not several, any_client=several)
            assert "client-" in out or "--state" in what
        same(GROUPS, "--list", "--state", ordered=False, about=group)
        same(GROUPS, "--list", "--type", ordered=False, about=group)
        assert group in same("GroupsCommand", "--list", ordered=False, about=group)
        # What a group with members refuses.
        same(GROUPS, "--reset-offsets", "--group", group, "--topic", filled, "--to-earliest", "--execute")
        same(GROUPS, "--delete", "--group", group)
        same(GROUPS, "--delete-offsets", "--group", group, "--topic", filled)
    if several:
        same(GROUPS, "--describe", "--group", group, "--state")


def test_resetting_offsets(both, same, filled, tmp_path):
    group = filled + "-g"
    commits(both, group, {(filled, 0): 4, (filled, 1): 10, (filled, 2): 0})
    stem = ["--reset-offsets", "--group", group]
    plan = tmp_path / "plan.csv"
    plan.write_text(f"{filled},0,3\n{filled},2,9\n")
    for how in [["--to-earliest"], ["--to-latest"], ["--to-current"], ["--to-offset", "6"], ["--to-offset", "600"], ["--shift-by", "-2"],
                ["--shift-by", "3"], ["--to-datetime", "2023-11-14T22:13:25.000"], ["--by-duration", "P0DT1H0M0S"],
                ["--to-datetime", "2040-01-01T00:00:00.000"]]:
        same(GROUPS, *stem, *how, "--topic", filled, "--dry-run", ordered=False)
        same(GROUPS, *stem, *how, "--topic", filled, "--export", ordered=False)
        same(GROUPS, *stem, *how, "--topic", f"{filled}:0,2", "--execute", ordered=False)
        same(GROUPS, "--describe", "--group", group, ordered=False)
    same(GROUPS, *stem, "--from-file", plan, "--dry-run", ordered=False)
    same(GROUPS, *stem, "--from-file", plan, "--execute", ordered=False)
    same(GROUPS, *stem, "--to-earliest", "--all-topics", "--execute", ordered=False)
    same(GROUPS, *stem, "--to-earliest", "--topic", "no-such", "--execute")
    same(GROUPS, *stem, "--to-earliest", "--topic", f"{filled}:9", "--execute")
    # A group that comes to be by this.
    same(GROUPS, "--reset-offsets", "--group", group + "-new", "--to-offset", "5", "--topic", filled, "--execute", ordered=False)
    same(GROUPS, "--describe", "--group", group + "-new", ordered=False)


def test_deleting(both, same, filled):
    group = filled + "-g"
    commits(both, group, {(filled, 0): 4, (filled, 1): 10})
    same(GROUPS, "--delete-offsets", "--group", group, "--topic", f"{filled}:0")
    same(GROUPS, "--delete-offsets", "--group", group, "--topic", f"{filled}:7")
    same(GROUPS, "--delete-offsets", "--group", group, "--topic", "never-seen")
    same(GROUPS, "--describe", "--group", group, ordered=False)
    same(GROUPS, "--delete", "--group", group, "--group", "no-such", ordered=False)
    assert group not in same(GROUPS, "--list", ordered=False, about=group)
    same(GROUPS, "--describe", "--group", group)


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_verifiable_consumer(both, jvm, filled, protocol):
    """Every event that it says, in order, apart from times and from how the records come in portions."""
    answers = []
    for b in both:
        out = jvm.run(TOOLS + "VerifiableConsumer", "--bootstrap-server", b.bootstrap, "--topic", filled, "--group-id", filled + "-g",
                      "--group-protocol", protocol, "--max-messages", 30, "--reset-policy", "earliest", "--verbose").ok()
        events = [json.loads(line) for line in out.splitlines()]
        # A client that has its partitions before it knows their topic's name tells of none first.
        events = [e for e in events if e["name"] != "partitions_assigned" or e["partitions"]]
        names = [e["name"] for e in events if e["name"] not in ("records_consumed", "offsets_committed", "record_data")]
        records = sorted((e["partition"], e["offset"], e["key"], e["value"]) for e in events if e["name"] == "record_data")
        last = {(o["topic"], o["partition"]): o["offset"] for e in events if e["name"] == "offsets_committed" for o in e["offsets"]}
        failures = [e for e in events if e.get("success") is False]
        assert len(records) == 30 and set(last.values()) == {10} and not failures, out
        answers.append((names, records, last, [e["partitions"] for e in events if e["name"] == "partitions_assigned"]))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_consumer_performance(both, jvm, filled, protocol):
    answers = []
    for b in both:
        out = jvm.run(TOOLS + "ConsumerPerformance", "--bootstrap-server", b.bootstrap, "--topic", filled, "--group", filled + "-g",
                      "--num-records", 30, "--command-property", f"group.protocol={protocol}").ok()
        head, row = out.splitlines()
        row = row.split(", ")
        answers.append((head, len(row), row[2], row[4]))
    assert answers[0] == answers[1] and answers[0][3] == "30"


def test_the_offsets_topic_is_kafkas(both, jvm, filled):
    """Both brokers' logs of one group's story, read by DumpLogSegments from the files and by the console consumer with its formatters."""
    group = filled + "-g"
    commits(both, group, {(filled, 0): 4, (filled, 1): 10}, "some metadata")
    with members(both, group, filled, 1):
        pass
    commits(both, group, {(filled, 0): 5})
    told = []
    for b in both:
        jvm.run(TOOLS + GROUPS, "--bootstrap-server", b.bootstrap, "--delete-offsets", "--group", group, "--topic", f"{filled}:1").ok()
        partition = group_partition(group, 50)
        log = b.data / f"__consumer_offsets-{partition}" / f"{0:020}.log"
        out = jvm.run(TOOLS + "DumpLogSegments", "--deep-iteration", "--offsets-decoder", "--files", log).ok()
        texts = [[unstamped(line) for line in out.splitlines() if group in line]]
        with raw.Conn(b) as c:
            end = raw.list_offsets(c, "__consumer_offsets", -1, partition=partition)[2]
        for formatter in ["OffsetsMessageFormatter", "GroupMetadataMessageFormatter"]:
            out = jvm.run(TOOLS + "consumer.ConsoleConsumer", "--bootstrap-server", b.bootstrap, "--topic", "__consumer_offsets",
                          "--partition", partition, "--offset", "earliest", "--max-messages", end, "--timeout-ms", 60_000,
                          "--formatter", TOOLS + "consumer." + formatter).ok()
            # One record follows the other without a line's end.
            rows = re.split(r"(?<=})(?=\{)", out.strip())
            texts.append([unstamped(row) for row in rows if group in row])
        told.append(texts)
    # Two offsets, a generation with a member and one without, an offset, and a tombstone.
    assert [len(t) for t in told[1]] == [6, 4, 2], told[1]
    assert told[0] == told[1]


def group_partition(group, partitions):
    """Java's hash of the name."""
    h = 0
    for c in group:
        h = (31 * h + ord(c)) & 0xFFFFFFFF
    return abs(h - (1 << 32) if h >> 31 else h) % partitions


def unstamped(line):
    line = UUID.sub("UUID", re.sub(r"^\| offset: \d+ .*? (key|payload)", r"\1", line))
    # Without a producer a batch's sequence says nothing: Apache Kafka writes 0, kqd -1, as clients do.
    line = re.sub(r"sequence: -?\d+", "sequence: N", line)
    line = re.sub(r'("topicId": ?)"[\w-]{22}"', r'\1"ID"', line)
    return re.sub(r'("?\w*[tT]imestamp\w*"?[:=] ?)\d+', r"\1T", line)
