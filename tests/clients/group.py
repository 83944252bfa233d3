"""Groups of real clients: each member is a process, told what to do and heard what it says, and every record is counted."""
import os
import re
import subprocess
import sys
import threading
import time

from broker import HERE, JAVA, KAFKA_LIB

WAIT_SECONDS = 120


class Member:
    """A process that says `assigned`, `revoked`, `lost`, `seen` and `closed` (member.py). It does nothing before `go`."""

    def __init__(self, group, name, command):
        self.group, self.name = group, name
        self.assigned, self.changes, self.seen, self.closed = set(), 0, {}, False
        self.errors = group.directory / f"{group.id}-{name}.log"
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        self.stopping = False
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            # A process that is killed may leave half a line.
            if line.endswith(b"\n"):
                self.heard(line.decode().split())

    def heard(self, words):
        kind, numbers = words[0], [int(w) for w in words[1:]]
        with self.group.news:
            if kind == "seen":
                self.group.saw(self, *numbers)
            elif kind == "assigned":
                self.assigned, self.changes = set(numbers), self.changes + 1
            elif kind in ("revoked", "lost"):
                self.assigned, self.changes = self.assigned - set(numbers), self.changes + 1
            elif kind == "closed":
                self.closed = True
            self.group.news.notify_all()

    def go(self):
        self.tell()
        return self

    def tell(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def close(self):
        """It ends in good order."""
        self.stopping = True
        self.tell()
        assert self.process.wait(WAIT_SECONDS) == 0, f"{self.name} failed:\n{self.tail()}"
        self.group.until(lambda: self.closed, f"{self.name} is closed")

    def kill(self):
        self.stopping = True
        self.process.kill()
        self.process.wait()

    def tail(self):
        return self.errors.read_text(errors="replace")[-3000:]

    def __str__(self):
        seen = {p: len(offsets) for p, offsets in self.seen.items()}
        return f"{self.name}: assigned {sorted(self.assigned)}, seen {seen}, exit {self.process.poll()}"


class KcatMember(Member):
    """kcat says its records on stdout and its assignment on stderr, and ends with SIGTERM. It commits by itself."""

    def __init__(self, group, name, command):
        self.command = command
        self.group, self.name = group, name
        self.assigned, self.changes, self.seen, self.closed, self.stopping = set(), 0, {}, False, False
        self.errors = group.directory / f"{group.id}-{name}.log"

    def go(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.threads = [threading.Thread(target=t, daemon=True) for t in (self.listen, self.listen_to_errors)]
        for t in self.threads:
            t.start()
        return self

    def listen(self):
        for line in self.process.stdout:
            if line.endswith(b"\n"):
                partition, offset, value = line.split()
                assert value == b"%s-%s" % (partition, offset), line
                self.heard([b"seen".decode(), partition, offset, offset])

    def listen_to_errors(self):
        with open(self.errors, "wb") as log:
            for line in self.process.stderr:
                log.write(line)
                log.flush()
                if m := re.match(rb"% Group .* rebalanced .*: (assigned|revoked): (.*)", line):
                    numbers = {int(n) for n in re.findall(rb"\[(\d+)\]", m[2])}
                    with self.group.news:
                        self.assigned = self.assigned | numbers if m[1] == b"assigned" else self.assigned - numbers
                        self.changes += 1
                        self.group.news.notify_all()

    def close(self):
        self.stopping = True
        self.process.terminate()
        assert self.process.wait(WAIT_SECONDS) == 0, f"{self.name} failed:\n{self.tail()}"
        for t in self.threads:
            t.join(WAIT_SECONDS)


class Group:
    """`client` is java, confluent-kafka, kafka-python or kcat; its members share one topic of `partitions` partitions,
    whose records are `PARTITION-OFFSET`."""

    def __init__(self, broker, jvm, directory, client, protocol, topic, partitions):
        self.broker, self.jvm, self.directory, self.client, self.protocol = broker, jvm, directory, client, protocol
        self.topic, self.id, self.partitions = topic, f"{topic}-group", partitions
        self.members, self.news = [], threading.Condition()
        self.ends = [0] * partitions
        self.counts = [bytearray() for _ in range(partitions)]
        self.seen, self.twice = 0, set()

    def member(self, name, instance=None, protocol=None):
        """A new member, which waits for its `go`."""
        common = [self.broker.bootstrap, self.topic, self.id, protocol or self.protocol, *([instance] if instance else [])]
        if self.client == "java":
            command = [JAVA[0], "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
                       "-cp", f"{self.jvm.classes}{os.pathsep}{KAFKA_LIB}/*", JAVA[3], "Member", *common]
        elif self.client == "kcat":
            settings = {"auto.offset.reset": "earliest", "session.timeout.ms": 6000, "heartbeat.interval.ms": 300, "check.crcs": "true",
                        "auto.commit.interval.ms": 200, "fetch.wait.max.ms": 100, **({"group.instance.id": instance} if instance else {})}
            command = ["kcat", "-b", self.broker.bootstrap, "-u", "-f", "%p %o %s\\n",
                       *[a for k, v in settings.items() for a in ("-X", f"{k}={v}")], "-G", self.id, self.topic]
        else:
            command = [sys.executable, HERE / "member.py", self.client, *common]
        m = (KcatMember if self.client == "kcat" else Member)(self, name, command)
        self.members.append(m)
        return m

    def saw(self, member, partition, first, last):
        """Called with the lock held."""
        counts, mine = self.counts[partition], member.seen.setdefault(partition, [])
        if len(counts) <= last:
            counts.extend(bytes(last + 1 - len(counts)))
        for offset in range(first, last + 1):
            mine.append(offset)
            if counts[offset]:
                self.twice.add((partition, offset))
            else:
                counts[offset] = 1
                self.seen += 1

    def produce(self, count):
        """Evenly to all partitions."""
        import confluent_kafka
        failed = []
        p = confluent_kafka.Producer({"bootstrap.servers": self.broker.bootstrap, "acks": "all", "linger.ms": 5,
                                      "enable.idempotence": True, "queue.buffering.max.messages": 2 * count})
        for i in range(count):
            partition = i % self.partitions
            p.produce(self.topic, b"%d-%d" % (partition, self.ends[partition]), partition=partition,
                      on_delivery=lambda error, _: error and failed.append(str(error)))
            self.ends[partition] += 1
            if i % 1000 == 0:
                p.poll(0)
        assert p.flush(WAIT_SECONDS) == 0 and not failed, failed[:3]

    def until(self, holds, what):
        deadline = time.monotonic() + WAIT_SECONDS
        with self.news:
            while not holds():
                for m in self.members:
                    gone = not m.stopping and hasattr(m, "process") and m.process.poll() is not None
                    assert not gone, f"{m.name} has ended while waiting until {what}:\n{m.tail()}"
                left = deadline - time.monotonic()
                assert left > 0, "\n".join([f"not after {WAIT_SECONDS} s: {what}; {self.seen} of {sum(self.ends)} records seen",
                                            *map(str, self.members), *(f"{m.name} said:\n{m.tail()}" for m in self.members if m.errors.exists())])
                self.news.wait(min(left, 1))

    def settled(self, *members):
        """Each of them has its part, and together they have all."""
        def holds():
            parts = [p for m in members for p in m.assigned]
            return all(m.assigned for m in members) and sorted(parts) == list(range(self.partitions))
        self.until(holds, f"{', '.join(m.name for m in members)} share all partitions")

    def all_seen(self):
        self.until(lambda: self.seen == sum(self.ends), "every record is seen")

    def committed(self):
        """The group's offsets as the broker has them, by partition."""
        import confluent_kafka
        from confluent_kafka.admin import AdminClient
        admin = AdminClient({"bootstrap.servers": self.broker.bootstrap})
        asked = confluent_kafka.ConsumerGroupTopicPartitions(self.id)
        answer = admin.list_consumer_group_offsets([asked])[self.id].result(WAIT_SECONDS)
        return {p.partition: p.offset for p in answer.topic_partitions if p.topic == self.topic}

    def all_committed(self):
        deadline = time.monotonic() + WAIT_SECONDS
        while self.committed() != dict(enumerate(self.ends)):
            assert time.monotonic() < deadline, f"{self.committed()} are committed of {self.ends}"
            time.sleep(0.1)

    def close(self):
        for m in self.members:
            if hasattr(m, "process") and m.process.poll() is None:
                m.process.kill()
                m.process.wait()
