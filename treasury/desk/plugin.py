"""What Airflow loads of ours into each of its processes. It must stay small: the scheduler imports it too."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseDeadlineReference


class RunStart(BaseDeadlineReference):
    """A deadline counted from the moment that a run was created.

    Airflow 3.3.2 has `DAGRUN_QUEUED_AT` for nearly that, but clearing a task of a run with such a deadline fails with
    an internal error (`timedelta(seconds=...)` of a dict), just when somebody wants to run it again.
    """

    def _evaluate_with(self, **_context: Any) -> datetime:
        return datetime.now(UTC)


class SalurPlugin(AirflowPlugin):
    """Registered by the entry point `airflow.plugins` of this package."""

    name = "salur"
    deadline_references: ClassVar[list[Any]] = [RunStart]
