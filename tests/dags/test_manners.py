"""The manners that every DAG keeps: a file orders steps, is a runbook in two languages, and retries the network alone."""

import ast
import importlib
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, Param, RetryAction
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization

from schemas.errors import CheckFailed, InputRejected, PersonNeeded, ProofFailed, TryLater
from treasury.desk import manners, release

FOLDER = Path(__file__).parents[2] / "dags"
EXPECTED = {"intake", "disburse", "answers", "collect", "reconcile", "close", "outcomes"}
SIDE = {"intake": "disbursement", "disburse": "disbursement"}
MAY_IMPORT = {"airflow", "datetime", "disbursement", "reconciliation", "treasury", "typing"}


def load(name: str) -> DAG:
    """The DAG that a file makes when Airflow reads it: its last line calls the function of its own name."""
    module = importlib.import_module(f"dags.{name}")
    last = ast.parse((FOLDER / f"{name}.py").read_text()).body[-1]
    assert ast.unparse(last) == f"{name}()"
    dag: DAG = getattr(module, name)()
    return dag


every_dag = pytest.mark.parametrize("name", sorted(EXPECTED))


def test_the_folder_holds_the_dags_of_the_cycle_and_no_others() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} - {"__init__"} == EXPECTED


@every_dag
def test_a_dag_is_named_after_its_file_and_says_which_side_it_is_on(name: str) -> None:
    dag = load(name)
    assert dag.dag_id == name
    assert dag.tags == {"salur", SIDE.get(name, "reconciliation")}


@every_dag
def test_a_dag_file_is_short_and_imports_no_table_no_sql_and_no_connection(name: str) -> None:
    text = (FOLDER / f"{name}.py").read_text()
    assert len(text.splitlines()) < 80
    tree = ast.parse(text)
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom | ast.Import)]
    for node in imported:
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        assert {each.partition(".")[0] for each in names} <= MAY_IMPORT
    assert not {"Variable", "Connection", "BaseHook"} & {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    at_top = [node.module for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert not {"disbursement", "reconciliation"} & set(at_top), (
        "steps are imported when a task runs, not when a file loads"
    )


@every_dag
def test_a_dag_has_a_runbook_in_indonesian_first_and_english_beside_it(name: str) -> None:
    indonesian, english = (load(name).doc_md or "").split("\n---\n")
    assert indonesian.strip().startswith("**")
    assert english.strip().startswith("**")
    assert {"dan", "yang"} <= set(indonesian.split())
    assert {"the", "and"} <= set(english.split())


@every_dag
def test_every_task_keeps_the_shared_manners(name: str) -> None:
    for task in load(name).tasks:
        assert task.owner == "treasury"
        assert task.retry_policy is manners.NETWORK_ONLY, task.task_id
        assert task.retries == manners.DEFAULT_ARGS["retries"]


@every_dag
def test_a_dag_does_not_catch_up_and_survives_being_stored_by_the_scheduler(name: str) -> None:
    dag = load(name)
    assert not dag.catchup
    stored = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    assert stored.timetable.partitioned


@every_dag
@pytest.mark.parametrize("period", ["2020-13", "2020-00", "2020-7", "20-07", "2020-07-01", "٢٠٢٠-07"])
def test_a_period_that_is_no_month_is_refused_before_anything_runs(name: str, period: str) -> None:
    param = Param(period, **load(name).params.get_param("period").schema)
    with pytest.raises(ParamValidationError):
        param.resolve()


@every_dag
@pytest.mark.parametrize("period", ["2020-07", "2021-12", None])
def test_a_month_or_none_at_all_is_a_period(name: str, period: str | None) -> None:
    assert Param(period, **load(name).params.get_param("period").schema).resolve() == period


class Run:
    """Of a run, only its key."""

    def __init__(self, partition_key: str | None) -> None:
        self.partition_key = partition_key


def context(key: str | None, period: str | None = None) -> dict[str, Any]:
    return {"dag_run": Run(key), "params": {"period": period}}


def test_the_month_of_a_run_is_its_partition_key_or_its_param() -> None:
    assert manners.period_of(context("2020-07")) == "2020-07"
    assert manners.period_of(context(None, "2020-08")) == "2020-08"
    assert manners.period_of(context("2020-08", "2020-08")) == "2020-08"


@pytest.mark.parametrize(
    "key, period", [(None, None), ("2020-07", "2020-08"), ("bni", None), ("2020-13", None), ("2020-07\n", None)]
)
def test_a_run_about_no_month_or_two_fails_at_once(key: str | None, period: str | None) -> None:
    with pytest.raises(AirflowFailException):
        manners.period_of(context(key, period))


@pytest.mark.parametrize(
    "error, action",
    [
        (TryLater("bni is out of reach"), RetryAction.RETRY),
        (PersonNeeded("not released"), RetryAction.FAIL),
        (CheckFailed("a check stopped it"), RetryAction.FAIL),
        (ProofFailed("an equation does not hold"), RetryAction.FAIL),
        (InputRejected("the drop contradicts its manifest"), RetryAction.FAIL),
        (ConnectionError("which a step should have named"), RetryAction.FAIL),
    ],
)
def test_only_what_is_out_of_reach_is_tried_again(error: Exception, action: RetryAction) -> None:
    assert manners.NETWORK_ONLY.evaluate(error, try_number=1, max_tries=5).action is action


def test_nobody_may_release_where_no_checker_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__SALUR__CHECKERS", raising=False)
    with pytest.raises(AirflowFailException, match="no checker is configured"):
        release.checkers()


def test_checkers_are_named_by_id_or_by_id_and_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__SALUR__CHECKERS", "budi, 7:Siti Aminah")
    assert release.checkers() == [{"id": "budi", "name": "budi"}, {"id": "7", "name": "Siti Aminah"}]


@pytest.mark.parametrize(
    "event",
    [
        {"chosen_options": ["Approve"], "responded_by_user": None},
        {"chosen_options": [], "responded_by_user": {"id": "budi", "name": "budi"}},
        {"chosen_options": ["Approve", "Reject"], "responded_by_user": {"id": "budi", "name": "budi"}},
        {"chosen_options": ["Approve"], "responded_by_user": {"id": "maker", "name": "maker"}},
    ],
)
def test_an_answer_of_nobody_of_two_minds_or_of_no_checker_is_no_consent(
    event: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__SALUR__CHECKERS", "budi")
    monkeypatch.setenv("SALUR_HOME", "/nowhere")
    operator = release.ReleaseOperator(task_id="release", batch="B1")
    with pytest.raises(AirflowFailException, match="about batch B1"):
        operator.execute_complete({}, event, shown="0" * 64)
