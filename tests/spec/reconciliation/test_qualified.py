"""Which training a payment counts for: the one behind the person's first tranche, whatever is paid later."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ledger import landing, store
from ledger.house import House
from ledger.instants import to_micros
from ledger.parquet import put_table
from reconciliation.reports.qualified import qualifications, trainings
from schemas.tables import TABLES
from tests.lib.small_home import AT, small_home

PEOPLE = ["P1", "P2", "P3", "P4"]


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = small_home(tmp_path)
    _catalogue(house, ("T1", "Judul", "Lembaga A", "Katalog"), ("T2", "", "", ""))
    return house


def _catalogue(house: House, *rows: tuple[str, str, str, str], at: datetime | None = None) -> None:
    names = ("training_id", "title", "provider", "platform")
    _land(house, "trainings", [{**dict(zip(names, row, strict=True)), "recorded_at": at} for row in rows])


def _complete(house: House, completion: str, training: str, platform: str | None = None, **more: Any) -> None:
    _land(house, "completions", [{"completion_id": completion, "training_id": training, "platform": platform, **more}])


def _land(house: House, name: str, rows: list[dict[str, Any]]) -> None:
    with house.store.transaction() as connection:
        for row in rows:
            told = {key: to_micros(value) if isinstance(value, datetime) else value for key, value in row.items()}
            arrived = {"row_mac": repr(row), "drop_id": "D", "source_file": "f", "row": 1}
            whole = dict.fromkeys(landing.columns(name)) | told | arrived
            store.insert(connection, landing.TABLES[name], [whole])


def _decide(house: House, period: str, *rows: tuple[str, int, str | None], benefit: str = "incentive") -> None:
    """Decisions of a period: participant, sequence, completion."""
    told = [
        {
            "participant_id": who, "benefit": benefit, "sequence": n, "period": period, "decision": "due", "reasons": "",
            "amount_idr": 600_000, "completion_id": completion,
        }
        for who, n, completion in rows
    ]  # fmt: skip
    key = put_table(house.archive, pa.Table.from_pylist(told, schema=TABLES["decisions.v1"].schema))
    with house.store.transaction() as connection:
        seq = store.next_seq(connection, store.entitlement_runs)
        run = {"seq": seq, "run_id": f"E{seq}", "period": period, "cut_off": to_micros(AT), "at": to_micros(AT)}
        more = {"archive_key": key, "row_count": len(told), "details": "{}"}
        store.insert(connection, store.entitlement_runs, [run | more])


def _found(house: House, period: str = "2020-12", people: list[str] = PEOPLE) -> dict[str, tuple[str | None, ...]]:
    with house.store.reading() as connection:
        rows = qualifications(connection, house.archive, period, pa.chunked_array([people])).to_pylist()
    return {row["participant_id"]: (row["completion_id"], row["training_id"], row["platform"]) for row in rows}


def test_a_later_tranche_counts_for_the_training_behind_the_first(house: House) -> None:
    _complete(house, "C1", "T1", "Toko A")
    _decide(house, "2020-11", ("P1", 1, "C1"))
    _decide(house, "2020-12", ("P1", 2, None))
    assert _found(house) == {"P1": ("C1", "T1", "Toko A")}


def test_of_two_decisions_about_tranche_1_the_later_names_the_training(house: House) -> None:
    _complete(house, "C1", "T1", "Toko A")
    _complete(house, "C2", "T2", "Toko B")
    _decide(house, "2020-11", ("P1", 1, "C1"))
    _decide(house, "2020-12", ("P1", 1, "C2"))
    assert _found(house) == {"P1": ("C2", "T2", "Toko B")}
    assert _found(house, "2020-11") == {"P1": ("C1", "T1", "Toko A")}


def test_the_decision_in_force_counts_and_not_one_that_a_later_run_replaced(house: House) -> None:
    _complete(house, "C2", "T1", "Toko B")
    _decide(house, "2020-12", ("P1", 1, "C1"))
    _decide(house, "2020-12", ("P1", 1, "C2"))
    assert _found(house)["P1"][0] == "C2"


def test_the_platform_is_the_completion_s_own_else_the_catalogue_s(house: House) -> None:
    _complete(house, "C1", "T1", "Toko A")
    _complete(house, "C2", "T1", "")
    _complete(house, "C3", "T2")
    _decide(house, "2020-12", ("P1", 1, "C1"), ("P2", 1, "C2"), ("P3", 1, "C3"))
    assert [platform for _, _, platform in _found(house).values()] == ["Toko A", "Katalog", None]


def test_who_has_no_known_completion_has_no_row_and_a_completion_that_is_not_there_has_no_training(
    house: House,
) -> None:
    _decide(house, "2020-12", ("P1", 1, "C9"), ("P2", 2, None))
    _decide(house, "2020-12", ("P1", 1, "C9"), ("P2", 2, None))
    assert _found(house) == {"P1": ("C9", None, None)}


def test_a_survey_names_no_completion_and_is_not_asked(house: House) -> None:
    _complete(house, "C1", "T1", "Toko A")
    _decide(house, "2020-12", ("P1", 1, "C1"), benefit="survey")
    assert _found(house) == {}


def test_the_row_of_a_completion_or_training_that_stands_is_the_one_recorded_last(house: House) -> None:
    early, late = datetime(2020, 11, 1, tzinfo=UTC), datetime(2020, 11, 2, tzinfo=UTC)
    _complete(house, "C1", "T2", "Toko B", recorded_at=late)
    _complete(house, "C1", "T1", "Toko A", recorded_at=early)
    _catalogue(house, ("T2", "Judul baru", "Lembaga B", ""), at=late)
    _decide(house, "2020-12", ("P1", 1, "C1"))
    assert _found(house) == {"P1": ("C1", "T2", "Toko B")}
    with house.store.reading() as connection:
        (named,) = trainings(connection, pa.chunked_array([["T2"]])).to_pylist()
    assert named == {"training_id": "T2", "title": "Judul baru", "provider": "Lembaga B"}


def test_an_empty_name_is_not_known(house: House) -> None:
    with house.store.reading() as connection:
        (named,) = trainings(connection, pa.chunked_array([["T2", None]], pa.string())).to_pylist()
    assert named == {"training_id": "T2", "title": None, "provider": None}
