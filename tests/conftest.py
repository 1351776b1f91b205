"""The rules of the suite: what cannot run is never silent, chance is repeatable, and fixtures that every folder may use."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.lib.databases import Database, Server, shared_server
from tests.lib.needs import KNOWN, missing
from tests.lib.ports import free_port
from tests.lib.sshd import SshServer, ssh_server

# Few and repeatable where somebody waits for the answer; many and different every night.
_CALM = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("quick", max_examples=40, derandomize=True, deadline=None, suppress_health_check=_CALM)
settings.register_profile("nightly", max_examples=2000, deadline=None, print_blob=True, suppress_health_check=_CALM)
settings.load_profile("quick")

MEMORY_BYTES_MIN = 2 * 2**30
MUST_RUN = os.environ.get("CI", "").lower() in {"1", "true", "yes"}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Looks for what the test needs before any fixture starts."""
    for marker in item.iter_markers("needs"):
        for what in marker.args:
            if what not in KNOWN:
                pytest.fail(f"nobody knows the need {what!r}; tests/lib/needs.py lists them", pytrace=False)
            if reason := missing(what):
                # Listed by name at the end of the run; under CI=true it is a failure.
                pytest.skip(f"needs {what}: {reason}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Under CI=true a test that was skipped has failed."""
    report = yield
    return _failed_if_skipped(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    """Under CI=true a file of tests that was skipped has failed."""
    report = yield
    return _failed_if_skipped(report)


def _failed_if_skipped(report):  # type: ignore[no-untyped-def]
    if MUST_RUN and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"must run under CI=true: {_reason(report)}"
    return report


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def pytest_configure() -> None:
    """Temporary files lie in memory where there is room and programs may run from there; whoever names a place gets that.

    A ledger, an archive and a bank's folder sync each file that they write, and no test is about what a disk then does.
    """
    memory = Path("/dev/shm")
    if "TMPDIR" in os.environ or not memory.is_dir() or not os.access(memory, os.W_OK):
        return
    if shutil.disk_usage(memory).free >= MEMORY_BYTES_MIN and not os.statvfs(memory).f_flag & os.ST_NOEXEC:
        tempfile.tempdir = os.environ["TMPDIR"] = str(memory)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Lists by name what could not run here."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section("could not run here (fails under CI=true)")
        for report in sorted(skipped, key=lambda one: one.nodeid):
            terminalreporter.write_line(f"{report.nodeid}: {_reason(report)}")


@pytest.fixture
def banks_err_in_silence() -> Iterator[None]:
    """What banks send in a simulated world is wrong on purpose; nobody reads of it in a log."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def sftp_server(tmp_path: Path) -> Iterator[SshServer]:
    """A running OpenSSH server with an empty folder. The test bears `@pytest.mark.needs("openssh")`."""
    with ssh_server(tmp_path / "sshd") as server:
        yield server


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The PostgreSQL server of this session of tests. The test bears `@pytest.mark.needs("postgresql")`."""
    mine = tmp_path_factory.getbasetemp()
    with shared_server(mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine) as server:
        yield server


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))])
def database(request: pytest.FixtureRequest) -> Database:
    """The databases that a ledger can be kept in: a test that asks for it runs once on each."""
    return Database(request.getfixturevalue("postgresql") if request.param == "postgresql" else None)


@pytest.fixture
def dsn(database: Database, tmp_path: Path) -> Iterator[str]:
    """The DSN of a ledger of its own on each database; on PostgreSQL its tables are made already."""
    with database.ledger(tmp_path) as found:
        yield found


@pytest.fixture
def empty_dsn(database: Database, tmp_path: Path) -> Iterator[str]:
    """The DSN of a ledger of its own on each database, without tables."""
    with database.ledger(tmp_path, made=False) as found:
        yield found


@pytest.fixture(name="free_port")
def free_port_fixture() -> Callable[[], int]:
    """Gives a free loopback port at each call."""
    return free_port
