"""What lives on groups: Kafka Streams' word count, and Kafka Connect with its file source and sink."""
import collections
import contextlib
import shutil
import subprocess
import time

import raw
from broker import JAVA, free_port

WAIT_SECONDS = 120
WORDS = ["kafka", "streams", "counts", "words", "again", "and"]


@contextlib.contextmanager
def application(directory, name, main, *args):
    """Apache's application as a process, ended by SIGTERM; a function that waits until something holds while it runs."""
    log = directory / f"{name}.log"
    with open(log, "ab") as out:
        command = [*JAVA[:3], "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", JAVA[3], main, *map(str, args)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=directory)

    def until(holds, what):
        deadline = time.monotonic() + WAIT_SECONDS
        while not holds():
            said = log.read_text(errors="replace")[-3000:]
            assert process.poll() is None, f"{name} has ended before {what}:\n{said}"
            assert time.monotonic() < deadline, f"not after {WAIT_SECONDS} s: {what}:\n{said}"
            time.sleep(0.1)
    try:
        yield until
        process.terminate()
        # Connect has been seen to hang in its own shutdown, with Apache Kafka: what it did until then is what counts.
        with contextlib.suppress(subprocess.TimeoutExpired):
            assert process.wait(30) in (0, 143), log.read_text(errors="replace")[-3000:]
    finally:
        process.kill()
        process.wait()


def produce(broker, topic, lines):
    import confluent_kafka
    p = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap, "acks": "all"})
    for line in lines:
        p.produce(topic, line.encode())
    assert p.flush(60) == 0


class Reader:
    """Reads a topic of one partition to its end, as far as it goes at a time."""

    def __init__(self, broker, topic):
        import confluent_kafka
        self.consumer = confluent_kafka.Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "assigns-itself",
                                                  "enable.auto.commit": False, "auto.offset.reset": "earliest"})
        self.consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
        self.rows = []

    def read(self):
        for m in self.consumer.consume(10_000, 0.2):
            assert not m.error(), m.error()
            self.rows.append((m.key(), m.value()))
        return self.rows


def lines_of(start, count):
    return [" ".join(WORDS[(i * 7 + j) % len(WORDS)] for j in range(i % 5 + 1)) for i in range(start, start + count)]


def test_streams_word_count(own_broker, tmp_path):
    """At least once: counts through a repartition topic, from a changelog after the application's own state is gone."""
    broker = own_broker()
    with raw.Conn(broker) as c:
        assert raw.create(c, "streams-plaintext-input", 2)[0] == 0
        assert raw.create(c, "streams-wordcount-output", 1, {"cleanup.policy": "compact"})[0] == 0
    settings = tmp_path / "streams.properties"
    settings.write_text(f"bootstrap.servers={broker.bootstrap}\nstate.dir={tmp_path}/state\ncommit.interval.ms=200\n"
                        "processing.guarantee=at_least_once\nconsumer.session.timeout.ms=6000\nconsumer.heartbeat.interval.ms=300\n")
    reader, said = Reader(broker, "streams-wordcount-output"), []
    for start in (0, 5000):
        lines = lines_of(start, 5000)
        said += lines
        produce(broker, "streams-plaintext-input", lines)
        want = collections.Counter(w for line in said for w in line.split())

        def counted():
            return {k.decode(): int.from_bytes(v, "big") for k, v in reader.read()} == want
        with application(tmp_path, "wordcount", "org.apache.kafka.streams.examples.wordcount.WordCountDemo", settings) as until:
            until(counted, "the words are counted")
        # The next start has nothing of its own: it reads the changelog.
        shutil.rmtree(tmp_path / "state")
    # No word was counted twice on the way: a clean stop leaves nothing to do again.
    assert len(reader.rows) == sum(want.values())
    # Streams made its own topics, as it wants them.
    with raw.Conn(broker) as c:
        internal = {t["name"]: t for t in raw.metadata(c, None)[1] if t["name"].startswith("streams-wordcount-KSTREAM")}
        policies = {}
        for name, t in internal.items():
            assert len(t["partitions"]) == 2, t
            policies[name.rsplit("-", 1)[1]] = raw.describe_configs(c, 2, name)[1]["cleanup.policy"]["value"]
    assert policies == {"changelog": "compact", "repartition": "delete"}


def test_connect_file_source_and_sink(own_broker, tmp_path):
    """A file's lines go to a topic, and from there to another file; neither forgets where it was."""
    broker = own_broker()
    source, sink = tmp_path / "source.txt", tmp_path / "sink.txt"
    port = free_port()
    worker = tmp_path / "worker.properties"
    worker.write_text("".join(f"{k}={v}\n" for k, v in {
        "bootstrap.servers": broker.bootstrap, "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter", "key.converter.schemas.enable": "true",
        "value.converter.schemas.enable": "true", "offset.storage.file.filename": tmp_path / "offsets",
        "offset.flush.interval.ms": 500, "plugin.discovery": "service_load", "listeners": f"http://127.0.0.1:{port}",
        "consumer.auto.offset.reset": "earliest"}.items()))
    (tmp_path / "source.properties").write_text(
        f"name=file-source\nconnector.class=FileStreamSource\ntasks.max=1\nfile={source}\ntopic=connect-lines\n")
    (tmp_path / "sink.properties").write_text(
        f"name=file-sink\nconnector.class=FileStreamSink\ntasks.max=1\nfile={sink}\ntopics=connect-lines\n")
    lines = []
    for start in (0, 3000):
        more = [f"{i}: {line}" for i, line in enumerate(lines_of(start, 3000), start)]
        lines += more
        with open(source, "a") as f:
            f.write("".join(line + "\n" for line in more))
        with application(tmp_path, "connect", "org.apache.kafka.connect.cli.ConnectStandalone", worker, tmp_path / "source.properties",
                         tmp_path / "sink.properties") as until:
            until(lambda: sink.exists() and sink.read_text().count("\n") >= len(lines), "every line has arrived")
    assert sink.read_text().splitlines() == lines
    import confluent_kafka
    c = confluent_kafka.Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "connect-file-sink"})
    (p,) = c.committed([confluent_kafka.TopicPartition("connect-lines", 0)], 30)
    assert p.offset == len(lines)
    c.close()
