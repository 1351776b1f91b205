"""Airflow's own REST API, as a person's browser uses it: the same endpoints, the same login, the same refusals."""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
import tenacity

from schemas.errors import SalurError, TryLater

LOG_LINES_SHOWN = 25
FAILED = ("failed", "upstream_failed")
OVER = ("success", *FAILED)


class RunFailed(SalurError):
    """A run of a DAG ended in failure; `do` holds the tail of the failing task's log."""


PATIENCE_SECONDS = 30
ATTEMPTS = 4


class Desk:
    """One user's session with the API server at `url`."""

    def __init__(self, url: str, user: str, password: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self.user = user
        self._again = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_NoAnswer),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=tenacity.wait_exponential_jitter(multiplier=1, max=5),
            sleep=sleep,
            reraise=True,
        )
        # Loopback only: a proxy of the surroundings must not come between.
        self.http = httpx.Client(base_url=f"{url}/api/v2", trust_env=False, timeout=PATIENCE_SECONDS)
        login = self._ask("POST", f"{url}/auth/token", json={"username": user, "password": password})
        self.http.headers["Authorization"] = f"Bearer {login.json()['access_token']}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.http.close()

    def unpause(self, dag_id: str) -> None:
        """Let the runs of a DAG go."""
        self._ask("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def dag_ids(self) -> set[str]:
        """The DAGs that the server knows by now."""
        return {row["dag_id"] for row in self._get("/dags", limit=100)["dags"]}

    def import_errors(self) -> list[str]:
        """DAG files that could not be loaded, with the reason."""
        return [f"{row['filename']}: {row['stack_trace']}" for row in self._get("/importErrors")["import_errors"]]

    def trigger(self, dag_id: str, period: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run by hand for a month; the run's id."""
        body = {"logical_date": None, "partition_key": period, "conf": dict(conf or {})}
        return str(self._ask("POST", f"/dags/{dag_id}/dagRuns", json=body).json()["dag_run_id"])

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """All runs of a DAG, the newest first."""
        return list(self._get(f"/dags/{dag_id}/dagRuns", order_by="-run_after", limit=100)["dag_runs"])

    def failed_run(self) -> tuple[str, str] | None:
        """A run of any DAG that has failed, if there is one."""
        found = self._get("/dags/~/dagRuns", state="failed", limit=1)["dag_runs"]
        return (found[0]["dag_id"], found[0]["dag_run_id"]) if found else None

    def state(self, dag_id: str, run_id: str) -> str:
        """Where a run stands: queued, running, success or failed."""
        return str(self._get(f"/dags/{dag_id}/dagRuns/{quote(run_id)}")["state"])

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances"
        return list(self._get(path, limit=200)["task_instances"])

    def questions(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """What a run asks people and nobody has answered, once its task waits."""
        rows = self._get(f"/dags/{dag_id}/dagRuns/{quote(run_id)}/hitlDetails", response_received=False, limit=100)
        return [row for row in rows["hitl_details"] if row["task_instance"]["state"] == "awaiting_input"]

    def answer(self, question: Mapping[str, Any], option: str, params: Mapping[str, Any] | None = None) -> None:
        """Answer a question as this user: the very request that the button in Required Actions sends.

        Errors: SalurError when Airflow refuses, because the user may not or somebody has answered.
        """
        task = question["task_instance"]
        path = f"/dags/{task['dag_id']}/dagRuns/{quote(task['dag_run_id'])}/taskInstances/{quote(task['task_id'])}"
        body = {"chosen_options": [option], "params_input": dict(params or {})}
        self._ask("PATCH", f"{path}/{task['map_index']}/hitlDetails", json=body)

    def check(self, dag_id: str, run_id: str) -> str:
        """The state of a run.

        Errors: RunFailed as soon as one of its tasks has failed, with the tail of that task's log.
        """
        state = self.state(dag_id, run_id)
        failed = [task for task in self.tasks(dag_id, run_id) if task["state"] == "failed"]
        if failed or state == "failed":
            tail = "\n".join(self.log_tail(failed[0])) if failed else ""
            name = f"{dag_id}.{failed[0]['task_id']}" if failed else dag_id
            raise RunFailed(f"{name} failed.", f"Run {run_id}.", f"The end of its log:\n{tail}")
        return state

    def log_tail(self, task: Mapping[str, Any]) -> list[str]:
        """The last lines of a task's log, with what went wrong in it."""
        path = f"/dags/{task['dag_id']}/dagRuns/{quote(task['dag_run_id'])}/taskInstances/{quote(task['task_id'])}"
        found = self._get(f"{path}/logs/{max(1, task['try_number'])}", map_index=task["map_index"])["content"]
        lines = []
        for line in found if isinstance(found, list) else [{"event": found}]:
            text = str(line.get("event", line)) if isinstance(line, dict) else str(line)
            details = line.get("error_detail") or () if isinstance(line, dict) else ()
            lines.append(" ".join([text, *(f"{each['exc_type']}: {each['exc_value']}" for each in details)]))
        return [line for line in lines if not line.startswith("::")][-LOG_LINES_SHOWN:]

    def _get(self, path: str, **query: Any) -> dict[str, Any]:
        # To look changes nothing: a server that is too busy to answer is asked again.
        return dict(self._again(self._ask, "GET", path, params=query).json())

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            return _checked(self.http.request(method, path, **more))
        except httpx.TransportError as error:
            raise _NoAnswer(
                f"Airflow does not answer to {method} {path}.", type(error).__name__, "Is the machine too busy?"
            ) from None


class _NoAnswer(TryLater):
    """Not even a refusal came back."""


def _checked(response: httpx.Response) -> httpx.Response:
    if response.is_error:
        raise TryLater(
            f"Airflow answers {response.status_code} to {response.request.method} {response.request.url.path}.",
            response.text[:300],
        )
    return response


def wait_for_api(url: str, is_alive: Callable[[], bool], timeout_seconds: float) -> None:
    """Return once the API server, the scheduler and the DAG processor say that they are well.

    Errors: TryLater when `is_alive` says that Airflow ended, or after `timeout_seconds`.
    """
    until = time.monotonic() + timeout_seconds
    while time.monotonic() < until:
        if not is_alive():
            raise TryLater("Airflow ended while it was starting.")
        try:
            health = httpx.get(f"{url}/api/v2/monitor/health", trust_env=False, timeout=5).json()
            if all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor")):
                return
        except (httpx.HTTPError, KeyError, ValueError):
            pass
        time.sleep(0.5)
    raise TryLater(f"Airflow was not up after {timeout_seconds:.0f} s.")
