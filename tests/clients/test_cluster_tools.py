"""Apache Kafka's own tools on three brokers that are one cluster: the same commands on kqd and on Apache Kafka, and the
same output, word by word where nothing in it is left to chance."""
import json
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

import raw
from broker import JAVA
from cluster import Cluster
from compare import plain
from conftest import KIND

pytestmark = pytest.mark.skipif(KIND != "kqd", reason="compares kqd with the reference")
TOOLS = "org.apache.kafka.tools."
REASSIGN = TOOLS + "reassign.ReassignPartitionsCommand"


@pytest.fixture(scope="module")
def clusters(tmp_path_factory):
    """kqd and Apache Kafka, three brokers each."""
    pair = [Cluster(kind, tmp_path_factory.mktemp(f"{kind}-cluster")) for kind in ("kqd", "kafka")]
    try:
        for cluster in pair:
            cluster.start()
        yield pair
    finally:
        for cluster in pair:
            cluster.close()


@pytest.fixture
def whole(clusters):
    """As above; whoever is down afterwards is started again."""
    yield clusters
    for cluster in clusters:
        for seat in cluster.seats.values():
            if not seat.process:
                seat.start()
        cluster.wait_for(lambda: all(len(cluster.brokers(s)) == 3 for s in cluster.up()), "all are back")


def steady(text, cluster):
    """Without what must differ between two clusters. Who came into sync first is left to chance, too."""
    for seat in cluster.seats.values():
        text = plain(text, seat)
    text = re.sub(r"Isr: ([\d,]+)", lambda m: "Isr: " + ",".join(sorted(m[1].split(","))), text)
    # The reference has its default as a setting of the cluster, which is told with every topic.
    text = re.sub(r"(Configs: |,)min.insync.replicas=1\b,?", r"\1", text)
    # The last one in sync stays that in kqd when it is down; in the reference it is an eligible leader (KIP-966) then.
    return re.sub(r"(Leader: none\tReplicas: \S+)\tIsr: (\S*)\tElr: (\S*)\tLastKnownElr: .*", r"\1\tIsr or elr: \2\3", text)


def tool(jvm, cluster, name, *args):
    main = name if name.startswith(("kafka.", "org.")) else TOOLS + name
    # The third is the one that tests stop: nobody should wait for it.
    up = ",".join(seat.bootstrap for seat in cluster.up() if seat.number < 3)
    r = jvm.run(main, "--bootstrap-server", up, *args)
    return r.code, steady(r.out, cluster)


@pytest.fixture
def same(whole, jvm):
    """same(tool, argument…): both clusters get it; exit code and output must be equal. Returns the output."""
    def run(name, *args):
        answers = [tool(jvm, cluster, name, *args) for cluster in whole]
        assert answers[0] == answers[1], f"{name} {' '.join(map(str, args))}"
        return answers[0][1]
    return run


def create(clusters, jvm, topic, assignment, *more):
    for cluster in clusters:
        args = ["--create", "--topic", topic, "--replica-assignment", assignment, *more]
        code, out = tool(jvm, cluster, "TopicCommand", *args)
        assert code == 0, out
        isr = sorted({int(id) for part in assignment.split(",") for id in part.split(":")})
        cluster.wait_for(lambda: all(len(p[2]) == len(p[1]) and p[0] in isr for s in cluster.up()
                                     for p in cluster.partitions(topic, s).values()), f"{topic} is there")


def kill(clusters, number):
    for cluster in clusters:
        cluster.seats[number].kill()


def test_topics_and_their_health(same, whole, jvm, topic):
    full, two, alone = topic + "-full", topic + "-two", topic + "-alone"
    create(whole, jvm, full, "1:2:3,2:3:1,3:1:2", "--config", "min.insync.replicas=2")
    create(whole, jvm, two, "2:3,1:2", "--config", "min.insync.replicas=2")
    create(whole, jvm, alone, "3,1")
    names = [full, two, alone]
    filters = ["--under-replicated-partitions", "--under-min-isr-partitions", "--at-min-isr-partitions",
               "--unavailable-partitions"]
    out = same("TopicCommand", "--describe", "--topic", full)
    assert "Leader: 2\tReplicas: 2,3,1\tIsr: 1,2,3" in out
    for name in names:
        for each in filters:
            same("TopicCommand", "--describe", "--topic", name, each)
    for bad in ["1:1", "1:9", "1:2,3", "1,,2"]:
        same("TopicCommand", "--create", "--topic", topic + "-bad", "--replica-assignment", bad)
    same("TopicCommand", "--create", "--topic", topic + "-bad", "--replication-factor", "4", "--partitions", "1")
    kill(whole, 3)
    for cluster in whole:
        cluster.wait_isr(full, [1, 2])
        cluster.wait_isr(two, [2], [0])
        cluster.wait_for(lambda: all(cluster.partitions(alone, s)[0][0] == -1 for s in cluster.up()), "nobody leads")
    for name in names:
        same("TopicCommand", "--describe", "--topic", name)
        # See steady: only one of the two counts who is down as in sync.
        for each in filters if name != alone else ["--unavailable-partitions"]:
            same("TopicCommand", "--describe", "--topic", name, each)
    for cluster in whole:
        cluster.seats[3].start()
        cluster.wait_isr(full, [1, 2, 3])
        cluster.wait_isr(alone, [3], [0])
    for name in names:
        same("TopicCommand", "--describe", "--topic", name)
    same("TopicCommand", "--alter", "--topic", full, "--partitions", "5", "--replica-assignment",
         "1:2:3,2:3:1,3:1:2,1:3:2,2:1:3")
    for cluster in whole:
        cluster.wait_for(lambda: all(len(cluster.partitions(full, s)) == 5 for s in cluster.up()), "five partitions")
    same("TopicCommand", "--describe", "--topic", full)


def test_leader_election(same, whole, jvm, topic, tmp_path):
    create(whole, jvm, topic, "3:1:2,1:2:3,3:2:1")
    every = ["--all-topic-partitions"]
    one = ["--topic", topic, "--partition"]
    same("LeaderElectionCommand", "--election-type", "preferred", *one, "0")
    kill(whole, 3)
    for cluster in whole:
        cluster.wait_isr(topic, [1, 2])
    same("LeaderElectionCommand", "--election-type", "preferred", *one, "0")
    same("LeaderElectionCommand", "--election-type", "unclean", *one, "0")
    for cluster in whole:
        cluster.seats[3].start()
        cluster.wait_isr(topic, [1, 2, 3])
        assert all(leader != 3 for leader, _, _ in cluster.partitions(topic).values()), "leaders stay where they are"
    plan = tmp_path / "elect.json"
    plan.write_text(json.dumps({"partitions": [{"topic": topic, "partition": p} for p in (0, 1)]}))
    same("LeaderElectionCommand", "--election-type", "preferred", "--path-to-json-file", plan)
    for cluster in whole:
        for args in [["--election-type", "preferred", *every], ["--election-type", "unclean", *every]]:
            code, out = tool(jvm, cluster, "LeaderElectionCommand", *args)
            assert code == 0, f"{cluster.kind}: {out}"
        cluster.wait_for(lambda: {p[0] for i, p in cluster.partitions(topic).items() if i != 1} == {3}, "3 leads again")
    same("LeaderElectionCommand", "--election-type", "preferred", *one, "9")
    same("LeaderElectionCommand", "--election-type", "preferred", "--topic", topic + "-none", "--partition", "0")
    same("TopicCommand", "--describe", "--topic", topic)


def plan_of(tmp_path, name, topic, *assignments):
    parts = [{"topic": topic, "partition": i, "replicas": r} for i, r in enumerate(assignments)]
    path = tmp_path / name
    path.write_text(json.dumps({"version": 1, "partitions": parts}))
    return path


def test_reassignment(same, whole, jvm, topic, tmp_path):
    create(whole, jvm, topic, "1:2,2:1")
    for cluster in whole:
        with raw.Conn(cluster.seats[1]) as c:
            assert raw.produce(c, topic, raw.batch([(b"k", b"v%d" % i) for i in range(100)]))["error"] == 0
    topics = tmp_path / "topics.json"
    topics.write_text(json.dumps({"version": 1, "topics": [{"topic": topic}]}))
    for cluster in whole:
        code, out = tool(jvm, cluster, REASSIGN, "--generate", "--topics-to-move-json-file", topics, "--broker-list", "2,3")
        assert code == 0 and "Proposed partition reassignment configuration" in out, out
        proposed = json.loads(out.splitlines()[-1])["partitions"]
        assert {frozenset(p["replicas"]) for p in proposed} == {frozenset([2, 3])}
        assert json.loads(out.splitlines()[1])["partitions"][0]["replicas"] == [1, 2]
    there = plan_of(tmp_path, "there.json", topic, [2, 3], [3, 2])
    same(REASSIGN, "--execute", "--reassignment-json-file", there)
    for cluster in whole:
        cluster.wait_isr(topic, [2, 3])
    same(REASSIGN, "--verify", "--reassignment-json-file", there)
    same(REASSIGN, "--list")
    same("TopicCommand", "--describe", "--topic", topic)
    same(REASSIGN, "--execute", "--reassignment-json-file", there)
    for bad in [[[2, 9]], [[]], [[2, 2]], [[1, 2], [1], [2, 3]]]:
        same(REASSIGN, "--execute", "--reassignment-json-file", plan_of(tmp_path, "bad.json", topic, *bad))
    # The records went along.
    for cluster in whole:
        cluster.wait_for(lambda: cluster.partitions(topic)[0][0] == 2, "2 leads")
        with raw.Conn(cluster.seats[2]) as c:
            assert raw.list_offsets(c, topic, -1)[2] == 100


def test_reassignment_with_a_throttle(same, whole, jvm, topic, tmp_path):
    create(whole, jvm, topic, "1:2")
    there = plan_of(tmp_path, "there.json", topic, [1, 3])
    same(REASSIGN, "--execute", "--reassignment-json-file", there, "--throttle", "100000000")
    for cluster in whole:
        cluster.wait_isr(topic, [1, 3])
    same(REASSIGN, "--verify", "--reassignment-json-file", there)
    for cluster in whole:
        out = tool(jvm, cluster, "kafka.admin.ConfigCommand", "--describe", "--entity-type", "topics", "--entity-name", topic)[1]
        assert "throttled" not in out, f"{cluster.kind}: {out}"


def test_metadata_quorum(whole, jvm):
    fields, rows = [], []
    for cluster in whole:
        def committed():
            return int(re.search(r"HighWatermark:\s+(\d+)", tool(jvm, cluster, "MetadataQuorumCommand", "describe", "--status")[1])[1])
        before = committed()
        code, out = tool(jvm, cluster, "MetadataQuorumCommand", "describe", "--status")
        assert code == 0, out
        status = dict(re.split(r":\s+", line, maxsplit=1) for line in out.splitlines())
        fields.append(sorted(status))
        assert status["LeaderId"] in "123" and int(status["HighWatermark"]) >= before
        assert int(status["MaxFollowerLag"]) < 100
        assert re.findall(r'"id": (\d)', status["CurrentVoters"]) == ["1", "2", "3"], status
        code, out = tool(jvm, cluster, "MetadataQuorumCommand", "describe", "--replication")
        assert code == 0, out
        head, *table = [line.split("\t") for line in out.splitlines()]
        head = [word.strip() for word in head if word.strip()]
        table = [dict(zip(head, (cell.strip() for cell in row))) for row in table]
        rows.append((head, sorted((row["NodeId"] for row in table))))
        assert sorted(row["Status"] for row in table) == ["Follower", "Follower", "Leader"]
        leader = next(row for row in table if row["Status"] == "Leader")
        assert leader["Lag"] == "0" and leader["NodeId"] == status["LeaderId"]
        assert all(int(row["LogEndOffset"]) + int(row["Lag"]) == int(leader["LogEndOffset"]) for row in table)
        assert int(leader["LogEndOffset"]) >= int(status["HighWatermark"])
        code, out = tool(jvm, cluster, "MetadataQuorumCommand", "describe", "--replication", "--human-readable")
        assert code == 0, out
    assert fields[0] == fields[1]
    assert rows[0] == rows[1]


def test_broker_api_versions(whole, jvm):
    for cluster in whole:
        code, out = tool(jvm, cluster, "BrokerApiVersionsCommand")
        assert code == 0, out
        assert sorted(re.findall(r"id: (\d)", out)) == ["1", "2", "3"], f"{cluster.kind}: {out[:500]}"


def tagged(r):
    """{tag: its bytes, to be read}"""
    return {r.uvarint(): raw.R(r.take(r.uvarint()), flex=True) for _ in range(r.uvarint())}


def test_who_asks_the_wrong_broker_is_told_the_right_one(whole, jvm, topic):
    """Not a tool's doing, but every client's gain (KIP-951)."""
    create(whole, jvm, topic, "2:3")
    for cluster in whole:
        with raw.Conn(cluster.seats[1]) as c:
            r = c.call(raw.PRODUCE, 11, raw.produce_body(11, topic, raw.batch([(b"k", b"v")])))
            assert (r.length(), r.str(), r.length(), r.i32()) == (1, topic, 1, 0)
            assert r.i16() == 6, "NOT_LEADER_OR_FOLLOWER"
            r.take(3 * 8)
            assert r.length() == 0, "records at fault"
            r.str()
            leader = tagged(r)[0]
            assert (leader.i32(), leader.i32()) == (2, 0), f"{cluster.kind}: leader and its epoch"
            r.tags()
            r.i32()
            endpoints = tagged(r)[0]
            assert (endpoints.length(), endpoints.i32(), endpoints.str()) == (1, 2, "127.0.0.1"), cluster.kind
            assert endpoints.i32() == cluster.seats[2].port


class Verifiable:
    """VerifiableProducer or VerifiableConsumer as a process of its own; its lines, which are JSON."""

    def __init__(self, main, *args):
        command = [*JAVA, "-Xmx256m", TOOLS + main, *map(str, args)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.lines = []
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            try:
                self.lines.append(json.loads(line))
            except json.JSONDecodeError:
                pass

    def named(self, name):
        return [line for line in list(self.lines) if line.get("name") == name]

    def wait(self, holds, what, seconds=90):
        deadline = time.monotonic() + seconds
        while not holds(self):
            assert time.monotonic() < deadline and self.process.poll() is None, f"{what}: {self.lines[-3:]}"
            time.sleep(0.1)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.reader.join()


def test_verifiable_producer_and_consumer_through_kills_of_leaders(whole, jvm, topic, tmp_path):
    kqd = whole[0]
    # Without it the tool asks for no retries, and is refused by whoever it still takes for the leader.
    idempotent = tmp_path / "producer.properties"
    idempotent.write_text("enable.idempotence=true\nretries=2147483647\n")
    create([kqd], jvm, topic, "1:2:3,2:3:1,3:1:2", "--config", "min.insync.replicas=2")
    producer = Verifiable("VerifiableProducer", "--bootstrap-server", kqd.bootstrap, "--topic", topic, "--throughput", 2000,
                          "--command-config", idempotent)
    try:
        for number in (1, 2, 3):
            before = len(producer.named("producer_send_success"))
            producer.wait(lambda p: len(p.named("producer_send_success")) > before + 2000, "records are acknowledged")
            kqd.seats[number].kill()
            before = len(producer.named("producer_send_success"))
            producer.wait(lambda p: len(p.named("producer_send_success")) > before + 2000, f"without broker {number}")
            kqd.seats[number].start()
            kqd.wait_isr(topic, [1, 2, 3])
        failed = producer.named("producer_send_error")
        assert not failed, failed[:3]
    finally:
        producer.stop()
    acked = {int(line["value"]): (line["partition"], line["offset"]) for line in producer.named("producer_send_success")}
    end = sum(raw_end(kqd, topic, p) for p in range(3))
    consumer = Verifiable("VerifiableConsumer", "--bootstrap-server", kqd.bootstrap, "--topic", topic, "--group-id", topic,
                          "--reset-policy", "earliest", "--verbose")
    try:
        consumer.wait(lambda c: len(c.named("record_data")) >= end, f"{end} records are read")
    finally:
        consumer.stop()
    read = [(int(line["value"]), (line["partition"], line["offset"])) for line in consumer.named("record_data")]
    places = dict(read)
    assert len(places) == len(read), "a record is there twice"
    assert not [v for v, at in acked.items() if places.get(v) != at], "an acknowledged record is gone, or elsewhere"


def raw_end(cluster, topic, partition):
    leader = cluster.partitions(topic)[partition][0]
    with raw.Conn(cluster.seats[leader]) as c:
        return raw.list_offsets(c, topic, -1, partition=partition)[2]


def probe(seat, page):
    line = next(line for line in seat.config.read_text().splitlines() if line.startswith("http.listener="))
    try:
        with urllib.request.urlopen(f"http://{line.partition('=')[2]}/probe/{page}", timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def test_probes_of_a_rolling_restart(whole, jvm, topic):
    """Not a tool of Apache's: what a rolling restart asks kqd, in the same cluster."""
    kqd = whole[0]
    create([kqd], jvm, topic, "1:2:3,2:3:1,3:1:2", "--config", "min.insync.replicas=2")
    create([kqd], jvm, topic + "-alone", "1")
    # Topics of other tests have two replicas and ask for both.
    def mine(found, what):
        return sorted(p for p in found[what]["partitions"] if p.startswith(topic))
    status, found = probe(kqd.seats[1], "pre-restart")
    assert mine(found, "single_replica") == [topic + "-alone-0"] and not mine(found, "unavailable"), found
    assert not mine(found, "under_min_isr"), found
    assert probe(kqd.seats[1], "post-restart")[0] == 200
    kqd.seats[3].kill()
    kqd.wait_isr(topic, [1, 2])
    kqd.wait_for(lambda: not mine(probe(kqd.seats[2], "post-restart")[1], "out_of_sync"), "2 knows that it is in sync")
    status, found = probe(kqd.seats[1], "pre-restart")
    assert status == 503 and mine(found, "under_min_isr") == [f"{topic}-{p}" for p in range(3)], found
    assert any("metadata quorum would have 1 of 3" in reason for reason in found["reasons"]), found
    kqd.seats[3].start()
    kqd.wait_isr(topic, [1, 2, 3])
    kqd.wait_for(lambda: probe(kqd.seats[3], "post-restart")[0] == 200, "3 has caught up")
    status, found = probe(kqd.seats[1], "pre-restart")
    assert not mine(found, "under_min_isr") and not any("quorum" in reason for reason in found["reasons"]), found
