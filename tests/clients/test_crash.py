"""kill -9 under a librdkafka idempotent producer: every acknowledged message is there after the restart, once, in place."""
import threading
import time

import confluent_kafka

import raw


def test_kill_9_loses_and_repeats_nothing_acknowledged(own_broker, kind, topic):
    b = own_broker()
    with raw.Conn(b) as c:
        assert raw.create(c, topic, 2)[0] == 0
    producer = confluent_kafka.Producer({"bootstrap.servers": b.bootstrap, "enable.idempotence": True, "linger.ms": 2,
                                         "batch.num.messages": 100, "message.timeout.ms": 120_000, "reconnect.backoff.max.ms": 200,
                                         "socket.timeout.ms": 5000, "retry.backoff.ms": 50})
    acked, failed, stop = {}, [], threading.Event()

    def delivered(error, m):
        if error:
            failed.append(str(error))
        else:
            acked[int(m.value())] = (m.partition(), m.offset())

    def work():
        n = 0
        while not stop.is_set():
            if n - len(acked) < 2000:
                producer.produce(topic, b"%d" % n, partition=n % 2, on_delivery=delivered)
                n += 1
            producer.poll(0 if n % 20 else 0.001)
    worker = threading.Thread(target=work)
    worker.start()
    try:
        for _ in range(3 if kind == "kqd" else 1):
            # Only kill while acknowledgements are flowing.
            before, deadline = len(acked), time.monotonic() + 60
            while len(acked) < before + 2000 and time.monotonic() < deadline:
                time.sleep(0.01)
            assert len(acked) >= before + 2000, f"only {len(acked) - before} acknowledged in 60 s: {failed[:3]}\n{b.tail()}"
            b.kill()
            b.start()
        time.sleep(1)
    finally:
        stop.set()
        worker.join()
    assert producer.flush(120) == 0 and not failed, failed[:3]

    consumer = confluent_kafka.Consumer({"bootstrap.servers": b.bootstrap, "group.id": "none", "enable.auto.commit": False,
                                         "enable.partition.eof": True, "check.crcs": True})
    consumer.assign([confluent_kafka.TopicPartition(topic, p, 0) for p in range(2)])
    found, next_offset, ended, deadline = {}, [0, 0], set(), time.monotonic() + 60
    while len(ended) < 2:
        assert time.monotonic() < deadline
        for m in consumer.consume(5000, 0.5):
            if m.error():
                assert m.error().code() == confluent_kafka.KafkaError._PARTITION_EOF, m.error()
                ended.add(m.partition())
                continue
            assert m.offset() == next_offset[m.partition()], "a hole in the log"
            next_offset[m.partition()] += 1
            n = int(m.value())
            assert n not in found, f"message {n} is there twice: {found[n]} and {(m.partition(), m.offset())}"
            found[n] = (m.partition(), m.offset())
    consumer.close()
    lost = {n: at for n, at in acked.items() if found.get(n) != at}
    assert not lost, f"{len(lost)} of {len(acked)} acknowledged are not where they were said to be: {sorted(lost.items())[:3]}"
    assert set(found) == set(range(len(found))), "messages out of sequence"
    for p in range(2):
        in_order = [n for n, at in sorted(found.items(), key=lambda x: x[1]) if at[0] == p]
        assert in_order == sorted(in_order), "messages out of order"
