"""kq on kqd and on Apache Kafka: the same commands, the same output, the same exit codes."""
import gzip
import json
import subprocess

import pytest

import raw
from broker import BIN
from clients import kq
from compare import plain
from conftest import KIND

pytestmark = pytest.mark.skipif(KIND != "kqd", reason="compares kqd with the reference")


@pytest.fixture
def same(both):
    """same(argument…, code=0, stdin=b""): kq on both brokers; exit code and stdout must be equal. Returns stdout."""
    def run(*args, code=0, stdin=b""):
        answers = []
        for b in both:
            r = kq(b, *map(str, args), stdin=stdin)
            answers.append((r.returncode, plain(r.stdout.decode(), b)))
            assert r.returncode == code, f"{b.kind}: kq {' '.join(map(str, args))}: exit {r.returncode}\n{r.stderr.decode()}"
            # A failure says what and what next.
            assert code == 0 or b"hint:" in r.stderr or b"error:" in r.stderr, r.stderr
        assert answers[0] == answers[1], f"kq {' '.join(map(str, args))}"
        return answers[0][1]
    return run


def settled(both, *topics):
    """Waits until the reference's leaders stand."""
    for b in both:
        with raw.Conn(b) as c:
            for name in topics:
                for _ in range(200):
                    if raw.metadata(c, [name])[1][0]["error"] == 0 and raw.list_offsets(c, name, -1)[0] == 0:
                        break


def test_topics(both, same, topic):
    same("topic", "create", topic, "-p", 3, "-c", "retention.ms=3600000")
    same("topic", "create", topic, code=1)
    same("topic", "create", topic, "--if-not-exists")
    same("topic", "create", "a/b", code=1)
    same("topic", "create", topic + "-c", "-c", "no.such=1", code=1)
    same("topic", "create", topic + "-r", "-r", 3, code=1)
    settled(both, topic)
    same("topic", "describe", topic, "--section", "partitions")
    same("topic", "describe", "no-such", code=1)
    same("topic", "offsets", topic)
    same("topic", "alter", topic, "--partitions", 4)
    same("topic", "alter", topic, "--partitions", 2, code=1)
    same("topic", "alter", topic, "--set", "retention.ms=7200000")
    same("topic", "delete", topic, "-y")
    same("topic", "delete", "no-such", "-y", code=1)
    same("topic", "delete", "no-such", "-y", "--if-exists")


def test_settings(both, same, topic):
    same("topic", "create", topic)
    settled(both, topic)
    same("config", "set", "topic", topic, "retention.ms=1234567", "segment.bytes=1048576")
    same("config", "set", "topic", topic, "retention.ms=week", code=1)
    settled(both, topic)
    assert "1234567" in same("config", "get", "topic", topic, "retention.ms", "segment.bytes", "cleanup.policy", "-o", "json")
    same("config", "unset", "topic", topic, "segment.bytes")


def test_records(both, same, topic):
    same("topic", "create", topic, "-p", 2, "-c", "retention.ms=-1")
    settled(both, topic)
    lines = b"".join(b"k%d\tv%d\n" % (i, i) for i in range(100))
    kafka_flags = ["--reader-property", "parse.key=true"]
    same("console-producer", "--topic", topic, "-p", 0, "--timestamp", "1700000000000", *kafka_flags, stdin=lines)
    out = same("console-consumer", "--topic", topic, "--partition", 0, "--offset", "earliest", "--max-messages", 100, "--formatter-property",
               "print.key=true", "--formatter-property", "print.timestamp=true", "--formatter-property", "print.offset=true")
    assert out.splitlines()[42] == "CreateTime:1700000000000\tOffset:42\tk42\tv42"
    same("console-consumer", "--topic", topic, "-o", "start", "-e", "--output", "json", "-p", 0)
    same("console-consumer", "--topic", topic, "-o", "-10", "-e", "-p", 0)
    same("console-consumer", "--topic", topic, "--tail", 3, "-p", 0)
    assert same("topic", "offsets", topic, "-o", "tsv").splitlines()[-2:] == ["0\t0\t100\t100", "1\t0\t0\t0"]
    same("topic", "trim", topic, "--to", 40, "-p", 0, "-y")
    same("console-consumer", "--topic", topic, "-o", "start", "-n", 1, "-p", 0)
    same("topic", "trim", topic, "--to", 4000, "-p", 0, "-y", code=1)
    same("console-producer", "--topic", topic, "-p", 9, stdin=b"x\n", code=2)
    same("console-consumer", "--topic", "no-such-topic", "-e", code=1)


def test_json_goes_out_and_comes_back_without_loss(both, topic):
    """Binary keys and values, tombstones, headers that repeat and are null, timestamps."""
    everything = bytes(range(256))
    rows = [(b"key", b"value", 1), (None, everything, 2), (everything, None, 3), (b"", b"", 4), (b"\xff", "grüße\t\n\"".encode(), 5)]
    for b in both:
        with raw.Conn(b) as c:
            for name in (topic, topic + "-back"):
                assert raw.create(c, name, 1, {"retention.ms": "-1"})[0] == 0
            assert raw.produce(c, topic, raw.batch(rows))["error"] == 0
        there = kq(b, "console-consumer", "--topic", topic, "-o", "start", "-e", "--output", "json")
        assert there.returncode == 0 and len(there.stdout.splitlines()) == 5
        sent = kq(b, "console-producer", "--topic", topic + "-back", "--input", "json", stdin=there.stdout)
        assert sent.returncode == 0, sent.stderr
        back = kq(b, "console-consumer", "--topic", topic + "-back", "-o", "start", "-e", "--output", "json")

        def content(out):
            return [{k: v for k, v in json.loads(line).items() if k != "topic"} for line in out.splitlines()]
        assert content(back.stdout) == content(there.stdout)


def test_dump_log_prints_what_apaches_prints(own_broker, jvm, topic):
    broker = own_broker()
    with raw.Conn(broker) as c:
        assert raw.create(c, topic, 1, {"retention.ms": "-1", "index.interval.bytes": "100"})[0] == 0
        for n in range(5):
            rows = [(b"key-%d" % i, None if i == 3 else b"value-%d" % n, 1000 * n + i) for i in range(10)]
            compressed = dict(attributes=1, compress=gzip.compress) if n % 2 else {}
            assert raw.produce(c, topic, raw.batch(rows, producer=(7, 0, 10 * n), **compressed))["error"] == 0
    # Index entries reach their files in larger writes while the broker runs.
    broker.stop()
    for flags in [], ["--deep-iteration", "--print-data-log"]:
        for suffix in (".log", ".index", ".timeindex", ".snapshot"):
            (file,) = (broker.data / f"{topic}-0").glob("*" + suffix)
            theirs = jvm.run("org.apache.kafka.tools.DumpLogSegments", *flags, "--files", file).ok()
            ours = subprocess.run([BIN / "kq", "dump-log", *flags, "--files", file], stdout=subprocess.PIPE, check=True, timeout=60).stdout
            assert ours.decode() == theirs and theirs.count("\n") >= 2


def test_a_failed_send_is_exit_1(both, topic):
    for b in both:
        with raw.Conn(b) as c:
            assert raw.create(c, topic, 1, {"max.message.bytes": "1000"})[0] == 0
        r = kq(b, "console-producer", "--topic", topic, stdin=b"fits\n" + b"x" * 5000 + b"\nfits\n")
        assert r.returncode == 1 and b"2 produced, 1 failed" in r.stderr, r
