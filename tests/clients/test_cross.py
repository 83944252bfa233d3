"""Every client writes 100,000 records with every codec; all are read back by the same client, by Java's consumer and by
one other in turn, so that over the five codecs everyone has read everyone, record by record. The reference answers for
one codec of each client only: it shows that the test is right about what it expects."""
import time

import pytest

import clients
import raw
from conftest import KIND
from records import CODECS, Checker


PAIRS = [(w, c) for i, w in enumerate(clients.ALL) for j, c in enumerate(CODECS) if KIND == "kqd" or i == j]


@pytest.mark.parametrize("writer,codec", PAIRS)
def test_cross(broker, jvm, topic, writer, codec):
    names = list(clients.ALL)
    w = clients.ALL[writer](jvm)
    with raw.Conn(broker) as c:
        assert raw.create(c, topic, w.partitions, {"retention.ms": "-1"})[0] == 0
    since = int(time.time() * 1000)
    w.write(broker, topic, codec)
    until = int(time.time() * 1000)
    with raw.Conn(broker) as c:
        for p in range(w.partitions):
            # The codec the client was told is the codec in the log; clients send what does not shrink as it is.
            got = raw.batches(raw.fetch(c, [(topic, p, 0, 1 << 20)])["partitions"][0]["records"])
            stored = {b["attributes"] & 7 for b in got if b["count"] > 5}
            assert stored == {CODECS.index(codec)}, stored
    third = names[(names.index(writer) + 1 + CODECS.index(codec)) % len(names)]
    for reader in dict.fromkeys([writer, "java", third]):
        clients.ALL[reader](jvm).read(broker, topic, Checker(w.shape, w.partitions, since, until))
    with raw.Conn(broker) as c:
        assert raw.delete(c, topic) == 0
