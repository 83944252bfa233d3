"""One member of a group as a process of its own, so that it can be killed: member.py CLIENT BOOTSTRAP TOPIC GROUP PROTOCOL
[INSTANCE], where CLIENT is confluent-kafka or kafka-python.

It checks every record and says on stdout what happens, as java/Member.java does: `assigned P…` (all it has now), `revoked P…`,
`seen P FIRST LAST` (offsets that it has processed) and `committed P NEXT`. It joins when it is told a line on stdin; the next
line ends it with all it has committed.
"""
import sys
import threading

COMMIT_EVERY = 3000
# A static member is away for a while, longer on a machine that is busy, and shall not be missed.
SESSION_MS, STATIC_SESSION_MS = 6_000, 30_000

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
        settings |= {"partition.assignment.strategy": "cooperative-sticky", "heartbeat.interval.ms": 300,
                     "session.timeout.ms": STATIC_SESSION_MS if instance else SESSION_MS}
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


def kafka_python(bootstrap, topic, group, protocol, instance):
    """Eager, and its listener runs where nothing may wait: so it commits before each poll, and has nothing left to save when a
    poll takes partitions away.

    It goes around two bugs of kafka-python 3.0.12, which Apache Kafka meets as well:
    - A leader that finds other partitions than those it has assigned joins again, but does not remember that it is about to: if
      a poll ends in the middle of that, no later poll looks at the answer (join_group_async: `while self.need_rejoin()`), it
      says no more, and its session ends. With polls of 3 ms that were 9 of 10 starts on Apache Kafka. So it does not poll
      before it knows the topic: there is nothing else to find then.
    - Its range and round-robin assignors forget members when the broker lists a static one between others (itertools.groupby of
      what is not sorted). Its sticky one does not.
    """
    import kafka
    from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
    assert protocol == "classic", protocol
    c = kafka.KafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest",
                            check_crcs=True, fetch_max_wait_ms=100, max_poll_records=COMMIT_EVERY, heartbeat_interval_ms=300,
                            session_timeout_ms=STATIC_SESSION_MS if instance else SESSION_MS,
                            partition_assignment_strategy=[StickyPartitionAssignor],
                            **({"group_instance_id": instance} if instance else {}))
    progress = Progress(lambda offsets: c.commit({kafka.TopicPartition(topic, p): kafka.structs.OffsetAndMetadata(o)
                                                  for p, o in offsets.items()}))

    class Listener(kafka.ConsumerRebalanceListener):
        def on_partitions_assigned(self, partitions):
            progress.gained(p.partition for p in partitions)

        def on_partitions_revoked(self, partitions):
            progress.gave_up([p.partition for p in partitions])

        def on_partitions_lost(self, partitions):
            progress.lost([p.partition for p in partitions])
    c.subscribe([topic], listener=Listener())
    while topic not in c.topics():
        pass
    while not closing.is_set():
        for records in c.poll(timeout_ms=100).values():
            for r in records:
                progress.record(r.partition, r.offset, r.value)
        progress.save()
    c.close()


CLIENTS = {"confluent-kafka": confluent, "kafka-python": kafka_python}


def main():
    client, bootstrap, topic, group, protocol, *instance = sys.argv[1:]

    def listen():
        sys.stdin.readline()
        closing.set()
    sys.stdin.readline()
    threading.Thread(target=listen, daemon=True).start()
    CLIENTS[client](bootstrap, topic, group, protocol, instance[0] if instance else None)
    say("closed")


main()
