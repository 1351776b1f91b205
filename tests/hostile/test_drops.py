"""Drops that lie about themselves, cannot be reached or end half-way: refused whole, the home as it was, and a rerun works."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tests.hostile.conditions import files_of_at_most, ordinary_user
from tests.lib.commands import Salur, new_home
from tests.lib.small_drop import nik, people, write_drop

ROWS = {"participants": people(2)["participants"]}
LISTED = {"completions": people(2)["completions"]}


@pytest.fixture(scope="module", name="_home")
def home_made_once(tmp_path_factory: pytest.TempPathFactory) -> Salur:
    """A home that has taken one drop of trainings, so that there is something to be left alone."""
    salur = new_home(tmp_path_factory.mktemp("home") / "home")
    salur.ask("intake", "--source", write_drop(salur.home.parent / "drop", {"trainings": people(1)["trainings"]}))
    return salur


@pytest.fixture
def salur(_home: Salur, tmp_path: Path) -> Salur:
    """A copy of that home."""
    return _home.copy(tmp_path / "home")


@pytest.fixture(scope="module", name="_loaded")
def all_code_loaded(_home: Salur, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What a step imports late is imported: somebody without rights may not be able to read where Python lies."""
    other = _home.copy(tmp_path_factory.mktemp("loaded") / "home")
    other.ask("intake", "--source", write_drop(other.home.parent / "drop", ROWS))
    other.ask("intake", "--source", other.home.parent / "nothing", code=10)
    record(other)


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    """A good drop of two people."""
    return write_drop(tmp_path / "drop", ROWS)


def record(salur: Salur) -> list[str]:
    """All that the ledger says."""
    with closing(sqlite3.connect(f"file:{salur.home / 'ledger.db'}", uri=True)) as connection:
        return list(connection.iterdump())


def archived(salur: Salur) -> list[str]:
    """The names of all that the archive holds."""
    return sorted(path.name for path in (salur.home / "archive").rglob("*") if path.is_file())


def refused(salur: Salur, source: str | Path, code: int, says: str) -> None:
    """Taking `source` ends with the code and these words, without a traceback, and leaves the record as it was."""
    before = record(salur)
    answer = salur("intake", "--source", source)
    assert answer.code == code, answer.err
    assert says in answer.err
    assert "Traceback" not in answer.err
    assert record(salur) == before
    assert not [name for name in archived(salur) if name.endswith(".partial")]


def manifest(folder: Path, **what: Any) -> None:
    """Write a manifest."""
    (folder / "manifest.json").write_text(json.dumps(what))


def _decision(**promise: Any) -> Callable[[Path], None]:
    return lambda folder: manifest(folder, decisions={"SK-1/2020": promise})


def _file(**promise: Any) -> Callable[[Path], None]:
    return lambda folder: manifest(folder, files={"participants.csv": promise})


def _as_text(text: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / "manifest.json").write_text(text)


def _adds_a_file(folder: Path) -> None:
    manifest(write_drop(folder, LISTED), files={"completions.csv": {}})


def _becomes_folder(folder: Path) -> None:
    (folder / "accounts.parquet").mkdir()
    (folder / "accounts.parquet" / "part-0.parquet").write_bytes(b"")


def _cut(folder: Path) -> None:
    data = write_drop(folder / "whole", ROWS, "parquet") / "participants.parquet"
    (folder / "participants-2.parquet").write_bytes(data.read_bytes()[:-30])


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_file(rows=3), "the manifest says 3 rows, the file has 2"),
        (_file(rows="2"), "the manifest says 2 rows"),
        (_file(rows=1e400), "the manifest says inf rows"),
        (_file(sha256="0" * 64), "its SHA-256 differs"),
        (_file(sha256=None), "its SHA-256 differs"),
        (lambda folder: manifest(folder, files={"participants.csv": 2}), "no object of rows and sha256"),
        (lambda folder: manifest(folder, files={"participants.csv": {}, "surveys.csv": {}}), "surveys.csv: it is not"),
        (lambda folder: manifest(folder, files={"../participants.csv": {}}), "it is not in the drop"),
        (_adds_a_file, "does not name it"),
        (_decision(people="3", amount_idr=1), "no whole people and amount_idr"),
        (_decision(people=-1), "no whole people and amount_idr"),
        (_decision(people=2**70), "no whole people and amount_idr"),
        (_decision(people=1.5), "no whole people and amount_idr"),
        (_decision(amount_idr=True), "no whole people and amount_idr"),
        (lambda folder: manifest(folder, decisions={"SK-1/2020": [1]}), "no whole people and amount_idr"),
        (lambda folder: manifest(folder, decisions=[]), "are no objects"),
        (_as_text("{"), "It is no JSON object."),
        (_as_text("[]"), "It is no JSON object."),
        (_as_text("[" * 100_000), "It is no JSON object."),
        (_becomes_folder, "accounts.parquet is a folder."),
        (_cut, "participants-2.parquet cannot be read."),
        (lambda folder: (folder / "participants-2.csv").write_text("id,nik\n1,2\n"), "lacks the column participant_id"),
        (lambda folder: (folder / "participants.csv").unlink(), "There is no source drop"),
        (shutil.rmtree, "There is no source drop"),
    ],
)  # fmt: skip
def test_a_drop_that_cannot_be_trusted_is_refused_before_any_byte_is_taken(
    salur: Salur, drop: Path, spoil: Callable[[Path], Any], says: str
) -> None:
    before = archived(salur)
    spoil(drop)
    refused(salur, drop, 10, says)
    assert archived(salur) == before


def test_after_a_refusal_the_drop_sent_anew_is_taken(salur: Salur, drop: Path) -> None:
    manifest(drop, files={"participants.csv": {"rows": 3}})
    refused(salur, drop, 10, "contradicts its manifest")
    manifest(drop, files={"participants.csv": {"rows": 2}}, decisions={"SK-1/2020": {"people": 2, "amount_idr": 1}})
    assert salur.ask("intake", "--source", drop)["taken"] == 2


def test_a_drop_with_more_people_of_a_decision_than_its_manifest_grants_is_refused(salur: Salur, drop: Path) -> None:
    number = str(ROWS["participants"][0]["sk_number"])
    manifest(drop, decisions={number: {"people": 1, "amount_idr": 1}})
    refused(salur, drop, 10, f"{number}: the manifest grants it to 1 people, the files name 2")
    manifest(drop, decisions={number: {"people": 3, "amount_idr": 1}})  # the third may come later
    assert salur.ask("intake", "--source", drop)["taken"] == 2


def test_rows_that_are_known_already_count_against_a_decision_and_copies_do_not(salur: Salur, tmp_path: Path) -> None:
    salur.ask("intake", "--source", write_drop(tmp_path / "first", ROWS))
    again = write_drop(tmp_path / "again", {"participants": [*ROWS["participants"], *ROWS["participants"]]}, "jsonl")
    number = str(ROWS["participants"][0]["sk_number"])
    manifest(again, decisions={number: {"people": 1, "amount_idr": 1}})
    refused(salur, again, 10, f"{number}: the manifest grants it to 1 people, the files name 2")
    manifest(again, decisions={number: {"people": 2, "amount_idr": 1}})
    assert salur.ask("intake", "--source", again)["repeated"] == 4


@pytest.mark.parametrize(
    ("parts", "promise", "says"),
    [
        (1, {"rows": 3}, "participants: the manifest says 3 rows, the file has 2"),
        (2, {"rows": 3}, "participants: the manifest says 3 rows, its 2 files have 2"),
        (1, {"sha256": "0" * 64}, "participants: its SHA-256 differs"),
        (2, {"sha256": "0" * 64}, "participants: one SHA-256 is given for 2 files"),
    ],
)
def test_a_manifest_that_names_a_table_promises_all_of_its_parts(
    salur: Salur, tmp_path: Path, parts: int, promise: dict[str, Any], says: str
) -> None:
    drop = write_drop(tmp_path / "parts", ROWS, parts=parts)
    manifest(drop, files={"participants": promise})
    refused(salur, drop, 10, says)
    kept = {"sha256": hashlib.sha256((drop / "participants.csv").read_bytes()).hexdigest()} if parts == 1 else {}
    manifest(drop, files={"participants": {"rows": 2, **kept}})
    assert salur.ask("intake", "--source", drop)["taken"] == 2


def test_a_table_that_a_manifest_names_and_that_is_missing_refuses_the_drop(salur: Salur, drop: Path) -> None:
    manifest(drop, files={"participants": {}, "surveys": {"rows": 0}})
    refused(salur, drop, 10, "surveys: it is not in the drop")


def test_a_file_that_turns_out_damaged_half_way_undoes_what_was_taken_of_the_others(salur: Salur, drop: Path) -> None:
    (drop / "surveys.csv").write_text('participant_id,number\nP1,1\nP2,"1\nP3,1\n')
    refused(salur, drop, 10, "A quote is never closed")
    (drop / "surveys.csv").unlink()
    assert salur.ask("intake", "--source", drop)["taken"] == 2


@pytest.mark.parametrize("source", ["nothing://here", "", "/dev/null", "/proc/self/mem"])
def test_an_address_that_is_none_is_refused(salur: Salur, source: str) -> None:
    refused(salur, source, 10, "source")


def test_links_that_lead_nowhere_or_in_a_circle_are_said(salur: Salur, drop: Path) -> None:
    (drop / "accounts.csv").symlink_to("accounts.csv")
    refused(salur, drop, 14, "accounts.csv cannot be read.")
    (drop / "accounts.csv").unlink()
    (drop / "accounts.csv").symlink_to("gone.csv")
    refused(salur, drop, 14, "accounts.csv cannot be read.")


def test_a_file_that_is_no_table_is_passed_over_and_named(salur: Salur, drop: Path) -> None:
    (drop / "peserta.csv").write_text("a,b\n")
    (drop / "participants.csv.gz").write_bytes(b"\x1f\x8b")
    warnings = salur.ask("intake", "--source", drop)["warnings"]
    assert [line for line in warnings if "passed over" in line] == [
        "participants.csv.gz is no table of a drop and was passed over",
        "peserta.csv is no table of a drop and was passed over",
    ]


def test_parts_may_have_other_columns_in_another_order(salur: Salur, tmp_path: Path) -> None:
    folder = write_drop(tmp_path / "parts", ROWS, parts=2)
    (folder / "participants-0001.csv").write_text("wave,participant_id\n3,CONTOH0002\n")
    assert salur.ask("intake", "--source", folder)["taken"] == 2


# --- sources that are not a folder, and that go away ------------------------------------------------------------------


class Fleeting(MemoryFileSystem):  # type: ignore[misc]
    """A store in memory of which files can be opened so many times; after that `then` happens."""

    protocol = "fleeting"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    opened: ClassVar[int]
    then: ClassVar[Callable[[str], bytes]]

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("fleeting://", "memory://")))

    def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
        Fleeting.opened -= 1
        if Fleeting.opened < 0 and mode == "rb":
            self.pipe_file(path, Fleeting.then(path))
        return super()._open(path, mode, **kwargs)


def _goes_away(path: str) -> bytes:
    raise ConnectionResetError(104, "Connection reset by peer")


@pytest.fixture
def stored(drop: Path) -> Iterator[str]:
    """The drop in that store."""
    fsspec.register_implementation("fleeting", Fleeting, clobber=True)
    Fleeting.opened = 10**6
    files = fsspec.filesystem("fleeting")
    files.pipe({f"/drop/{path.name}": path.read_bytes() for path in drop.iterdir()})
    yield "fleeting://drop"
    files.store.clear()


def test_a_drop_in_a_store_is_taken_like_a_folder(salur: Salur, stored: str) -> None:
    assert salur.ask("intake", "--source", stored)["taken"] == 2


@pytest.mark.parametrize("opened", range(5))
def test_a_source_that_goes_away_is_tried_later_and_leaves_nothing(
    salur: Salur, stored: str, monkeypatch: pytest.MonkeyPatch, opened: int
) -> None:
    monkeypatch.setattr(Fleeting, "then", staticmethod(_goes_away), raising=False)
    Fleeting.opened = opened
    refused(salur, stored, 14, "Connection reset by peer")


@pytest.mark.parametrize("opened", [1, 2, 3, 4])
def test_a_source_that_is_written_to_while_it_is_read_is_not_taken(
    salur: Salur, stored: str, monkeypatch: pytest.MonkeyPatch, opened: int
) -> None:
    changed = write_drop(salur.home.parent / "other", {"participants": people(3)["participants"][1:]})
    data = (changed / "participants.csv").read_bytes()
    monkeypatch.setattr(Fleeting, "then", staticmethod(lambda path: data), raising=False)
    Fleeting.opened = opened
    refused(salur, stored, 14, "changed while it was read")


# --- a home that cannot be written ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_loaded")
def test_a_source_that_may_not_be_read_is_said(salur: Salur, drop: Path) -> None:
    (drop / "participants.csv").chmod(0)
    with ordinary_user(salur.home.parent):
        refused(salur, drop, 14, "participants.csv cannot be read.")


@pytest.mark.usefixtures("_loaded")
def test_a_read_only_home_is_left_as_it_was(salur: Salur, drop: Path) -> None:
    before = record(salur)
    for path in (salur.home, *salur.home.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    with ordinary_user(salur.home.parent):
        answer = salur("intake", "--source", drop)
    assert (answer.code, "Traceback" in answer.err) == (14, False), answer.err
    for path in (salur.home, *salur.home.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)
    assert record(salur) == before
    assert salur.ask("intake", "--source", drop)["taken"] == 2


@pytest.mark.parametrize("size", [100, 20_000, 60_000, 100_000])
def test_a_full_disk_stops_intake_with_nothing_half_written(salur: Salur, tmp_path: Path, size: int) -> None:
    big = write_drop(tmp_path / "big", {"participants": [_numbered(n) for n in range(600)]})
    before = record(salur)
    with files_of_at_most(size):
        answer = salur("intake", "--source", big)
    assert (answer.code, "Traceback" in answer.err) == (14, False), answer.err
    assert record(salur) == before
    assert not [name for name in archived(salur) if name.endswith(".partial")]
    assert salur.ask("intake", "--source", big)["taken"] == 600


def _numbered(number: int) -> dict[str, Any]:
    return {**people(1)["participants"][0], "participant_id": f"CONTOH{number}", "nik": nik(number % 90)}
