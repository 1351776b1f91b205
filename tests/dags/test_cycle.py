"""A month through a real Airflow, against simulated banks on real SFTP, with a second person who is tested too."""

import json
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlparse

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from disbursement import steps as paying
from ledger import queries, store
from schemas.errors import SalurError
from tests.lib.browser import answer, logged_in
from tests.lib.compose import DOCKER
from tests.lib.small_drop import people, write_drop
from treasury import demo
from treasury.desk import standalone
from treasury.desk.rest import Desk
from treasury.house import init_house, open_house

pytestmark = [
    pytest.mark.needs("airflow", "chromium"),
    pytest.mark.slow,
]
PEOPLE = 300
WAIT_SECONDS_MAX = 240


@dataclass
class Story:
    """What was seen while the month ran."""

    stage: demo.Stage
    url: str = ""
    refused: dict[str, str] = field(default_factory=dict)
    after_marking: dict[str, Any] = field(default_factory=dict)
    asked_again: list[str] = field(default_factory=list)
    digests_shown: dict[str, str] = field(default_factory=dict)
    marked: str = ""
    rejected: str = ""
    clicked: str = ""
    last_states: dict[str, str] = field(default_factory=dict)
    leaders: list[int] = field(default_factory=list)
    health: dict[str, str] = field(default_factory=dict)


def until(is_so: Callable[[], Any]) -> Any:
    """What `is_so` returns once it is true."""
    end = time.monotonic() + WAIT_SECONDS_MAX
    while not (found := is_so()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(1)
    return found


def path_of(task: dict[str, Any]) -> str:
    return f"/dags/{task['dag_id']}/dagRuns/{quote(task['dag_run_id'])}/taskInstances/{task['task_id']}/{task['map_index']}"


def batch_of(question: dict[str, Any]) -> str:
    return str(question["task_instance"]["rendered_fields"]["batch"])


def consents(stage: demo.Stage) -> list[dict[str, Any]]:
    with open_house(stage.home).store.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(store.consents)).mappings()]


def batch_states(stage: demo.Stage) -> dict[str, str]:
    return {row["batch"]: row["state"] for row in queries.batches(open_house(stage.home).store, demo.PERIOD)}


def try_to_answer(story: Story, airflow: standalone.Standalone, question: dict[str, Any]) -> None:
    for user in ("auditor", "maker", "admin"):
        with airflow.login(user) as desk:
            try:
                desk.answer(question, "Approve")
            except SalurError as error:
                story.refused[user] = error.what


def mark_a_success(story: Story, desk: Desk, run_id: str, task: dict[str, Any]) -> None:
    """A person marks the release a success in the UI; its submission then runs, and what is left is noted."""
    desk.http.patch(path_of(task), json={"new_state": "success"}).raise_for_status()

    def submission() -> Any:
        tasks = [each for each in desk.tasks("disburse", run_id) if each["task_id"] == "channel.submit"]
        mine = [each for each in tasks if each["map_index"] == task["map_index"]]
        return mine[0]["state"] if mine and mine[0]["state"] in ("failed", "success") else None

    story.after_marking = {
        "submission": until(submission),
        "consents": consents(story.stage),
        "batch": batch_states(story.stage)[story.marked],
    }


def clear(desk: Desk, run_id: str, task: dict[str, Any]) -> None:
    body = {
        "dry_run": False,
        "dag_run_id": run_id,
        "task_ids": [[task["task_id"], task["map_index"]]],
        "include_downstream": True,
        "only_failed": False,
    }
    desk.http.post("/dags/disburse/clearTaskInstances", json=body).raise_for_status()


def answer_in_the_browser(story: Story, airflow: standalone.Standalone, questions: list[dict[str, Any]]) -> None:
    """The checker approves one batch by its button alone, and rejects another with a reason."""
    by_batch = {batch_of(each): each for each in questions}
    story.clicked = min(set(by_batch) - {story.marked, story.rejected})
    with logged_in(airflow.url, "checker", airflow.password("checker")) as page:
        for batch, button, reason in ((story.clicked, "Approve", None), (story.rejected, "Reject", "salah daftar")):
            story.digests_shown[batch] = by_batch[batch]["body"]
            answer(page, airflow.url, by_batch[batch]["subject"], button, reason)


def release(story: Story, airflow: standalone.Standalone, cycle: demo.Cycle) -> None:
    """Everything that can be done to a release, then the release."""
    desk = cycle.desk
    run_id = desk.trigger("disburse", demo.PERIOD)
    questions = cycle.questions(run_id)
    time.sleep(5)  # until Airflow has settled the asking
    first, second = questions[:2]
    story.marked, story.rejected = batch_of(first), batch_of(second)
    try_to_answer(story, airflow, first)
    mark_a_success(story, desk, run_id, first["task_instance"])
    time.sleep(5)  # Airflow's scheduler ends when a task is cleared while it looks at what follows the one that failed
    clear(desk, run_id, first["task_instance"])
    story.asked_again = until(
        lambda: [batch_of(each) for each in desk.questions("disburse", run_id) if batch_of(each) == story.marked]
    )
    time.sleep(5)
    answer_in_the_browser(story, airflow, desk.questions("disburse", run_id))

    def answer_all() -> bool:
        with airflow.login("checker") as checker:
            for question in checker.questions("disburse", run_id):
                story.digests_shown[batch_of(question)] = question["body"]
                checker.answer(question, "Approve")
        return desk.state("disburse", run_id) in ("success", "failed")

    until(answer_all)


def health(airflow: standalone.Standalone, banks: Path) -> dict[str, str]:
    """What the health checks of the containers say of the parts that run now."""
    known = {"AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{airflow.url}/execution/", "SALUR_BANKS": str(banks)}
    parts = ("api-server", "scheduler", "dag-processor", "triggerer", "banks")
    return {
        part: subprocess.run(
            [sys.executable, DOCKER / "health.py", part], env=known, capture_output=True, text=True, check=False
        ).stdout.strip()
        for part in parts
    }


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    stage = demo.Stage(tmp_path_factory.mktemp("cycle"))
    told = Story(stage)
    say = demo.Progress()
    with ExitStack() as stack:
        demo.salur(stage, "init")
        demo.salur(stage, "simulate", "people", "--count", str(PEOPLE), "--seed", "7", "--out", str(stage.drop))
        banks = demo.start_banks(stage)
        stack.callback(standalone.stop_group, banks.pid)
        airflow = standalone.start(stage.airflow, stage.home, demo.AT)
        stack.callback(airflow.stop)
        told.url, told.leaders = airflow.url, [banks.pid, airflow.process.pid]
        with airflow.login("maker") as desk:
            cycle = demo.Cycle(say, stage, airflow, banks, desk)
            cycle.load_dags()
            cycle.run("disburse")  # a morning on which nobody is due ends well too
            cycle.run("intake", {"source": str(stage.drop)})
            release(told, airflow, cycle)
            cycle.collect()
            until(lambda: desk.runs("answers")[0]["state"] == "success")
            told.health = health(airflow, stage.folder / "banks")
            told.last_states = {dag_id: desk.runs(dag_id)[0]["state"] for dag_id in demo.DAGS}
    return told


def test_every_dag_runs_to_the_end(story: Story) -> None:
    assert story.last_states == dict.fromkeys(demo.DAGS, "success")


def test_the_health_checks_of_the_containers_see_that_every_part_works(story: Story) -> None:
    parts = ("api-server", "scheduler", "dag-processor", "triggerer")
    assert story.health == {part: f"{part}: healthy" for part in parts} | {"banks": "banks: 6 banks answer"}


def test_a_viewer_the_maker_and_even_an_admin_cannot_release(story: Story) -> None:
    assert set(story.refused) == {"auditor", "maker", "admin"}
    assert all("403" in reason for reason in story.refused.values())


def test_marking_a_release_a_success_releases_nothing_and_the_submission_says_so(story: Story) -> None:
    assert story.after_marking == {"submission": "failed", "consents": [], "batch": "drafted"}


def test_a_release_that_is_cleared_is_asked_about_again(story: Story) -> None:
    assert story.asked_again == [story.marked]


def test_a_consent_names_who_answered_in_airflow_and_the_digest_that_was_shown(story: Story) -> None:
    given = {row["subject"]: row for row in consents(story.stage)}
    assert set(given) == set(story.digests_shown) - {story.rejected}
    for batch, row in given.items():
        assert (row["person"], row["via"]) == ("checker", "airflow")
        assert row["digest"] in story.digests_shown[batch]


def test_the_buttons_of_airflows_page_can_be_pressed_with_no_reason_typed(story: Story) -> None:
    assert story.clicked in {row["subject"] for row in consents(story.stage)}


def test_a_rejected_batch_is_withdrawn_for_the_reason_typed_and_never_sent(story: Story) -> None:
    with open_house(story.stage.home).store.reading() as connection:
        events = sa.select(store.events.c.details).where(store.events.c.subject == story.rejected)
        assert any("salah daftar" in details for details in connection.scalars(events))
    found = batch_states(story.stage)
    assert found.pop(story.rejected) == "withdrawn"
    assert not {"drafted", "released", "submitted", "unknown"} & set(found.values())


def test_the_month_has_a_report_and_an_evidence_pack(story: Story) -> None:
    assert {".html", ".xlsx", ".zip"} <= {path.suffix for path in story.stage.report.iterdir()}


def test_only_identifiers_travel_between_tasks(story: Story) -> None:
    airflow = sqlite3.connect(f"file:{story.stage.airflow / 'airflow.db'}?mode=ro", uri=True)
    values = [json.loads(row[0]) for row in airflow.execute("select value from xcom where key = 'return_value'")]
    assert values
    for value in values:
        for each in value if isinstance(value, list) else [value]:
            assert isinstance(each, str), value
            assert len(each) <= 80
            assert " " not in each


def test_logs_of_airflow_hold_nothing_personal(story: Story) -> None:
    import pyarrow.parquet as pq

    people = pq.read_table(next(story.stage.drop.glob("participants*.parquet")), columns=["nik", "kk", "name"])
    accounts = pq.read_table(next(story.stage.drop.glob("accounts*.parquet")), columns=["account_number"])
    personal = {value for column in (*people.columns, *accounts.columns) for value in column.to_pylist() if value}
    logged = "\n".join(path.read_text(errors="replace") for path in story.stage.airflow.rglob("*.log"))
    assert logged
    assert not [value for value in personal if len(value) > 9 and value in logged]


def test_nothing_is_left_running(story: Story) -> None:
    assert not [pid for pid in standalone.processes() if standalone.session(pid) in story.leaders]
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", urlparse(story.url).port or 0)) != 0


def test_the_demonstration_is_made_in_a_folder_of_its_own(tmp_path: Path) -> None:
    assert demo.fresh_folder(tmp_path).folder.parent == tmp_path.resolve()


def test_whoever_was_refused_has_another_account_verified_since_in_the_demonstration_s_second_drop(
    tmp_path: Path,
) -> None:
    stage = demo.Stage(tmp_path)
    init_house(stage.home, demo.AT)
    paying.fund(open_house(stage.home, demo.AT, "rina"), 600_000, "SP2D-CONTOH-1")
    write_drop(stage.drop, people(2), form="parquet", parts=2)
    folder = demo.relinked(stage, {"participant_id": "CONTOH0002"})
    (new,) = pq.read_table(folder / "accounts.parquet").to_pylist()
    old = people(2)["accounts"][1]
    changed = {name: new[name] for name in old if new[name] != old[name]}
    assert changed == {"version": 2, "account_number": old["account_number"][:-4] + "5002", "verified_at": demo.AT}
