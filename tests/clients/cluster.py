"""Three brokers that are one cluster, each a process: kqd, or Apache Kafka as the reference."""
import time

import raw
from broker import Broker, free_port, new_cluster_id

SECONDS = 60


class Seat(Broker):
    """One of the three."""

    heap = "512m"

    def __init__(self, cluster, number):
        self.number = number
        port, _ = cluster.ports[number]
        listeners = "PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d" % cluster.ports[number]
        voters = ",".join(f"{n}@127.0.0.1:{controller}" for n, (_, controller) in cluster.ports.items())
        settings = {
            "node.id": str(number), "listeners": listeners, "controller.quorum.voters": voters,
            "offsets.topic.replication.factor": "3", "offsets.topic.num.partitions": "3",
            # A broker that is killed is missed soon, by Kafka too.
            "broker.session.timeout.ms": "6000", "broker.heartbeat.interval.ms": "500",
            # Leaders stay where elections put them.
            "auto.leader.rebalance.enable": "false",
        }
        settings.update(cluster.settings)
        super().__init__(cluster.kind, cluster.dir / f"broker-{number}", settings, port=port, cluster_id=cluster.id)

    def answers(self):
        """Whether it lists all that are up, itself among them."""
        try:
            with raw.Conn(self, 2) as c:
                return any(b[0] == self.number for b in raw.metadata(c, [])[0])
        except (OSError, raw.Closed, AssertionError):
            return False


class Cluster:
    def __init__(self, kind, directory, settings=None):
        self.kind, self.dir, self.settings, self.id = kind, directory, settings or {}, new_cluster_id()
        self.ports = {n: (free_port(), free_port()) for n in (1, 2, 3)}
        self.seats = {n: Seat(self, n) for n in (1, 2, 3)}

    def start(self):
        for seat in self.seats.values():
            seat.launch()
        for seat in self.seats.values():
            seat.wait_ready()
        self.wait_for(lambda: all(len(self.brokers(seat)) == 3 for seat in self.seats.values()), "three brokers are up")
        return self

    def close(self):
        for seat in self.seats.values():
            seat.close()

    @property
    def bootstrap(self):
        return ",".join(seat.bootstrap for seat in self.seats.values())

    def up(self):
        return [seat for seat in self.seats.values() if seat.process]

    def brokers(self, seat):
        with raw.Conn(seat) as c:
            return raw.metadata(c, [])[0]

    def partitions(self, topic, seat=None):
        """{partition: (leader, replicas, isr)}, as any that is up tells it."""
        with raw.Conn(seat or self.up()[0]) as c:
            found = raw.metadata(c, [topic])[1][0]
        return {p["index"]: (p["leader"], p["replicas"], sorted(p["isr"])) for p in found["partitions"]}

    def wait_for(self, holds, what):
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                if holds():
                    return
            except (OSError, raw.Closed, AssertionError):
                pass
            if time.monotonic() > deadline:
                tails = "\n".join(f"broker {n}:\n{seat.tail(6)}" for n, seat in self.seats.items())
                raise AssertionError(f"{self.kind}: not within {SECONDS} s: {what}\n{tails}")
            time.sleep(0.1)

    def wait_isr(self, topic, isr, partitions=None):
        """Until every broker that is up tells that these are in sync, in `partitions` or all, and somebody leads."""
        def holds():
            for seat in self.up():
                for index, (leader, _, now) in self.partitions(topic, seat).items():
                    if (partitions is None or index in partitions) and (now != sorted(isr) or leader not in isr):
                        return False
            return True
        self.wait_for(holds, f"{topic} has {isr} in sync")
