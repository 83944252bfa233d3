"""What broke real brokers: the traps of version negotiation, fetch, produce and the rest, in frames made by hand."""
import gzip
import struct
import subprocess
import time

import pytest

import raw
from raw import Conn, batch, batches, create, fetch, list_offsets, metadata, produce

NONE, OFFSET_OUT_OF_RANGE, CORRUPT_MESSAGE, UNKNOWN_TOPIC_OR_PARTITION, MESSAGE_TOO_LARGE = 0, 1, 2, 3, 10
UNSUPPORTED_VERSION, INVALID_REQUEST, OUT_OF_ORDER_SEQUENCE_NUMBER = 35, 42, 45
FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH, INVALID_RECORD, UNKNOWN_TOPIC_ID = 70, 71, 87, 100


@pytest.fixture
def conn(broker):
    with Conn(broker) as c:
        yield c


def new_topic(conn, name, partitions=1, **configs):
    error, topic_id = create(conn, name, partitions, {k.replace("_", "."): v for k, v in configs.items()})
    assert error == NONE
    return topic_id


def records_of(conn, topic, offset=0, version=12, size=1 << 20, **options):
    p = fetch(conn, [(topic, 0, offset, size)], version, **options)["partitions"][0]
    assert p["error"] == NONE
    return batches(p["records"])


# ---- negotiation ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("version", [0, 1, 2, 3, 4])
def test_api_versions(conn, version):
    error, keys = raw.api_versions(conn, version)
    assert error == NONE
    # KAFKA-18659: librdkafka stops compressing when Produce does not start at 0.
    assert keys[raw.PRODUCE] == (0, 13)
    # Nobody may lose a version he speaks today: librdkafka, kafkajs, rskafka, aiokafka.
    for key, low, high in [(1, 4, 16), (2, 1, 7), (3, 0, 13), (10, 0, 4), (18, 0, 4), (19, 2, 7), (20, 1, 6), (21, 0, 2),
                           (22, 0, 4), (23, 2, 4), (32, 1, 4), (33, 0, 2), (35, 1, 4), (37, 0, 3), (44, 0, 1), (60, 0, 2),
                           (61, 0, 0), (75, 0, 0)]:
        assert key in keys and keys[key][0] <= low and keys[key][1] >= high, f"key {key}: {keys.get(key)}"


def test_api_versions_of_the_future_gets_a_v0_answer(conn):
    r = conn.recv(conn.send(raw.API_VERSIONS, 77, b"\1\2\3\0"))
    r.flex = False
    error, keys = raw.read_api_versions(r)
    r.end()
    assert error == UNSUPPORTED_VERSION and keys[raw.API_VERSIONS][0] == 0
    # The connection lives on, so that the client can ask again.
    assert raw.api_versions(conn, 0)[0] == NONE


@pytest.mark.parametrize("version", [0, 1, 2])
def test_produce_before_v3_is_advertised_yet_refused(conn, topic, version):
    new_topic(conn, topic)
    w = raw.W().i16(-1).i32(1000)
    w.array([0], lambda _: w.str(topic).array([0], lambda _: w.i32(0).bytes(batch([(None, b"x")]))))
    conn.send(raw.PRODUCE, version, w.b)
    assert conn.closed()


def test_no_feature_is_claimed_that_is_not_built(kind, conn):
    """Clients switch on transactions' second protocol by the finalized feature, not by the versions of the requests."""
    levels = raw.finalized_features(conn)
    if kind == "kqd":
        assert {k: v for k, v in levels.items() if k in ("transaction.version", "group.version", "share.version", "streams.version") and v} == {}
    else:
        assert levels["transaction.version"] == 2


def test_a_name_with_two_addresses_is_reached_by_either(own_broker, topic):
    """librdkafka may resolve localhost to ::1 first: what is advertised must be what is listened on."""
    b = own_broker(host="localhost")
    with Conn(b) as c:
        assert metadata(c, [])[0] == [(1, "localhost", b.port)]
        new_topic(c, topic)
    for family in ("any", "v4"):
        subprocess.run(["kcat", "-P", "-b", b.bootstrap, "-t", topic, "-X", f"broker.address.family={family}"], input=b"x\n", check=True, timeout=60)
    out = subprocess.run(["kcat", "-C", "-e", "-q", "-b", b.bootstrap, "-t", topic], stdout=subprocess.PIPE, check=True, timeout=60).stdout
    assert out == b"x\nx\n"


def test_an_unknown_key_and_an_unserved_version_close_the_connection(broker):
    for key, version in [(999, 0), (raw.FETCH, 3), (raw.FETCH, 99)]:
        with Conn(broker) as c:
            c.send(key, version, b"")
            assert c.closed(), (key, version)


@pytest.mark.parametrize("version", [0, 1, 4, 7, 8, 9, 10, 11, 12, 13])
def test_metadata_versions(broker, conn, topic, version):
    topic_id = new_topic(conn, topic, 2)
    brokers, topics = metadata(conn, [topic], version)
    assert brokers == [(1, "127.0.0.1", broker.port)]
    (t,) = topics
    assert t["error"] == NONE and t["name"] == topic and t["id"] == (topic_id if version >= 10 else raw.NO_ID)
    assert [(p["index"], p["leader"], p["replicas"], p["isr"]) for p in sorted(t["partitions"], key=lambda p: p["index"])] == \
        [(0, 1, [1], [1]), (1, 1, [1], [1])]


@pytest.mark.parametrize("produce_version,fetch_version", [(3, 4), (7, 10), (8, 11), (9, 12), (10, 16), (13, 17)])
def test_old_and_new_clients_read_each_other(conn, topic, produce_version, fetch_version):
    topic_id = new_topic(conn, topic)
    for n in range(3):
        got = produce(conn, topic_id if produce_version >= 13 else topic, batch([(b"k", b"%d" % n)]), produce_version)
        assert (got["error"], got["base"]) == (NONE, n)
    got = records_of(conn, topic_id if fetch_version >= 13 else topic, version=fetch_version)
    assert [b["base"] for b in got] == [0, 1, 2]


# ---- topic ids ----------------------------------------------------------------------------------------------------
def test_a_recreated_topic_has_a_new_id_and_the_old_one_is_unknown(conn, topic):
    old = new_topic(conn, topic)
    assert produce(conn, old, batch([(None, b"before")]), 13)["error"] == NONE
    assert raw.delete(conn, topic) == NONE
    deadline = time.monotonic() + 10
    while (answer := create(conn, topic))[0] != NONE:
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)
    new = answer[1]
    assert new not in (old, raw.NO_ID)
    assert metadata(conn, [topic])[1][0]["id"] == new
    assert produce(conn, old, batch([(None, b"late")]), 13)["error"] == UNKNOWN_TOPIC_ID
    assert fetch(conn, [(old, 0, 0, 1000)], 13)["partitions"][0]["error"] == UNKNOWN_TOPIC_ID
    assert records_of(conn, new, version=13) == [] and list_offsets(conn, topic, -1)[2] == 0


# ---- fetch --------------------------------------------------------------------------------------------------------
def test_fetch_from_the_middle_of_a_batch_returns_all_of_it(conn, topic):
    new_topic(conn, topic)
    for n in range(3):
        produce(conn, topic, batch([(None, b"%d" % i) for i in range(10)]))
    for offset, bases in [(0, [0, 10, 20]), (5, [0, 10, 20]), (9, [0, 10, 20]), (10, [10, 20]), (15, [10, 20]), (29, [20]), (30, [])]:
        assert [b["base"] for b in records_of(conn, topic, offset)] == bases, offset


def test_the_first_batch_comes_whole_even_if_larger_than_asked(conn, topic):
    new_topic(conn, topic)
    big = bytes(300_000)
    for _ in range(2):
        assert produce(conn, topic, batch([(None, big)]))["error"] == NONE
    for limits in [dict(size=1), dict(max_bytes=1), dict(size=1000, max_bytes=1000)]:
        assert [b["base"] for b in records_of(conn, topic, 1, **limits)] == [1], limits
        p = fetch(conn, [(topic, 0, 0, limits.get("size", 1 << 20))], max_bytes=limits.get("max_bytes", 1 << 20))["partitions"][0]
        assert len(p["records"]) < 600_000 and batches(p["records"])[0]["count"] == 1, limits


def test_max_bytes_binds_the_answer_over_all_partitions(conn, topic):
    new_topic(conn, topic, 4)
    for p in range(4):
        assert produce(conn, topic, batch([(None, bytes(50_000))]), partition=p)["error"] == NONE
    got = fetch(conn, [(topic, p, 0, 1 << 20) for p in range(4)], max_bytes=60_000)["partitions"]
    assert len(got) == 4 and 50_000 < sum(len(p["records"]) for p in got) <= 110_000
    assert [p["hw"] for p in got] == [1] * 4


def test_fetch_outside_the_log(conn, topic):
    new_topic(conn, topic)
    produce(conn, topic, batch([(None, b"x")] * 5))
    for offset in [6, 1000, -1]:
        p = fetch(conn, [(topic, 0, offset, 1000)])["partitions"][0]
        assert p["error"] == OFFSET_OUT_OF_RANGE, offset
    assert fetch(conn, [("no-such-topic", 0, 0, 1000)])["partitions"][0]["error"] == UNKNOWN_TOPIC_OR_PARTITION
    assert fetch(conn, [(topic, 7, 0, 1000)])["partitions"][0]["error"] == UNKNOWN_TOPIC_OR_PARTITION


def test_a_fetch_waits_for_bytes_and_for_its_deadline(broker, conn, topic):
    new_topic(conn, topic)
    start = time.monotonic()
    assert records_of(conn, topic, wait=700) == []
    assert 0.6 < time.monotonic() - start < 3
    waiting = conn.send(raw.FETCH, 12, raw.fetch_body(12, [(topic, 0, 0, 1000)], wait=15000))
    with Conn(broker) as other:
        time.sleep(0.2)
        start = time.monotonic()
        assert produce(other, topic, batch([(None, b"x")]))["error"] == NONE
    p = raw.read_fetch(conn.recv(waiting), 12)["partitions"][0]
    assert time.monotonic() - start < 5 and [b["base"] for b in batches(p["records"])] == [0]


def test_answers_keep_the_order_of_requests_and_a_waiting_one_blocks_nobody_else(broker, conn, topic):
    new_topic(conn, topic)
    waiting = conn.send(raw.FETCH, 12, raw.fetch_body(12, [(topic, 0, 0, 1000)], wait=1500))
    behind = conn.send(raw.METADATA, 12, raw.body(raw.METADATA, 12).array([], None).i8(0).i8(0).tags().b)
    start = time.monotonic()
    with Conn(broker) as other:
        assert metadata(other, [])[0] and fetch(other, [(topic, 0, 0, 1000)])["partitions"][0]["error"] == NONE
    assert time.monotonic() - start < 1.2
    assert raw.read_fetch(conn.recv(waiting), 12)["partitions"][0]["records"] == b""
    conn.recv(behind)
    assert time.monotonic() - start > 1.2


def test_pipelined_produces_are_answered_in_order(conn, topic):
    new_topic(conn, topic)
    sent = [conn.send(raw.PRODUCE, 9, raw.produce_body(9, topic, batch([(None, b"%d" % n)]))) for n in range(50)]
    for n, correlation in enumerate(sent):
        r = conn.recv(correlation)
        assert r.length() == 1 and r.str() == topic and r.length() == 1 and (r.i32(), r.i16(), r.i64()) == (0, NONE, n)


def test_fetch_sessions(conn, topic):
    new_topic(conn, topic, 3)
    first = fetch(conn, [(topic, p, 0, 1000) for p in range(3)], session=(0, 0))
    assert first["error"] == NONE and first["session"] != 0 and len(first["partitions"]) == 3
    s = first["session"]
    idle = fetch(conn, [], session=(s, 1), wait=100)
    assert (idle["error"], idle["session"], idle["partitions"]) == (NONE, s, [])
    produce(conn, topic, batch([(None, b"x")]), partition=1)
    news = fetch(conn, [], session=(s, 2))
    assert [(p["index"], len(batches(p["records"]))) for p in news["partitions"]] == [(1, 1)]
    # Moves on to 1, forgets partition 2.
    assert fetch(conn, [(topic, 1, 1, 1000)], session=(s, 3), forgotten=[(topic, 2)])["partitions"] == []
    produce(conn, topic, batch([(None, b"x")]), partition=2)
    assert fetch(conn, [], session=(s, 4), wait=100)["partitions"] == []
    assert fetch(conn, [], session=(s, 9))["error"] == INVALID_FETCH_SESSION_EPOCH
    assert fetch(conn, [], session=(s ^ 1, 1))["error"] == FETCH_SESSION_ID_NOT_FOUND
    # Epoch -1 closes the session; it answers like a request without one.
    assert fetch(conn, [(topic, 1, 0, 1000)], session=(s, -1))["session"] == 0
    assert fetch(conn, [], session=(s, 5))["error"] == FETCH_SESSION_ID_NOT_FOUND


# ---- produce ------------------------------------------------------------------------------------------------------
def test_acks_0_gets_no_answer(conn, topic):
    new_topic(conn, topic)
    for n in range(5):
        conn.send(raw.PRODUCE, 9, raw.produce_body(9, topic, batch([(None, b"x")]), acks=0))
        conn.open.pop(conn.correlation)
    assert conn.silent(0.5)
    # The next answer on this connection is the next request's.
    deadline = time.monotonic() + 5
    while list_offsets(conn, topic, -1)[2] < 5:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert sum(b["count"] for b in records_of(conn, topic)) == 5


def test_acks_0_that_fails_closes_the_connection(conn):
    conn.send(raw.PRODUCE, 9, raw.produce_body(9, "no-such-topic", batch([(None, b"x")]), acks=0))
    assert conn.closed()


def test_acks_must_be_0_1_or_all(conn, topic):
    new_topic(conn, topic)
    assert produce(conn, topic, batch([(None, b"x")]), acks=2)["error"] == 21  # INVALID_REQUIRED_ACKS
    assert produce(conn, topic, batch([(None, b"x")]), acks=1)["error"] == NONE
    # With acks=1 the answer may come before the record is on disk, and only then can it be read.
    deadline = time.monotonic() + 5
    while list_offsets(conn, topic, -1)[2] < 1:
        assert time.monotonic() < deadline


def test_a_record_without_a_key_is_refused_on_a_compacted_topic(conn, topic):
    new_topic(conn, topic, cleanup_policy="compact")
    got = produce(conn, topic, batch([(b"k", b"v"), (None, b"v"), (b"k", b"v"), (None, b"v")]))
    assert got["error"] == INVALID_RECORD and [i for i, _ in got["record_errors"]] == [1, 3] and got["message"]
    assert list_offsets(conn, topic, -1)[2] == 0
    assert produce(conn, topic, batch([(b"k", None)]))["error"] == NONE


def test_message_too_large(conn, topic):
    new_topic(conn, topic, max_message_bytes="1000")
    fits = batch([(None, bytes(900))])
    assert len(fits) <= 1000
    assert produce(conn, topic, fits)["error"] == NONE
    assert produce(conn, topic, batch([(None, bytes(1000))]))["error"] == MESSAGE_TOO_LARGE
    assert list_offsets(conn, topic, -1)[2] == 1


def test_a_batch_that_lies_is_refused(conn, topic):
    new_topic(conn, topic)
    good = batch([(b"key", b"value")])
    flipped = bytearray(good)
    flipped[-1] ^= 1
    assert produce(conn, topic, bytes(flipped))["error"] == CORRUPT_MESSAGE
    assert produce(conn, topic, good[:-5])["error"] in (CORRUPT_MESSAGE, INVALID_RECORD)
    assert produce(conn, topic, good + good)["error"] == INVALID_RECORD  # one batch per partition, KIP-98
    wrong_count = bytearray(good)
    struct.pack_into(">i", wrong_count, 57, 2)
    struct.pack_into(">I", wrong_count, 17, raw.crc32c(wrong_count[21:]))
    assert produce(conn, topic, bytes(wrong_count))["error"] in (CORRUPT_MESSAGE, INVALID_RECORD)
    assert list_offsets(conn, topic, -1)[2] == 0 and produce(conn, topic, good)["error"] == NONE


def test_produce_to_what_does_not_exist(conn, topic):
    new_topic(conn, topic)
    assert produce(conn, "no-such-topic", batch([(None, b"x")]))["error"] == UNKNOWN_TOPIC_OR_PARTITION
    assert produce(conn, topic, batch([(None, b"x")]), partition=1)["error"] == UNKNOWN_TOPIC_OR_PARTITION


def test_idempotent_producer(conn, topic):
    new_topic(conn, topic)
    error, pid, epoch = raw.init_producer_id(conn)
    assert error == NONE and pid >= 0 and epoch == 0
    assert raw.init_producer_id(conn)[1] != pid

    def send(sequence, count=2):
        return produce(conn, topic, batch([(None, b"%d" % sequence)] * count, producer=(pid, epoch, sequence)))
    assert [send(s)["base"] for s in range(0, 16, 2)] == list(range(0, 16, 2))
    # The last five batches are remembered: a duplicate is answered with where it already stands.
    for sequence in range(6, 16, 2):
        again = send(sequence)
        assert (again["error"], again["base"]) == (NONE, sequence)
    assert send(0)["error"] == 45 or send(0)["error"] == 46
    assert send(20)["error"] == OUT_OF_ORDER_SEQUENCE_NUMBER
    assert send(16)["base"] == 16 and list_offsets(conn, topic, -1)[2] == 18
    fenced = produce(conn, topic, batch([(None, b"x")], producer=(pid, epoch + 1, 0)))
    assert (fenced["error"], fenced["base"]) == (NONE, 18)
    assert send(18)["error"] == 47  # INVALID_PRODUCER_EPOCH


def test_idempotence_survives_a_restart(own_broker, topic):
    b = own_broker()
    with Conn(b) as c:
        new_topic(c, topic)
        pid = raw.init_producer_id(c)[1]
        for s in range(3):
            assert produce(c, topic, batch([(None, b"x")], producer=(pid, 0, s)))["base"] == s
    for end in (b.stop, b.kill):
        end()
        b.start()
        with Conn(b) as c:
            assert produce(c, topic, batch([(None, b"x")], producer=(pid, 0, 2)))["base"] == 2
            assert produce(c, topic, batch([(None, b"x")], producer=(pid, 0, 9)))["error"] == OUT_OF_ORDER_SEQUENCE_NUMBER
            assert raw.init_producer_id(c)[1] > pid, "a producer id given twice"
            assert sum(x["count"] for x in records_of(c, topic)) == 3


def test_log_append_time(conn, topic):
    new_topic(conn, topic, message_timestamp_type="LogAppendTime")
    before = int(time.time() * 1000)
    got = produce(conn, topic, batch([(None, b"x", 1000), (None, b"y", 2000)]))
    assert before - 5 <= got["append_time"] <= int(time.time() * 1000) + 5
    (b,) = records_of(conn, topic)
    assert b["max"] == got["append_time"] and b["attributes"] & 8
    new_topic(conn, topic + "-c")
    assert produce(conn, topic + "-c", batch([(None, b"x", 1000)]))["append_time"] == -1


def test_compression_type_of_the_topic(conn, topic):
    new_topic(conn, topic, compression_type="gzip")
    assert produce(conn, topic, batch([(None, b"x" * 1000)] * 10))["error"] == NONE
    new_topic(conn, topic + "-u", compression_type="uncompressed")
    assert produce(conn, topic + "-u", batch([(None, b"x" * 1000)] * 10, attributes=1, compress=gzip.compress))["error"] == NONE
    new_topic(conn, topic + "-p")
    sent = batch([(None, b"x" * 1000)] * 10, attributes=1, compress=gzip.compress)
    assert produce(conn, topic + "-p", sent)["error"] == NONE
    for suffix, codec in [("", 1), ("-u", 0), ("-p", 1)]:
        (b,) = records_of(conn, topic + suffix)
        assert (b["attributes"] & 7, b["count"], b["size"] < 5000) == (codec, 10, codec == 1)
    # Passed through untouched but for the broker's header fields: base offset and leader epoch.
    stored = fetch(conn, [(topic + "-p", 0, 0, 1 << 20)])["partitions"][0]["records"]
    assert stored[16:] == sent[16:]


# ---- metadata, offsets, configs ---------------------------------------------------------------------------------------
def test_metadata_creates_topics_when_asked(conn, topic):
    assert metadata(conn, [topic])[1][0]["error"] == UNKNOWN_TOPIC_OR_PARTITION
    deadline = time.monotonic() + 10
    while (t := metadata(conn, [topic], auto_create=True)[1][0])["error"] != NONE:
        assert t["error"] in (3, 5) and time.monotonic() < deadline
        time.sleep(0.1)
    assert len(t["partitions"]) == 1 and produce(conn, topic, batch([(None, b"x")]))["error"] == NONE
    # Metadata v1 knows no switch: it always asks.
    deadline = time.monotonic() + 10
    while metadata(conn, [topic + "-v1"], 1)[1][0]["error"] != NONE:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert metadata(conn, ["a/b"], auto_create=True)[1][0]["error"] == 17  # INVALID_TOPIC_EXCEPTION


def test_metadata_creates_nothing_when_forbidden(own_broker, topic):
    b = own_broker({"auto.create.topics.enable": "false"})
    with Conn(b) as c:
        for _ in range(3):
            assert metadata(c, [topic], auto_create=True)[1][0]["error"] == UNKNOWN_TOPIC_OR_PARTITION
        assert metadata(c, None)[1] == []


@pytest.mark.parametrize("version", [1, 3, 7, 10])
def test_list_offsets_by_timestamp_is_exact(conn, topic, version):
    new_topic(conn, topic, retention_ms="-1")
    now = 1_700_000_000_000
    stamps = [10, 30, 20, 40, 5, 60, 50, 70]  # two batches, out of order inside both
    for half in (stamps[:4], stamps[4:]):
        assert produce(conn, topic, batch([(None, b"x", now + t) for t in half]))["error"] == NONE
    for at in range(0, 75, 5):
        want = next(((now + t, i) for i, t in enumerate(stamps) if t >= at), (-1, -1))
        assert list_offsets(conn, topic, now + at, version) == (NONE, *want), at
    assert list_offsets(conn, topic, -2, version)[2] == 0 and list_offsets(conn, topic, -1, version)[2] == 8
    if version >= 7:
        assert list_offsets(conn, topic, -3, version) == (NONE, now + 70, 7)


def test_list_offsets_inside_compressed_batches(conn, topic):
    new_topic(conn, topic, retention_ms="-1")
    for n in range(5):
        rows = [(None, b"x", 1000 * n + i) for i in range(100)]
        assert produce(conn, topic, batch(rows, attributes=1, compress=gzip.compress))["error"] == NONE
    for n in range(5):
        for i in (0, 1, 50, 99):
            assert list_offsets(conn, topic, 1000 * n + i) == (NONE, 1000 * n + i, 100 * n + i)
        assert list_offsets(conn, topic, 1000 * n + 100)[2] == (100 * (n + 1) if n < 4 else -1)


def test_describe_configs_answers_every_key(conn, topic):
    new_topic(conn, topic, segment_bytes="2000000")
    error, rows = raw.describe_configs(conn, 2, topic)
    defaults = {"cleanup.policy": "delete", "compression.type": "producer", "delete.retention.ms": "86400000",
                "file.delete.delay.ms": "60000", "index.interval.bytes": "4096",
                "max.message.bytes": "1048588", "message.timestamp.type": "CreateTime", "min.cleanable.dirty.ratio": "0.5",
                "min.insync.replicas": "1", "preallocate": "false", "retention.bytes": "-1", "retention.ms": "604800000",
                "segment.index.bytes": "10485760", "segment.jitter.ms": "0", "segment.ms": "604800000",
                "unclean.leader.election.enable": "false"}
    assert error == NONE and {k: rows[k]["value"] for k in defaults} == defaults
    assert (rows["segment.bytes"]["value"], rows["segment.bytes"]["source"]) == ("2000000", 1)
    assert [s[:2] for s in rows["segment.bytes"]["synonyms"]] == [("segment.bytes", "2000000"), ("log.segment.bytes", "1073741824")]
    assert all(r["documentation"] for r in rows.values())
    assert set(raw.describe_configs(conn, 2, topic, ["retention.ms"])[1]) == {"retention.ms"}
    error, rows = raw.describe_configs(conn, 4, "1")
    assert error == NONE and len(rows) > 60 and rows["node.id"]["value"] == "1" and rows["num.network.threads"]["value"]
    assert raw.describe_configs(conn, 4, "99")[0] == INVALID_REQUEST


def test_alter_configs_replaces_all_of_a_topics_settings(conn, topic):
    new_topic(conn, topic, retention_ms="1000000", segment_bytes="2000000")
    w = raw.body(raw.ALTER_CONFIGS, 2)
    w.array([0], lambda _: w.i8(2).str(topic).array([0], lambda _: w.str("retention.ms").str("2000000").tags()).tags()).i8(0).tags()
    r = conn.call(raw.ALTER_CONFIGS, 2, w.b)
    assert r.i32() == 0 and r.length() == 1 and r.i16() == NONE
    deadline = time.monotonic() + 10
    while {k: v["value"] for k, v in raw.describe_configs(conn, 2, topic, ["retention.ms", "segment.bytes"])[1].items()} != \
            {"retention.ms": "2000000", "segment.bytes": "1073741824"}:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_offset_for_leader_epoch(conn, topic):
    new_topic(conn, topic)
    produce(conn, topic, batch([(None, b"x")] * 7))
    epoch = metadata(conn, [topic])[1][0]["partitions"][0]["epoch"]

    def ask(current, wanted):
        w = raw.body(raw.OFFSET_FOR_LEADER_EPOCH, 4).i32(-1)
        w.array([0], lambda _: w.str(topic).array([0], lambda _: w.i32(0).i32(current).i32(wanted).tags()).tags()).tags()
        r = conn.call(raw.OFFSET_FOR_LEADER_EPOCH, 4, w.b)
        r.i32()
        assert r.length() == 1 and r.str() == topic and r.length() == 1
        error, index, leader_epoch, end = r.i16(), r.i32(), r.i32(), r.i64()
        assert index == 0
        return error, leader_epoch, end
    assert ask(-1, epoch) == (NONE, epoch, 7) and ask(epoch, epoch) == (NONE, epoch, 7)
    assert ask(-1, epoch + 5) == (NONE, -1, -1)
    assert ask(epoch + 5, epoch)[0] == 75  # UNKNOWN_LEADER_EPOCH


def test_find_coordinator_is_honest(kind, conn):
    """Groups have a coordinator; kqd has no transactions yet and says so, instead of naming one that refuses everything."""
    def ask(key_type):
        w = raw.body(raw.FIND_COORDINATOR, 4).i8(key_type)
        r = conn.call(raw.FIND_COORDINATOR, 4, w.array(["a-key"], w.str).tags().b)
        assert r.i32() == 0 and r.length() == 1 and r.str() == "a-key"
        return r.i32(), r.str(), r.i32(), r.i16()
    node, host, port, error = ask(0)
    assert (error == NONE and node == 1 and host and port > 0) or (error == 15 and node == -1)
    if kind == "kqd":
        assert error == NONE
        assert ask(1) == (-1, "", -1, 15)  # COORDINATOR_NOT_AVAILABLE


# ---- hostile bytes --------------------------------------------------------------------------------------------------
HUGE = struct.pack(">i", 2**31 - 1)
HOSTILE = {
    "an array of 2^31-1 topics": (raw.METADATA, 1, HUGE),
    "an array of 2^31-1 partitions": (raw.PRODUCE, 3, b"\xff\xff\xff\xff\0\0\3\xe8\0\0\0\1\0\1t" + HUGE),
    "no topics where null is not allowed": (raw.PRODUCE, 3, b"\xff\xff\xff\xff\0\0\3\xe8\xff\xff\xff\xff"),
    "a compact array of 2^32-1": (raw.METADATA, 12, b"\xff\xff\xff\xff\x0f"),
    "a varint without end": (raw.METADATA, 12, b"\xff" * 12),
    "a cut string": (raw.METADATA, 1, b"\0\0\0\1\0\x64abc"),
    "no body at all": (raw.FETCH, 12, b""),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_requests_close_only_their_own_connection(broker, conn, what):
    with Conn(broker) as c:
        c.send(*HOSTILE[what])
        assert c.closed()
    assert metadata(conn, [])[0]


@pytest.mark.parametrize("frame", [HUGE, struct.pack(">i", -1), struct.pack(">i", 0), struct.pack(">i", 3) + b"abc", b"GET / HTTP/1.1\r\n\r\n"])
def test_hostile_frames_close_only_their_own_connection(broker, conn, frame):
    with Conn(broker) as c:
        c.s.sendall(frame)
        assert c.closed()
    assert metadata(conn, [])[0]


def test_a_request_in_single_bytes(conn):
    payload = raw.W().i16(raw.API_VERSIONS).i16(0).i32(1).str("slow").b
    for byte in struct.pack(">i", len(payload)) + payload:
        conn.s.sendall(bytes([byte]))
        time.sleep(0.005)
    conn.open[1] = (raw.API_VERSIONS, False)
    assert raw.read_api_versions(conn.recv(1))[0] == NONE
