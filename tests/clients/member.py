"""One member of a group as a process of its own, so that it can be killed: member.py BOOTSTRAP TOPIC GROUP PROTOCOL
[INSTANCE], with confluent-kafka.

It checks every record and says on stdout what happens, as java/Member.java does: `assigned P…` (all it has now), `revoked P…`,
`seen P FIRST LAST` (offsets that it has processed) and `committed P NEXT`. It joins when it is told a line on stdin; the next
line ends it with all it has committed.
"""
import sys
import threading

COMMIT_EVERY = 3000

closing = threading.Event()


def say(*words):
    # One write a line: nothing is half said when the process is killed.
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


class Progress:
    """What was processed, and what of it is not committed yet. `commit` takes {partition: next offset}."""

    def __init__(self, commit):
        self.commit, self.assigned = commit, set()
        self.ranges, self.next, self.uncommitted = {}, {}, 0

    def record(self, partition, offset, value):
        assert value == b"%d-%d" % (partition, offset), f"partition {partition}, offset {offset}: {value}"
        assert partition in self.assigned, f"a record of partition {partition}, which is not assigned"
        first, last = self.ranges.get(partition, (offset, offset - 1))
        assert offset == last + 1, f"partition {partition}: offset {offset} after {last}"
        self.ranges[partition] = (first, offset)
        self.uncommitted += 1

    def processed(self):
        for p, (first, last) in self.ranges.items():
            say("seen", p, first, last)
            self.next[p] = last + 1
        self.ranges = {}

    def save(self):
        self.processed()
        if self.next:
            self.commit(self.next)
            for p, offset in self.next.items():
                say("committed", p, offset)
        self.next, self.uncommitted = {}, 0

    def gained(self, partitions):
        self.assigned |= set(partitions)
        say("assigned", *sorted(self.assigned))

    def gave_up(self, partitions):
        self.assigned -= set(partitions)
        say("revoked", *sorted(partitions))

    def lost(self, partitions):
        """Somebody else may have them already: what was processed of them cannot be committed."""
        self.processed()
        for p in partitions:
            self.next.pop(p, None)
        self.assigned -= set(partitions)
        say("lost", *sorted(partitions))


def confluent(bootstrap, topic, group, protocol, instance):
    from confluent_kafka import Consumer, TopicPartition
    settings = {"bootstrap.servers": bootstrap, "group.id": group, "group.protocol": protocol, "enable.auto.commit": False,
                "auto.offset.reset": "earliest", "check.crcs": True, "fetch.wait.max.ms": 100}
    if protocol == "classic":
        settings |= {"partition.assignment.strategy": "cooperative-sticky", "session.timeout.ms": 6000,
                     "heartbeat.interval.ms": 300}
    if instance:
        settings["group.instance.id"] = instance
    c = Consumer(settings)
    progress = Progress(lambda offsets: c.commit(offsets=[TopicPartition(topic, p, o) for p, o in offsets.items()], asynchronous=False))

    def numbers(partitions):
        return [p.partition for p in partitions]

    def revoked(_, partitions):
        progress.save()
        progress.gave_up(numbers(partitions))
    c.subscribe([topic], on_assign=lambda _, ps: progress.gained(numbers(ps)), on_revoke=revoked,
                on_lost=lambda _, ps: progress.lost(numbers(ps)))
    while not closing.is_set():
        m = c.poll(0.1)
        if m is None:
            progress.save()
            continue
        assert not m.error(), m.error()
        progress.record(m.partition(), m.offset(), m.value())
        if progress.uncommitted >= COMMIT_EVERY:
            progress.save()
    progress.save()
    c.close()


def main():
    bootstrap, topic, group, protocol, *instance = sys.argv[1:]

    def listen():
        sys.stdin.readline()
        closing.set()
    sys.stdin.readline()
    threading.Thread(target=listen, daemon=True).start()
    confluent(bootstrap, topic, group, protocol, instance[0] if instance else None)
    say("closed")


main()
