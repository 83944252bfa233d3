"""Kafka's protocol by hand, as far as the tests need it: frames that no well-behaved client would send.

Nothing here is shared with kq's own codec: what both get wrong the same way would stay hidden.
"""
import socket
import struct
import time

PRODUCE, FETCH, LIST_OFFSETS, METADATA, FIND_COORDINATOR, API_VERSIONS = 0, 1, 2, 3, 10, 18
CREATE_TOPICS, DELETE_TOPICS, INIT_PRODUCER_ID, OFFSET_FOR_LEADER_EPOCH = 19, 20, 22, 23
JOIN_GROUP, LEAVE_GROUP, SYNC_GROUP, DESCRIBE_GROUPS, CONSUMER_GROUP_HEARTBEAT = 11, 13, 14, 15, 68
DESCRIBE_CONFIGS, ALTER_CONFIGS = 32, 33
FLEXIBLE_FROM = {0: 9, 1: 12, 2: 6, 3: 9, 10: 3, 18: 3, 19: 5, 20: 4, 22: 2, 23: 4, 32: 4, 33: 2, 68: 0}
NO_ID = bytes(16)


class Closed(Exception):
    """The broker closed the connection."""


class W:
    """Writes fields; `flex` is whether the version has compact lengths and tagged fields."""

    def __init__(self, flex=False):
        self.b, self.flex = bytearray(), flex

    def put(self, fmt, *values):
        self.b += struct.pack(">" + fmt, *values)
        return self

    def i8(self, v): return self.put("b", v)
    def i16(self, v): return self.put("h", v)
    def i32(self, v): return self.put("i", v)
    def i64(self, v): return self.put("q", v)

    def raw(self, b):
        self.b += b
        return self

    def uvarint(self, v):
        while v > 127:
            self.b.append(v & 127 | 128)
            v >>= 7
        self.b.append(v)
        return self

    def varint(self, v):
        return self.uvarint((v << 1) ^ (v >> 63))

    def length(self, n, fmt="i"):
        return self.uvarint(n + 1) if self.flex else self.put(fmt, n)

    def str(self, s):
        if s is None:
            return self.uvarint(0) if self.flex else self.i16(-1)
        s = s.encode()
        return self.length(len(s), "h").raw(s)

    def bytes(self, b):
        if b is None:
            return self.uvarint(0) if self.flex else self.i32(-1)
        return self.length(len(b)).raw(b)

    def array(self, items, each):
        if items is None:
            return self.uvarint(0) if self.flex else self.i32(-1)
        self.length(len(items))
        for item in items:
            each(item)
        return self

    def tags(self):
        return self.uvarint(0) if self.flex else self


class R:
    """Reads fields."""

    def __init__(self, b, flex=False):
        self.b, self.at, self.flex = b, 0, flex

    def take(self, n):
        assert 0 <= n <= len(self.b) - self.at, f"want {n} bytes at {self.at} of {len(self.b)}"
        self.at += n
        return bytes(self.b[self.at - n:self.at])

    def get(self, fmt):
        return struct.unpack(">" + fmt, self.take(struct.calcsize(">" + fmt)))[0]

    def i8(self): return self.get("b")
    def i16(self): return self.get("h")
    def i32(self): return self.get("i")
    def i64(self): return self.get("q")

    def uvarint(self):
        v = shift = 0
        while True:
            c = self.take(1)[0]
            v |= (c & 127) << shift
            if c < 128:
                return v
            shift += 7

    def varint(self):
        v = self.uvarint()
        return (v >> 1) ^ -(v & 1)

    def length(self, fmt="i"):
        return self.uvarint() - 1 if self.flex else self.get(fmt)

    def str(self):
        n = self.length("h")
        return None if n < 0 else self.take(n).decode()

    def bytes(self):
        n = self.length()
        return None if n < 0 else self.take(n)

    def array(self, each):
        n = self.length()
        return None if n < 0 else [each() for _ in range(n)]

    def tags(self):
        if self.flex:
            for _ in range(self.uvarint()):
                self.uvarint()
                self.take(self.uvarint())

    def end(self):
        assert self.at == len(self.b), f"{len(self.b) - self.at} bytes left over"


class Conn:
    """One connection. `send` and `recv` may be pipelined; `call` is both."""

    def __init__(self, broker, timeout=20):
        self.s = socket.create_connection((broker.host, broker.port), timeout)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.correlation, self.open = 0, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.s.close()

    def send_frame(self, payload):
        try:
            self.s.sendall(struct.pack(">i", len(payload)) + payload)
        except (BrokenPipeError, ConnectionResetError) as e:
            raise Closed from e

    def send(self, key, version, body):
        flex = version >= FLEXIBLE_FROM.get(key, 99)
        self.correlation += 1
        self.open[self.correlation] = (key, flex)
        # The client id keeps its short length in flexible headers too.
        head = W().i16(key).i16(version).i32(self.correlation).str("raw")
        head.flex = flex
        self.send_frame(bytes(head.tags().b + body))
        return self.correlation

    def exactly(self, n):
        out = bytearray()
        while len(out) < n:
            try:
                chunk = self.s.recv(n - len(out))
            except ConnectionResetError as e:
                raise Closed from e
            if not chunk:
                raise Closed
            out += chunk
        return bytes(out)

    def recv(self, want=None):
        """The next response's body; checks that it answers `want`, the oldest open request otherwise."""
        frame = R(self.exactly(struct.unpack(">i", self.exactly(4))[0]))
        correlation = frame.i32()
        assert correlation == (want or min(self.open)), "responses out of order"
        key, flex = self.open.pop(correlation)
        frame.flex = flex
        if key != API_VERSIONS:
            frame.tags()
        return frame

    def call(self, key, version, body):
        return self.recv(self.send(key, version, body))

    def silent(self, seconds):
        """Whether nothing arrives for so long and the connection stays open."""
        self.s.settimeout(seconds)
        try:
            return self.s.recv(1, socket.MSG_PEEK) is None
        except TimeoutError:
            return True
        finally:
            self.s.settimeout(20)

    def closed(self):
        """Whether the broker closes within the connection's timeout, sending nothing before."""
        try:
            return self.s.recv(1) == b""
        except ConnectionResetError:
            return True


def body(key, version):
    return W(version >= FLEXIBLE_FROM[key])


# ---- record batches ---------------------------------------------------------------------------------------------
def _table():
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        yield n


_CRC = list(_table())


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def batch(records, ts=None, producer=(-1, -1, -1), attributes=0, compress=None):
    """A v2 batch. Each record is (key, value) or (key, value, timestamp). `producer`: id, epoch, base sequence."""
    now = int(time.time() * 1000) if ts is None else ts
    stamps = [r[2] if len(r) > 2 else now for r in records]
    payload = W()
    for i, r in enumerate(records):
        w = W().i8(0).varint(stamps[i] - stamps[0]).varint(i)
        for field in r[:2]:
            w.varint(-1 if field is None else len(field)).raw(field or b"")
        w.varint(0)
        payload.varint(len(w.b)).raw(w.b)
    data = compress(bytes(payload.b)) if compress else payload.b
    tail = W().i16(attributes).i32(len(records) - 1).i64(stamps[0]).i64(max(stamps))
    tail.i64(producer[0]).i16(producer[1]).i32(producer[2]).i32(len(records)).raw(data)
    return bytes(W().i64(0).i32(len(tail.b) + 9).i32(-1).i8(2).put("I", crc32c(tail.b)).raw(tail.b).b)


def batches(data):
    """Splits fetched bytes into whole batches: dicts of base, last, attributes, first/max timestamp, count."""
    out, r = [], R(data or b"")
    while len(r.b) - r.at >= 12:
        base, size = r.i64(), r.i32()
        if len(r.b) - r.at < size:
            break
        b = R(r.take(size))
        epoch, magic, crc = b.i32(), b.i8(), b.get("I")
        assert magic == 2 and crc == crc32c(b.b[b.at:]), "a batch that does not carry its own checksum"
        attributes, delta, first, largest = b.i16(), b.i32(), b.i64(), b.i64()
        producer = (b.i64(), b.i16(), b.i32())
        out.append(dict(base=base, last=base + delta, epoch=epoch, attributes=attributes, first=first, max=largest,
                        producer=producer, count=b.i32(), size=size + 12))
    return out


# ---- requests ---------------------------------------------------------------------------------------------------
def api_versions(conn, version=3):
    """{key: (min, max)} and the error code."""
    w = body(API_VERSIONS, version)
    if version >= 3:
        w.str("raw").str("1.0").tags()
    r = conn.call(API_VERSIONS, version, w.b)
    return read_api_versions(r)


def finalized_features(conn):
    """{feature: level} that the broker says is switched on (tag 2 of ApiVersions v3)."""
    r = conn.call(API_VERSIONS, 3, body(API_VERSIONS, 3).str("raw").str("1.0").tags().b)
    read_api_versions(r)
    r.i32()
    levels = {}
    for _ in range(r.uvarint()):
        tag, value = r.uvarint(), R(r.take(r.uvarint()), flex=True)
        if tag == 2:
            def feature():
                name = value.str()
                levels[name] = value.i16()
                value.i16()
                value.tags()
            value.array(feature)
    return levels


def read_api_versions(r):
    error, rows = r.i16(), {}

    def row():
        key = r.i16()
        rows[key] = (r.i16(), r.i16())
        r.tags()
    r.array(row)
    return error, rows


def create(conn, name, partitions=1, configs=None, rf=1):
    """Creates a topic (v7): (error code, topic id)."""
    w = body(CREATE_TOPICS, 7)

    def topic(_):
        w.str(name).i32(partitions).i16(rf).array([], None)
        w.array(sorted((configs or {}).items()), lambda c: w.str(c[0]).str(c[1]).tags()).tags()
    w.array([0], topic).i32(20000).i8(0).tags()
    r = conn.call(CREATE_TOPICS, 7, w.b)
    r.i32()
    assert r.length() == 1 and r.str() == name
    topic_id, error = r.take(16), r.i16()
    # The reference answers before its leaders stand.
    for p in range(partitions if error == 0 else 0):
        for _ in range(100):
            if list_offsets(conn, name, -1, partition=p)[0] == 0:
                break
            time.sleep(0.05)
    return error, topic_id


def delete(conn, name):
    """Deletes a topic (v6): the error code."""
    w = body(DELETE_TOPICS, 6)
    w.array([0], lambda _: w.str(name).raw(NO_ID).tags()).i32(20000).tags()
    r = conn.call(DELETE_TOPICS, 6, w.b)
    r.i32()
    assert r.length() == 1 and r.str() == name
    r.take(16)
    return r.i16()


def metadata(conn, names, version=12, auto_create=False):
    """Brokers [(id, host, port)] and topics [dict(error, name, id, partitions)] of a Metadata request."""
    w = body(METADATA, version)
    w.array(names, lambda n: (w.raw(NO_ID) if version >= 10 else w).str(n).tags())
    if version >= 4:
        w.i8(int(auto_create))
    if 8 <= version <= 10:
        w.i8(0)
    if version >= 8:
        w.i8(0)
    r = conn.call(METADATA, version, w.tags().b)
    if version >= 3:
        r.i32()

    def broker():
        row = (r.i32(), r.str(), r.i32())
        if version >= 1:
            r.str()
        r.tags()
        return row
    brokers = r.array(broker)
    if version >= 2:
        r.str()
    if version >= 1:
        r.i32()

    def partition():
        p = dict(error=r.i16(), index=r.i32(), leader=r.i32(), epoch=r.i32() if version >= 7 else -1)
        p["replicas"], p["isr"] = r.array(r.i32), r.array(r.i32)
        if version >= 5:
            r.array(r.i32)
        r.tags()
        return p

    def topic():
        t = dict(error=r.i16(), name=r.str(), id=r.take(16) if version >= 10 else NO_ID)
        if version >= 1:
            r.i8()
        t["partitions"] = r.array(partition)
        if version >= 8:
            r.i32()
        r.tags()
        return t
    topics = r.array(topic)
    if 8 <= version <= 10:
        r.i32()
    if version >= 13:
        assert r.i16() == 0
    r.tags()
    r.end()
    return brokers, topics


def produce_body(version, topic, records, acks=-1, partition=0):
    """`topic` is a name up to v12, an id from v13."""
    w = body(PRODUCE, version)
    w.str(None).i16(acks).i32(20000)

    def one(_):
        w.raw(topic) if version >= 13 else w.str(topic)
        w.array([0], lambda _: w.i32(partition).bytes(records).tags()).tags()
    return w.array([0], one).tags().b


def produce(conn, topic, records, version=9, acks=-1, partition=0):
    """dict(error, base, append_time, log_start, record_errors, message) of the one partition."""
    r = conn.call(PRODUCE, version, produce_body(version, topic, records, acks, partition))
    assert r.length() == 1 and (r.take(16) if version >= 13 else r.str()) == topic
    assert r.length() == 1 and r.i32() == partition
    out = dict(error=r.i16(), base=r.i64(), append_time=r.i64() if version >= 2 else -1)
    out["log_start"] = r.i64() if version >= 5 else -1
    out["record_errors"], out["message"] = [], None
    if version >= 8:
        def each():
            e = (r.i32(), r.str())
            r.tags()
            return e
        out["record_errors"], out["message"] = r.array(each), r.str()
    r.tags()
    r.tags()
    r.i32()
    r.tags()
    r.end()
    return out


def fetch_body(version, partitions, wait=0, min_bytes=1, max_bytes=50 << 20, session=(0, -1), forgotten=()):
    """`partitions`: [(topic, partition, offset, partition_max_bytes)]; topic is a name up to v12, an id from v13."""
    w = body(FETCH, version)
    if version <= 14:
        w.i32(-1)
    w.i32(wait).i32(min_bytes).i32(max_bytes).i8(0)
    if version >= 7:
        w.i32(session[0]).i32(session[1])

    def name(topic):
        w.raw(topic) if version >= 13 else w.str(topic)

    def one(p):
        name(p[0])
        w.length(1).i32(p[1])
        if version >= 9:
            w.i32(-1)
        w.i64(p[2])
        if version >= 12:
            w.i32(-1)
        if version >= 5:
            w.i64(-1)
        w.i32(p[3]).tags().tags()
    w.array(partitions, one)
    if version >= 7:
        w.array(forgotten, lambda p: (name(p[0]), w.array([p[1]], w.i32).tags()))
    if version >= 11:
        w.str("")
    return w.tags().b


def read_fetch(r, version):
    """dict(error, session, partitions=[dict(topic, index, error, hw, stable, start, records)])."""
    r.i32()
    out = dict(error=0, session=0, partitions=[])
    if version >= 7:
        out["error"], out["session"] = r.i16(), r.i32()

    def partition(topic):
        p = dict(topic=topic, index=r.i32(), error=r.i16(), hw=r.i64(), stable=r.i64(), start=-1)
        if version >= 5:
            p["start"] = r.i64()

        def aborted():
            row = (r.i64(), r.i64())
            r.tags()
            return row
        r.array(aborted)
        if version >= 11:
            r.i32()
        p["records"] = r.bytes() or b""
        r.tags()
        out["partitions"].append(p)

    def topic():
        name = r.take(16) if version >= 13 else r.str()
        r.array(lambda: partition(name))
        r.tags()
    r.array(topic)
    r.tags()
    r.end()
    return out


def fetch(conn, partitions, version=12, **options):
    return read_fetch(conn.call(FETCH, version, fetch_body(version, partitions, **options)), version)


def list_offsets(conn, topic, timestamp, version=7, partition=0):
    """(error, timestamp, offset)"""
    w = body(LIST_OFFSETS, version).i32(-1)
    if version >= 2:
        w.i8(0)

    def part(_):
        w.i32(partition)
        if version >= 4:
            w.i32(-1)
        w.i64(timestamp).tags()
    w.array([0], lambda _: w.str(topic).array([0], part).tags())
    if version >= 10:
        w.i32(20000)
    r = conn.call(LIST_OFFSETS, version, w.tags().b)
    if version >= 2:
        r.i32()
    assert r.length() == 1 and r.str() == topic and r.length() == 1 and r.i32() == partition
    return r.i16(), r.i64(), r.i64()


def init_producer_id(conn, version=4):
    """(error, producer id, epoch) for a producer without transactions."""
    w = body(INIT_PRODUCER_ID, version).str(None).i32(60000)
    if version >= 3:
        w.i64(-1).i16(-1)
    w.tags()
    for _ in range(100):
        r = conn.call(INIT_PRODUCER_ID, version, w.b)
        r.i32()
        answer = r.i16(), r.i64(), r.i16()
        if answer[0] != 14:  # COORDINATOR_LOAD_IN_PROGRESS: the reference fetches its first block of ids late
            break
        time.sleep(0.1)
    return answer


def describe_configs(conn, kind, name, keys=None, version=4):
    """(error, {key: dict(value, read_only, source, synonyms, documentation)}); kind 2 topic, 4 broker."""
    w = body(DESCRIBE_CONFIGS, version)
    w.array([0], lambda _: w.i8(kind).str(name).array(keys, w.str).tags()).i8(1)
    if version >= 3:
        w.i8(1)
    r = conn.call(DESCRIBE_CONFIGS, version, w.tags().b)
    r.i32()
    assert r.length() == 1
    error, rows = r.i16(), {}
    r.str(), r.i8(), r.str()

    def synonym():
        row = (r.str(), r.str(), r.i8())
        r.tags()
        return row

    def row():
        key = r.str()
        c = dict(value=r.str(), read_only=r.i8(), source=r.i8(), sensitive=r.i8())
        c["synonyms"] = r.array(synonym)
        if version >= 3:
            c["type"], c["documentation"] = r.i8(), r.str()
        r.tags()
        rows[key] = c
    r.array(row)
    return error, rows
