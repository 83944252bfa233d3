"""What members of groups are told at each step, by kqd and by Apache Kafka: codes, messages, epochs, and what a group looks like
between two rebalances. Requests are written by hand, for no client asks for most of this."""
import re
import time

import pytest

import raw
from conftest import KIND

pytestmark = pytest.mark.skipif(KIND != "kqd", reason="compares kqd with the reference")
PARTITIONS = 4
GENERATED = re.compile(r"raw-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def ready(conn, group):
    """Until the coordinator has loaded: the first group of a broker waits for the topic of offsets."""
    w = raw.W(True).i8(0)
    w.array([group], lambda g: w.str(g)).tags()
    while True:
        r = conn.call(raw.FIND_COORDINATOR, 4, w.b)
        r.i32()
        assert r.length() == 1
        r.str(), r.i32(), r.str(), r.i32()
        if r.i16() == 0:
            break
    while describe(conn, group)[0] in (14, 15, 16):
        pass


def beat(conn, group, topic, member, epoch, instance=None, timeout=45_000, names=None, regex=None, assignor=None, owned=None):
    """ConsumerGroupHeartbeat v1: code, message, member epoch, partitions assigned (None: nothing said). `topic` is its id; `names`
    are topics' names, `owned` partitions of the topic."""
    w = raw.W(True)
    w.str(group).str(member).i32(epoch).str(instance).str(None).i32(timeout)
    w.array(names, lambda n: w.str(n)).str(regex).str(assignor)
    w.array(None if owned is None else [owned] if owned else [],
            lambda of: w.raw(topic).array(of, lambda p: w.i32(p)).tags()).tags()
    r = conn.call(raw.CONSUMER_GROUP_HEARTBEAT, 1, w.b)
    r.i32()
    code, message, _, epoch = r.i16(), r.str(), r.str(), r.i32()
    r.i32()
    assigned = None
    if r.i8() >= 0:
        def one():
            r.take(16)
            partitions = r.array(r.i32)
            r.tags()
            return partitions
        assigned = sorted(p for of in r.array(one) for p in of)
        r.tags()
    return code, message, epoch, assigned


def join(conn, group, member, instance=None, metadata=b"meta", timeout=60_000):
    """Sends JoinGroup v5."""
    w = raw.W().str(group).i32(30_000).i32(timeout).str(member).str(instance).str("consumer")
    w.array([metadata], lambda m: w.str("range").bytes(m))
    return conn.send(raw.JOIN_GROUP, 5, w.b)


def joined(conn):
    r = conn.recv()
    r.i32()
    answer = {"code": r.i16(), "generation": r.i32(), "protocol": r.str(), "leader": r.str(), "id": r.str()}
    answer["members"] = len(r.array(lambda: (r.str(), r.str(), r.bytes())))
    return answer


def comes(conn, group, **more):
    """A new member sends its JoinGroup with the id that it is given."""
    join(conn, group, "", **more)
    member = joined(conn)["id"]
    join(conn, group, member, **more)
    return member


def sync(conn, group, generation, member, shares=()):
    """Sends SyncGroup v3."""
    w = raw.W().str(group).i32(generation).str(member).str(None)
    w.array(list(shares), lambda s: w.str(s[0]).bytes(s[1]))
    return conn.send(raw.SYNC_GROUP, 3, w.b)


def synced(conn):
    r = conn.recv()
    r.i32()
    return r.i16(), r.bytes()


def leave(conn, group, member):
    w = raw.W().str(group)
    w.array([member], lambda m: w.str(m).str(None))
    r = conn.call(raw.LEAVE_GROUP, 3, w.b)
    r.i32()
    return r.i16(), r.array(lambda: (r.str(), r.str(), r.i16()))[0][2]


def describe(conn, group):
    """DescribeGroups v4: code, state, protocol type, protocol, and of each member its instance, client, metadata, assignment."""
    w = raw.W()
    w.array([group], lambda g: w.str(g)).i8(0)
    r = conn.call(raw.DESCRIBE_GROUPS, 4, w.b)
    r.i32()
    assert r.length() == 1
    code, _, state, kind, protocol = r.i16(), r.str(), r.str(), r.str(), r.str()
    members = r.array(lambda: (r.str(), r.str(), r.str(), r.str(), r.bytes(), r.bytes()))
    return code, state, kind, protocol, sorted((m[1] or "", m[2], m[4], m[5]) for m in members)


def in_state(conn, group, state):
    """Until a request of another connection has made this of the group."""
    deadline = time.monotonic() + 20
    while describe(conn, group)[1] != state:
        assert time.monotonic() < deadline, f"never {state}"


def same(both, tell):
    """tell(broker) is a list of (step, answer); both brokers' must be equal."""
    told = [[f"{step}: {GENERATED.sub('MEMBER', repr(answer))}" for step, answer in tell(b)] for b in both]
    assert told[0] == told[1], "\n".join(f"{mine}\n  the reference: {other}" for mine, other in zip(*told) if mine != other)


def test_a_group_between_two_rebalances(both, topic):
    """What DescribeGroups shows in each state: what was shared out last, until a rebalance begins before the leader has spoken."""
    def tell(broker):
        group = topic + "-g"
        with raw.Conn(broker) as ask, raw.Conn(broker) as one, raw.Conn(broker) as two, raw.Conn(broker) as three:
            ready(ask, group)
            a = comes(one, group)
            generation = joined(one)["generation"]
            yield "one has joined", describe(ask, group)
            sync(one, group, generation, a, [(a, b"all")])
            yield "one syncs", synced(one)
            yield "one is stable", describe(ask, group)
            b = comes(two, group, metadata=b"other")
            in_state(ask, group, "PreparingRebalance")
            yield "two joins", describe(ask, group)
            join(one, group, a)
            generation = joined(one)["generation"]
            joined(two)
            yield "both have joined", describe(ask, group)
            sync(two, group, generation, b)
            yield "two syncs", describe(ask, group)
            join(three, group, "", instance="static")
            in_state(ask, group, "PreparingRebalance")
            yield "two is sent back", synced(two)
            yield "three joins", describe(ask, group)
            join(one, group, a)
            join(two, group, b, metadata=b"other")
            answers = [joined(one), joined(two), joined(three)]
            c = answers[2]["id"]
            yield "who leads", sorted(len({answer["leader"], answer["id"]}) for answer in answers)
            yield "all have joined", describe(ask, group)
            generation = answers[0]["generation"]
            leader = next(n for n, answer in enumerate(answers) if answer["leader"] == answer["id"])
            for n, (conn, member) in enumerate([(one, a), (two, b), (three, c)]):
                sync(conn, group, generation, member, [(a, b"A"), (b, b"B"), (c, b"C")] if n == leader else [])
            yield "all sync", [synced(conn) for conn in (one, two, three)]
            yield "three are stable", describe(ask, group)
            yield "two leaves", leave(two, group, b)
            yield "two has left", describe(ask, group)
            yield "one leaves", leave(one, group, a)
            yield "one has left", describe(ask, group)
            yield "three leaves", leave(three, group, c)
            yield "nobody is left", describe(ask, group)
    same(both, tell)


def test_epochs_of_members(both, topic):
    """Epoch 0 joins, whatever is known of the member; any other must be the known one, or the one before for a member whose answer
    was lost (KIP-848)."""
    def tell(broker):
        group = topic + "-g"
        with raw.Conn(broker) as c:
            assert raw.create(c, topic, PARTITIONS)[0] == 0
            id = raw.metadata(c, [topic])[1][0]["id"]
            ready(c, group)

            def say(step, member, epoch, **more):
                return step, beat(c, group, id, member, epoch, **more)
            whole = {"names": [topic], "owned": []}
            yield say("nobody's epoch", "m1", 3)
            yield say("nobody leaves", "m1", -1)
            yield say("no such epoch", "m1", -3)
            yield say("no subscription", "m1", 0, owned=[])
            yield say("owns before it joins", "m1", 0, names=[topic], owned=[1])
            yield say("does not say what it owns", "m1", 0, names=[topic])
            yield say("no timeout", "m1", 0, timeout=-1, **whole)
            yield say("joins", "m1", 0, **whole)
            yield say("joins again", "m1", 0, **whole)
            yield say("goes on", "m1", 1, timeout=-1)
            yield say("is ahead", "m1", 2, timeout=-1)
            yield say("a second joins", "m2", 0, **whole)
            yield say("the first hears of it", "m1", 1, timeout=-1)
            yield say("the first joins while it is to give back", "m1", 0, **whole)
            yield say("it goes on", "m1", 2, timeout=-1)
            yield say("of before, owning nothing", "m1", 1, timeout=-1, owned=[])
            yield say("of before, owning all", "m1", 1, timeout=-1, owned=[0, 1, 2, 3])
            yield say("of before, saying nothing", "m1", 1, timeout=-1)
            yield say("long ago", "m1", -2, timeout=-1)
            yield say("the second, too", "m2", 0, **whole)
            yield say("joins for nothing", "m1", 0, names=[], owned=[])
            yield say("joins for a pattern", "m1", 0, regex="no-such.*", owned=[])
            yield say("a static one joins", "s1", 0, instance="i", **whole)
            yield say("another of its name", "s2", 0, instance="i", **whole)
            yield say("itself again", "s1", 0, instance="i", **whole)
            yield say("itself without a name", "s1", 0, **whole)
            yield say("a name that is not known", "s1", 4, instance="k", timeout=-1)
            yield say("another id for its name", "s2", 4, instance="i", timeout=-1)
            yield say("a dynamic one goes for a while", "m2", -2, timeout=-1)
            yield say("it goes for a while", "s1", -2, instance="i", timeout=-1)
            yield say("it says something meanwhile", "s1", 4, instance="i", timeout=-1)
            yield say("another comes back", "s2", 0, instance="i", **whole)
            yield say("it comes too late", "s1", 0, instance="i", **whole)
            yield say("it leaves too late", "s1", -1, instance="i", timeout=-1)
            for member, more in [("m1", {}), ("m2", {}), ("s2", {"instance": "i"}), ("s1", {})]:
                yield say(f"{member} leaves", member, -1, timeout=-1, **more)
            yield say("nobody wants anything", "m3", 0, names=[], owned=[])
            yield say("it goes on so", "m3", 20, timeout=-1)
            empty = group + "-empty"
            yield "the first of a group wants nothing", beat(c, empty, id, "m1", 0, names=[], owned=[])
            yield "and goes on", beat(c, empty, id, "m1", 1, timeout=-1)
    same(both, tell)
