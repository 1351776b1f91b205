"""A source drop from a training platform's HTTP interface, taken as `salur intake` takes it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.lib.commands import Salur, new_home
from tests.lib.platform_server import Fault, PlatformServer, platform_server
from tests.lib.records import decided, taken
from tests.lib.small_drop import nik, people, write_drop

CONFIGURED = """
[sources.contoh]
url = "{url}"
token_file = "keys/contoh.token"
page_rows = {rows}
"""


@pytest.fixture
def server() -> Iterator[PlatformServer]:
    with platform_server(PlatformServer(people(12))) as running:
        yield running


@pytest.fixture(scope="module", name="_home")
def home_made_once(tmp_path_factory: pytest.TempPathFactory) -> Salur:
    """An empty home."""
    return new_home(tmp_path_factory.mktemp("home") / "home")


@pytest.fixture
def salur(_home: Salur, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Salur:
    """A copy of it; what is put down on the way lies below the test's own folder."""
    spool = tmp_path / "tmp"
    spool.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spool))
    return _home.copy(tmp_path / "home")


def configure(salur: Salur, server: PlatformServer, rows: int = 5, token: str | None = None) -> None:
    """The platform as the source `contoh` of the home."""
    (salur.home / "keys" / "contoh.token").write_text(f"{token or server.token}\n")
    config = salur.home / "salur.toml"
    config.write_text(config.read_text() + CONFIGURED.format(url=server.url, rows=rows))


def refused(salur: Salur, code: int, says: str) -> None:
    """Taking the source ends with the code and these words; nothing was taken and nothing is left behind."""
    before = taken(salur)
    answer = salur("intake", "--source", "contoh")
    assert (answer.code, says in answer.err) == (code, True), answer.err
    assert "Traceback" not in answer.err
    assert taken(salur) == before
    assert list(Path(tempfile.gettempdir()).iterdir()) == []


def test_a_platform_gives_the_same_record_as_its_files(salur: Salur, server: PlatformServer, tmp_path: Path) -> None:
    server.tables = {name: rows[::-1] for name, rows in server.tables.items()}
    configure(salur, server)
    result = salur.ask("intake", "--source", "contoh")
    assert (result["taken"], result["quarantined"]) == (12 * 3 + 1, 0)
    by_files = new_home(tmp_path / "other")
    by_files.ask("intake", "--source", write_drop(tmp_path / "drop", people(12)))
    assert decided(salur) == decided(by_files)


def test_the_record_names_the_source_and_nothing_secret(salur: Salur, server: PlatformServer) -> None:
    configure(salur, server)
    answer = salur("intake", "--source", "contoh")
    assert answer.code == 0
    events = salur.home / "events.csv"
    salur.ask("export", "events", "--out", events)
    said = answer.out + answer.err + events.read_text()
    assert [word for word in (server.token, nik(1), "PESERTA CONTOH") if word in said] == []


def test_an_address_takes_its_token_from_the_environment(
    salur: Salur, server: PlatformServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALUR_SOURCE_TOKEN", server.token)
    assert salur.ask("intake", "--source", f"{server.url}/v1/")["taken"] == 37


def test_a_drop_taken_twice_changes_nothing(salur: Salur, server: PlatformServer) -> None:
    configure(salur, server)
    first = salur.ask("intake", "--source", "contoh")
    record = taken(salur)
    again = salur.ask("intake", "--source", "contoh")
    assert (again["taken"], again["drop_id"] == first["drop_id"]) == (0, True)
    assert taken(salur) == record


def test_a_platform_on_a_bad_day_gives_the_same(salur: Salur, server: PlatformServer) -> None:
    configure(salur, server)
    server.faults = [Fault(503), Fault(), Fault(429, {"Retry-After": "0"}), Fault(is_cut=True)]
    assert salur.ask("intake", "--source", "contoh")["taken"] == 37


def test_a_page_that_comes_twice_is_harmless(salur: Salur, server: PlatformServer) -> None:
    server.tables["completions"] = [row for row in server.tables["completions"] for _ in range(2)]
    configure(salur, server)
    result = salur.ask("intake", "--source", "contoh")
    assert (result["taken"], result["repeated"]) == (37, 12)


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        (Fault(401), 10, "answers 401 to /v1/trainings"),
        (Fault(body=b'{"rows": [{"nik"'), 10, "cannot be used"),
        (Fault(429, {"Retry-After": "7200"}), 14, "answers 429"),
    ],
    ids=["401", "broken", "rate limit"],
)
def test_a_platform_that_fails_half_way_leaves_nothing_behind(
    salur: Salur, server: PlatformServer, fault: Fault, code: int, says: str
) -> None:
    configure(salur, server)
    server.faults = [*[Fault()] * 6, fault]  # after both tables of people
    refused(salur, code, says)
    assert nik(1).encode() not in b"".join(path.read_bytes() for path in salur.home.rglob("*") if path.is_file())


def test_cursors_that_go_in_a_circle_are_refused(salur: Salur, server: PlatformServer) -> None:
    page: dict[str, Any] = {"rows": server.page(server.tables["participants"], {})["rows"], "next_cursor": "5"}
    server.answer = lambda asked: (200, page)  # type: ignore[method-assign]
    configure(salur, server)
    refused(salur, 10, "in a circle")


def test_tables_that_are_not_there_are_absent_and_one_must_be(salur: Salur, server: PlatformServer) -> None:
    server.tables = {}
    configure(salur, server)
    refused(salur, 10, "There is no source drop at contoh.")


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"participants": {"rows": 11}}, "the manifest says 11 rows"),
        ({"participants": {"rows": 12}}, "the manifest does not name it"),
        ({"surveys": {"rows": 1}}, "it is not in the drop"),
    ],
)
def test_a_drop_that_contradicts_its_manifest_is_refused(
    salur: Salur, server: PlatformServer, files: dict[str, Any], says: str
) -> None:
    server.manifest = {"files": files}
    configure(salur, server)
    refused(salur, 10, says)


def test_a_drop_that_its_manifest_describes_is_taken(salur: Salur, server: PlatformServer) -> None:
    server.manifest = {"files": {name: {"rows": len(rows)} for name, rows in server.tables.items()}}
    configure(salur, server)
    assert salur.ask("intake", "--source", "contoh")["taken"] == 37


def test_a_source_whose_secret_is_missing_is_named_and_not_asked(salur: Salur, server: PlatformServer) -> None:
    configure(salur, server)
    (salur.home / "keys" / "contoh.token").unlink()
    refused(salur, 10, "The secret of source contoh cannot be read.")
    assert server.asked == []


def asked_after(server: PlatformServer, name: str = "completions") -> list[str | None]:
    """From when on a table was asked for, each time its first page was."""
    firsts = [asked for asked in server.asked if asked.path == f"/v1/{name}" and "cursor" not in asked.params]
    return [asked.params.get("recorded_after") for asked in firsts]


def test_only_what_is_new_is_asked_for_with_a_day_of_overlap(salur: Salur, server: PlatformServer) -> None:
    configure(salur, server)
    salur.ask("intake", "--source", "contoh")
    first = server.tables["completions"][0]
    late = first | {"completion_id": "C-LATE", "recorded_at": first["recorded_at"] - timedelta(hours=23)}
    undated = first | {"completion_id": "C-UNDATED", "recorded_at": None}
    server.tables["completions"] = [*server.tables["completions"], late, undated]
    assert salur.ask("intake", "--source", "contoh")["taken"] == 2
    assert asked_after(server) == [None, "2020-06-02T02:00:00+00:00"]
    assert asked_after(server, "participants") == [None, None]


def test_all_rows_are_asked_for_when_told_so(salur: Salur, server: PlatformServer) -> None:
    configure(salur, server)
    salur.ask("intake", "--source", "contoh")
    first = server.tables["completions"][0]
    forgotten = first | {"completion_id": "C-OLD", "recorded_at": first["recorded_at"] - timedelta(days=30)}
    server.tables["completions"] = [*server.tables["completions"], forgotten]
    assert salur.ask("intake", "--source", "contoh")["taken"] == 0
    assert salur.ask("intake", "--source", "contoh", "--full")["taken"] == 1
    assert asked_after(server)[-1] is None


def test_a_platform_that_leaves_the_instant_aside_is_as_right(salur: Salur, server: PlatformServer) -> None:
    server.is_filtering = False
    server.manifest = {"files": {name: {"rows": len(rows)} for name, rows in server.tables.items()}}
    configure(salur, server)
    salur.ask("intake", "--source", "contoh")
    assert salur.ask("intake", "--source", "contoh")["taken"] == 0


def test_a_manifest_that_speaks_of_all_rows_is_no_contradiction_when_few_were_asked_for(
    salur: Salur, server: PlatformServer
) -> None:
    server.manifest = {"files": {name: {"rows": len(rows)} for name, rows in server.tables.items()}}
    configure(salur, server)
    salur.ask("intake", "--source", "contoh")
    for row in server.tables["completions"][1:]:
        row["recorded_at"] -= timedelta(days=3)
    salur.ask("intake", "--source", "contoh")


def test_what_was_not_taken_is_asked_for_again(salur: Salur, server: PlatformServer) -> None:
    server.manifest = {"decisions": {"SK-CONTOH/2020": {"people": 1}}}
    configure(salur, server)
    refused(salur, 10, "the manifest grants it to 1 people")
    server.manifest = None
    assert salur.ask("intake", "--source", "contoh")["taken"] == 37
    assert asked_after(server) == [None, None]


def test_an_instant_that_has_not_come_yet_does_not_move_the_mark(salur: Salur, server: PlatformServer) -> None:
    wrong = server.tables["completions"][0] | {"recorded_at": datetime(2999, 1, 1, tzinfo=UTC)}
    server.tables["completions"] = [wrong, *server.tables["completions"][1:]]
    configure(salur, server)
    salur.ask("intake", "--source", "contoh")
    salur.ask("intake", "--source", "contoh")
    assert asked_after(server) == [None, "2020-06-02T02:00:00+00:00"]


def test_the_doctor_looks_at_every_source_and_names_it(salur: Salur, server: PlatformServer) -> None:
    configure(salur, server)
    config = salur.home / "salur.toml"
    config.write_text(f'{config.read_text()}\n[sources.map]\nurl = "nothing"\n')
    looked = {row["what"]: row for row in salur.ask("doctor", code=10)["checks"]}
    assert looked["source contoh"]["found"] == "offers participants, accounts, trainings, completions"
    assert looked["source map"]["found"].startswith("There is no source drop in map.")
    server.token = "another"
    found = {row["what"]: row for row in salur.ask("doctor", code=10)["checks"]}["source contoh"]
    assert (found["ok"], "answers 401" in found["found"]) == (False, True)
