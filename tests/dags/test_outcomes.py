"""The DAG that tells people what became of their payments: what its task does, and that no money waits for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

import dags.outcomes
from ledger.house import House
from schemas.errors import TryLater
from tests.lib.small_home import drafted, small_home


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A home with three instructions, which the environment names."""
    made = small_home(tmp_path)
    drafted(made)
    monkeypatch.setenv("SALUR_HOME", str(made.path))
    return made


def configure(house: House, folder: str) -> None:
    with (house.path / "salur.toml").open("a", encoding="utf-8") as stream:
        stream.write(f'\n[outcomes.{folder.replace("/", "-").replace(".", "-")}]\nfolder = "{folder}"\n')


def tell() -> Any:
    return dags.outcomes.outcomes().get_task("tell").python_callable()


def test_where_nobody_is_to_be_told_it_is_a_skip(house: House) -> None:
    with pytest.raises(AirflowSkipException):
        tell()


def test_what_is_news_is_told_and_a_second_run_tells_nothing(house: House) -> None:
    configure(house, "told")
    for _ in range(2):
        tell()
        assert sorted(path.name for path in (house.path / "told").iterdir()) == [
            "outcomes-000001.csv", "outcomes-000001.manifest.json", "outcomes-000001.parquet"
        ]  # fmt: skip


def test_an_outlet_out_of_reach_fails_the_task_so_that_it_is_tried_again_and_the_others_are_told(house: House) -> None:
    configure(house, "salur.toml/no-folder")
    configure(house, "told")
    with pytest.raises(TryLater):
        tell()
    assert (house.path / "told" / "outcomes-000001.manifest.json").exists()


def test_nothing_that_moves_money_waits_for_it() -> None:
    dag = dags.outcomes.outcomes()
    assert [task.task_id for task in dag.tasks] == ["tell"]
    assert [asset for task in dag.tasks for asset in (*task.outlets, *task.inlets)] == []
