"""The records every client writes and reads: a function of their number, the same here and in java/Records.java.

Shapes, by what the writer can express: `full` (null keys, tombstones, headers with nulls, own timestamps), `stamped`
(no null header values), `console` (nor own timestamps: the client's clock), `kcat` (one fixed header, the client's clock).
"""
COUNT = 100_000
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
BASE_MS = 1_700_000_000_000


def key(i):
    return None if i % 10 == 7 else b"key-%d" % (i * 2654435761 % 1000003)


def value(i):
    return None if i % 13 == 5 and i % 10 != 7 else b"value-%d-%s" % (i, bytes([97 + i % 26]) * (i * 31 % 120))


def headers(i, shape="full"):
    if shape == "kcat":
        return [("src", b"kcat")]
    nulls = shape == "full"
    return [(f"h{j}", None if nulls and (i + j) % 5 == 0 else b"v%d-%d" % (i, j)) for j in range(i % 4)]


def timestamp(i):
    """Mostly rising, with steps back."""
    return BASE_MS + i * 3 - i % 7 * 10


class Checker:
    """Fed every record of a topic in order of offset per partition, says at the first one that differs."""

    def __init__(self, shape, partitions, since_ms=0, until_ms=0):
        self.shape, self.partitions, self.since, self.until = shape, partitions, since_ms, until_ms
        self.next, self.seen = [0] * partitions, 0

    def add(self, partition, offset, stamp, k, v, h):
        assert offset == self.next[partition], f"partition {partition}: offset {offset} after {self.next[partition] - 1}"
        self.next[partition] += 1
        self.seen += 1
        i = offset * self.partitions + partition
        want = (key(i), value(i), headers(i, self.shape))
        assert (k, v, h) == want, f"record {i}: {(k, v, h)} is not {want}"
        if self.shape in ("full", "stamped"):
            assert stamp == timestamp(i), f"record {i}: timestamp {stamp} is not {timestamp(i)}"
        else:
            assert self.since <= stamp <= self.until, f"record {i}: timestamp {stamp} is outside {self.since}..{self.until}"

    def done(self, count=COUNT):
        assert self.seen == count, f"{self.seen} of {count} records"
