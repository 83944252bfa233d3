"""A broker under test as a real process: kqd, or Apache Kafka as the reference. Both read the same server.properties."""
import base64
import os
import pathlib
import signal
import socket
import subprocess
import time
import uuid

import raw

KAFKA_LIB = os.environ["KAFKA_JARS"]
BIN = pathlib.Path(os.environ.get("KQ_BIN", pathlib.Path(__file__).parents[2] / "target/ci"))
HERE = pathlib.Path(__file__).parent
JAVA = ["java", "-cp", KAFKA_LIB + "/*", f"-Dlog4j2.configurationFile={HERE}/log4j2.properties"]
READY_SECONDS = 180


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def new_cluster_id():
    return base64.urlsafe_b64encode(b"\1" + uuid.uuid4().bytes[1:]).decode().rstrip("=")


class Broker:
    """`kind` is kqd or kafka; `settings` are extra lines of server.properties; `host` is listened on and advertised."""

    heap = "1g"

    def __init__(self, kind, directory, settings=None, host="127.0.0.1", port=None, cluster_id=None):
        self.kind, self.dir = kind, pathlib.Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.host, self.port, self.process = host, port or free_port(), None
        self.cluster_id = cluster_id or new_cluster_id()
        self.data, self.output = self.dir / "data", self.dir / "output.log"
        controller = free_port()
        lines = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://{host}:{self.port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://{host}:{self.port}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self.data),
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            # A dead member of the consumer protocol is missed as soon as one of the classic protocol.
            "group.consumer.session.timeout.ms": "6000",
            "group.consumer.min.session.timeout.ms": "6000",
            "group.consumer.heartbeat.interval.ms": "300",
            "group.consumer.min.heartbeat.interval.ms": "300",
            # Who joins has its part at once, however fast one joins after the other (KIP-1263).
            "group.consumer.assignment.interval.ms": "0",
        }
        if kind == "kqd":
            lines["http.listener"] = f"127.0.0.1:{free_port()}"
        lines.update(settings or {})
        self.config = self.dir / "server.properties"
        self.config.write_text("".join(f"{k}={v}\n" for k, v in lines.items()))

    @property
    def bootstrap(self):
        return f"{self.host}:{self.port}"

    def start(self):
        self.launch()
        return self.wait_ready()

    def launch(self):
        with open(self.output, "ab") as out:
            if self.kind == "kafka":
                if not self.data.exists():
                    subprocess.run([*JAVA, "kafka.tools.StorageTool", "format", "-t", self.cluster_id, "-c", self.config],
                                   check=True, stdout=out, stderr=out, cwd=self.dir)
                command = [*JAVA, f"-Xmx{self.heap}", f"-Xms{self.heap}", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
                           "-XX:InitiatingHeapOccupancyPercent=35", "kafka.Kafka", str(self.config)]
            else:
                command = [str(BIN / "kqd"), "--config", str(self.config)]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.dir)

    def wait_ready(self):
        deadline = time.monotonic() + READY_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.kind} does not answer on {self.bootstrap}:\n{self.tail()}")
            time.sleep(0.05)
        return self

    def answers(self):
        """Whether it lists itself as a broker: Kafka accepts connections before it is unfenced."""
        try:
            with raw.Conn(self, 2) as c:
                return len(raw.metadata(c, [])[0]) == 1
        except (OSError, raw.Closed, AssertionError):
            return False

    def signal(self, number):
        self.process.send_signal(number)
        status = self.process.wait(READY_SECONDS)
        self.process = None
        return status

    def stop(self):
        """SIGTERM; the exit status."""
        return self.signal(signal.SIGTERM)

    def kill(self):
        """kill -9"""
        return self.signal(signal.SIGKILL)

    def close(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def tail(self, lines=12):
        text = self.output.read_text(errors="replace").splitlines() if self.output.exists() else []
        text = [line[:300] for line in text if not line.startswith("\tat ") and "is accepted and not used" not in line]
        return "\n".join(text[-lines:])
