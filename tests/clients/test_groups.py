"""Groups of other people's clients: members join, leave, die and come back, and every record is seen, none without need twice."""
import threading
import time

import pytest

import raw
from group import Group

COUNT = 200_000
PARTITIONS = 6
CLIENTS = [("java", "classic"), ("java", "consumer"), ("confluent-kafka", "classic"), ("confluent-kafka", "consumer"),
           ("kafka-python", "classic"), ("kcat", "classic")]


@pytest.mark.parametrize("client,protocol", CLIENTS, ids=["-".join(c) for c in CLIENTS])
def test_members_come_and_go(broker, jvm, tmp_path, topic, client, protocol):
    """All commit when they give partitions up. Java and confluent-kafka do that in the cooperative way;
    kafka-python and kcat are eager."""
    with raw.Conn(broker) as c:
        assert raw.create(c, topic, PARTITIONS)[0] == 0
    group = Group(broker, jvm, tmp_path, client, protocol, topic, PARTITIONS)
    try:
        come_and_go(group)
    finally:
        group.close()


def come_and_go(group):
    a, b, s, again = group.member("a"), group.member("b"), group.member("static", "instance"), group.member("again", "instance")
    for m in (a, b, s):
        m.go()
    group.settled(a, b, s)
    group.produce(COUNT // 4)
    group.all_seen()

    # One leaves while records flow.
    producing = threading.Thread(target=group.produce, args=[COUNT // 4])
    producing.start()
    b.close()
    group.settled(a, s)
    producing.join()
    group.all_seen()
    assert not group.twice, f"seen twice after one has left: {sorted(group.twice)[:5]}"

    # The static member goes and comes back: it has what it had, and nobody else has noticed.
    mine, changes = set(s.assigned), a.changes
    s.close()
    group.produce(COUNT // 4)
    again.go()
    group.until(lambda: again.assigned == mine, f"the static member has {mine} again")
    group.all_seen()
    assert a.changes == changes, "the group was disturbed by a static member's return"
    assert not group.twice, f"seen twice after the static member's return: {sorted(group.twice)[:5]}"

    # One dies in the middle of its work.
    before = sum(map(len, a.seen.values()))
    producing = threading.Thread(target=group.produce, args=[COUNT // 4])
    producing.start()
    group.until(lambda: sum(map(len, a.seen.values())) > before, "a is at work")
    a.kill()
    committed = group.committed()
    group.settled(again)
    producing.join()
    group.all_seen()
    # What it had not committed yet is seen again, and nothing else.
    lost = {(p, o) for p, offsets in a.seen.items() for o in offsets if o >= committed.get(p, 0)}
    assert group.twice <= lost, f"seen twice after a death: {sorted(group.twice - lost)[:5]}"

    again.close()
    assert group.committed() == dict(enumerate(group.ends))


def test_a_group_moves_to_the_new_protocol_and_back(own_broker, jvm, tmp_path, topic):
    """Members of both protocols in one group (KIP-848's migration), which outlives a kill -9 of its coordinator."""
    broker = own_broker()
    with raw.Conn(broker) as c:
        assert raw.create(c, topic, PARTITIONS)[0] == 0
    group = Group(broker, jvm, tmp_path, "java", None, topic, PARTITIONS)
    try:
        old, new, late = group.member("old", protocol="classic"), group.member("new", protocol="consumer"), group.member("late", protocol="classic")
        old.go()
        group.settled(old)
        group.produce(6000)
        group.all_seen()
        # The first of the new protocol takes the group with it.
        new.go()
        group.settled(old, new)
        group.produce(6000)
        group.all_seen()
        group.all_committed()
        # Apache Kafka 4.3.1 tells the new member after this that its group is none of consumers.
        if broker.kind == "kqd":
            broker.kill()
            broker.start()
        group.produce(6000)
        group.all_seen()
        group.settled(old, new)
        late.go()
        group.settled(old, new, late)
        group.produce(6000)
        group.all_seen()
        # The last of the new protocol leaves the group to the classic one.
        new.close()
        group.settled(old, late)
        old.close()
        group.settled(late)
        group.produce(6000)
        group.all_seen()
        assert not group.twice, f"seen twice: {sorted(group.twice)[:5]}"
        late.close()
        assert group.committed() == dict(enumerate(group.ends))
    finally:
        group.close()


@pytest.mark.parametrize("protocol,loser,says", [("classic", 0, "fenced"), ("consumer", 1, "instance")])
def test_two_of_one_instance(broker, topic, protocol, loser, says):
    """Who comes second under a `group.instance.id` takes the place in the classic protocol, and is refused in the new one."""
    import confluent_kafka
    with raw.Conn(broker) as c:
        assert raw.create(c, topic, PARTITIONS)[0] == 0
    settings = {"bootstrap.servers": broker.bootstrap, "group.id": topic, "group.protocol": protocol, "group.instance.id": "one",
                "enable.auto.commit": False}
    both, failures, deadline = [], [], time.monotonic() + 60
    try:
        for n in range(2):
            said = {"error_cb": lambda error, n=n: failures.append((n, error.str()))}
            both.append(confluent_kafka.Consumer(settings | said))
            both[-1].subscribe([topic])
            while not both[0].assignment():
                assert time.monotonic() < deadline
                both[0].poll(0.1)
        while not failures:
            assert time.monotonic() < deadline, "nobody has failed"
            for n, consumer in enumerate(both):
                m = consumer.poll(0.1)
                if m is not None and m.error():
                    failures.append((n, m.error().str()))
        assert failures[0][0] == loser and says in failures[0][1], failures
    finally:
        for consumer in both:
            consumer.close()
