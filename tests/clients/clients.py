"""The clients: each writes the shared records to a topic and reads topics back, checking every record."""
import json
import subprocess
import time

import records
from broker import BIN
from records import COUNT


class Client:
    """`shape` is what its records can carry (records.py), `partitions` how many it can address when writing."""
    shape, partitions = "full", 3

    def __init__(self, jvm):
        self.jvm = jvm


class Java(Client):
    """Apache Kafka's producer (idempotent, acks=all) and consumer: java/Clients.java."""

    def write(self, broker, topic, codec):
        out = self.jvm.run("Clients", "produce", broker.bootstrap, topic, codec, COUNT, self.partitions).ok()
        assert out == f"produced {COUNT}\n"

    def read(self, broker, topic, check):
        out = self.jvm.run("Clients", "consume", broker.bootstrap, topic, check.shape, COUNT, check.partitions,
                           check.since, check.until).ok()
        assert out == f"consumed {COUNT}\n"


class Librdkafka(Client):
    """confluent-kafka, idempotent."""

    def write(self, broker, topic, codec):
        import confluent_kafka
        p = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap, "enable.idempotence": True, "linger.ms": 5,
                                      "compression.type": codec, "queue.buffering.max.messages": 2 * COUNT})
        acked, failed = [0] * self.partitions, []

        def delivered(error, message):
            if error or message.offset() != acked[message.partition()]:
                failed.append((str(error), message.partition(), message.offset()))
            acked[message.partition()] += 1
        for i in range(COUNT):
            p.produce(topic, records.value(i), records.key(i), i % self.partitions, delivered,
                      timestamp=records.timestamp(i), headers=records.headers(i))
            if i % 1000 == 0:
                p.poll(0)
        assert p.flush(120) == 0
        assert not failed and sum(acked) == COUNT, failed[:3]

    def read(self, broker, topic, check):
        import confluent_kafka
        c = confluent_kafka.Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "assigns-itself",
                                      "enable.auto.commit": False, "check.crcs": True, "enable.partition.eof": True,
                                      "auto.offset.reset": "error"})
        try:
            c.assign([confluent_kafka.TopicPartition(topic, p, 0) for p in range(check.partitions)])
            ended, deadline = set(), time.monotonic() + 120
            while len(ended) < check.partitions:
                assert time.monotonic() < deadline, f"{check.seen} records after 120 s"
                for m in c.consume(10_000, 0.5):
                    if m.error() and m.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                        ended.add(m.partition())
                        continue
                    assert not m.error(), m.error()
                    check.add(m.partition(), m.offset(), m.timestamp()[1], m.key(), m.value(), m.headers() or [])
        finally:
            c.close()
        check.done()


class KafkaPython(Client):
    """kafka-python, which speaks the protocol and its compression in Python."""
    shape = "stamped"

    def write(self, broker, topic, codec):
        import kafka
        p = kafka.KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all", linger_ms=20, batch_size=1 << 17,
                                compression_type=None if codec == "none" else codec)
        sent = [p.send(topic, records.value(i), records.key(i), records.headers(i, self.shape), i % self.partitions,
                       records.timestamp(i)) for i in range(COUNT)]
        p.flush(120)
        for i, future in enumerate(sent):
            m = future.get(1)
            assert (m.partition, m.offset) == (i % self.partitions, i // self.partitions), f"record {i}: {m}"
        p.close()

    def read(self, broker, topic, check):
        import kafka
        c = kafka.KafkaConsumer(bootstrap_servers=broker.bootstrap, group_id=None, enable_auto_commit=False,
                                check_crcs=True, max_poll_records=20_000)
        mine = [kafka.TopicPartition(topic, p) for p in range(check.partitions)]
        c.assign(mine)
        c.seek_to_beginning(*mine)
        deadline = time.monotonic() + 120
        while check.seen < COUNT:
            assert time.monotonic() < deadline, f"{check.seen} records after 120 s"
            for batch in c.poll(timeout_ms=500).values():
                for m in batch:
                    check.add(m.partition, m.offset, m.timestamp, m.key, m.value, m.headers)
        assert sum(c.end_offsets(mine).values()) == COUNT
        c.close()
        check.done()


class Kcat(Client):
    """kcat: lines of key, tab, value; empty means null."""
    shape, partitions = "kcat", 1

    def write(self, broker, topic, codec):
        lines = b"".join(b"%s\t%s\n" % (records.key(i) or b"", records.value(i) or b"") for i in range(COUNT))
        subprocess.run(["kcat", "-P", "-b", broker.bootstrap, "-t", topic, "-p", "0", "-K", "\t", "-Z", "-H", "src=kcat",
                        "-z", codec, "-X", "acks=all", "-X", "enable.idempotence=true"],
                       input=lines, check=True, timeout=120)

    def read(self, broker, topic, check):
        for p in range(check.partitions):
            out = subprocess.run(["kcat", "-C", "-q", "-b", broker.bootstrap, "-t", topic, "-p", str(p), "-o", "beginning", "-e",
                                  "-X", "check.crcs=true", "-f", "%o\t%T\t%K\t%k\t%S\t%s\t%h\n"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, timeout=120).stdout
            for line in out.splitlines():
                offset, stamp, key_size, key, size, value, headers = line.split(b"\t")
                pairs = [h.split(b"=", 1) for h in headers.split(b",") if h]
                check.add(p, int(offset), int(stamp), None if key_size == b"-1" else key, None if size == b"-1" else value,
                          [(n.decode(), None if v == b"NULL" else v) for n, v in pairs])
        check.done()


class Console(Client):
    """Apache Kafka's console producer and consumer."""
    shape, partitions = "console", 1

    def write(self, broker, topic, codec):
        def line(i):
            headers = b",".join(b"%s:%s" % (n.encode(), v) for n, v in records.headers(i, "console"))
            return b"%s\t%s\t%s\n" % (headers or b"NULL", records.key(i) or b"NULL", records.value(i) or b"NULL")
        properties = ["parse.key=true", "parse.headers=true", "null.marker=NULL"]
        self.jvm.run("org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", broker.bootstrap, "--topic", topic,
                     "--compression-codec", codec, *[a for p in properties for a in ("--reader-property", p)],
                     stdin=b"".join(line(i) for i in range(COUNT))).ok()

    def read(self, broker, topic, check):
        properties = [f"print.{what}=true" for what in ("timestamp", "offset", "key", "headers")]
        for p in range(check.partitions):
            count = (COUNT - p + check.partitions - 1) // check.partitions
            out = self.jvm.run("org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", broker.bootstrap,
                               "--topic", topic, "--partition", p, "--offset", "0", "--max-messages", count, "--timeout-ms", 60000,
                               *[a for f in properties for a in ("--formatter-property", f)]).ok()
            for line in out.splitlines():
                stamp, offset, headers, key, value = line.split("\t")
                pairs = [] if headers == "NO_HEADERS" else [h.split(":", 1) for h in headers.split(",")]
                check.add(p, int(offset.removeprefix("Offset:")), int(stamp.removeprefix("CreateTime:")),
                          None if key == "null" else key.encode(), None if value == "null" else value.encode(),
                          [(n, None if v == "null" else v.encode()) for n, v in pairs])
        check.done()


class Kq(Client):
    """kq's own console tools, in JSON both ways."""

    def write(self, broker, topic, codec):
        def line(i):
            headers = [{"key": n, "value": None if v is None else v.decode()} for n, v in records.headers(i)]
            return json.dumps({"partition": i % self.partitions, "timestamp": records.timestamp(i), "headers": headers,
                               "key": text(records.key(i)), "value": text(records.value(i))})
        kq(broker, "console-producer", "--topic", topic, "--input", "json", "-z", codec, "-q",
           stdin="\n".join(map(line, range(COUNT))).encode()).check_returncode()

    def read(self, broker, topic, check):
        out = kq(broker, "console-consumer", "--topic", topic, "-o", "start", "-e", "--output", "json", "-q")
        out.check_returncode()
        for line in out.stdout.splitlines():
            r = json.loads(line)
            headers = [(h["key"], data(h["value"])) for h in r["headers"]]
            check.add(r["partition"], r["offset"], r["timestamp"], data(r["key"]), data(r["value"]), headers)
        check.done()


def text(b):
    return None if b is None else b.decode()


def data(s):
    return None if s is None else s.encode()


def kq(broker, *args, stdin=b""):
    """Runs kq on the broker."""
    return subprocess.run([BIN / "kq", *args, "-b", broker.bootstrap], input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120, env={"HOME": "/nonexistent", "PATH": "/usr/bin:/bin"})


ALL = {"java": Java, "confluent-kafka": Librdkafka, "kafka-python": KafkaPython, "kcat": Kcat, "console": Console, "kq": Kq}
