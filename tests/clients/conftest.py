"""The session's broker (KQ_BROKER: kqd or kafka), its Java process, and fresh topic names."""
import itertools
import os

import pytest

from broker import Broker
from jvm import Jvm

KIND = os.environ.get("KQ_BROKER", "kqd")
_numbers = itertools.count()


@pytest.fixture(scope="session")
def kind():
    return KIND


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    b = Broker(KIND, tmp_path_factory.mktemp("broker"))
    try:
        yield b.start()
    finally:
        b.close()


@pytest.fixture(scope="session")
def both(tmp_path_factory, broker):
    """The broker under test and the reference."""
    reference = Broker("kafka", tmp_path_factory.mktemp("reference"))
    try:
        yield broker, reference.start()
    finally:
        reference.close()


@pytest.fixture
def own_broker(tmp_path):
    """own_broker(settings) starts a broker for this test alone."""
    started = []

    def make(settings=None, host="127.0.0.1"):
        b = Broker(KIND, tmp_path / "own", settings, host)
        started.append(b)
        return b.start()
    yield make
    for b in started:
        b.close()


@pytest.fixture(scope="session")
def jvm(tmp_path_factory):
    j = Jvm(tmp_path_factory.mktemp("jvm"))
    yield j
    j.close()


@pytest.fixture
def topic(request):
    """A name no other test uses."""
    return f"{request.node.originalname.removeprefix('test_')[:60]}-{next(_numbers)}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    b = getattr(item, "funcargs", {}).get("broker")
    if report.failed and b is not None:
        report.sections.append((f"{b.kind} said last", b.tail()))
    return report
