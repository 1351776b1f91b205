"""A whole Airflow of its own in one folder: for the demonstration, for rehearsals and for tests, never for production."""

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from schemas.errors import TryLater
from treasury.desk.rest import Desk, wait_for_api

USERS = "maker:op,checker:op,auditor:viewer,admin:admin"
"""Who can log in, and as what. Only `checker` may release; `auditor` may look at everything and touch nothing."""
CHECKERS = "checker"
START_SECONDS_MAX = 300.0
STOP_SECONDS_MAX = 10.0
_WARM = "import treasury.desk.warm  # noqa: F401\n"
_ROOT = Path(__file__).resolve().parents[2]


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on now, all different."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def airflow_environment(
    folder: Path, home: Path, at: datetime, port: int, log_ports: list[int], database: str | None = None
) -> dict[str, str]:
    """The surroundings of an Airflow that knows nothing of any other: its folder, its ports, our DAGs and no examples."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    path = os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", "")])
    settings = {
        "CORE__DAGS_FOLDER": str(_ROOT / "dags"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__PARALLELISM": "4",
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": USERS,
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__BASE_URL": f"http://127.0.0.1:{port}",
        "API__WORKERS": "1",
        "LOGGING__WORKER_LOG_SERVER_PORT": str(log_ports[0]),
        "LOGGING__TRIGGER_LOG_SERVER_PORT": str(log_ports[1]),
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
        "SALUR__CHECKERS": CHECKERS,
        "SALUR__REHEARSAL": "True",
        "SALUR__CLOCK_SHIFT_SECONDS": str((at - datetime.now(UTC)).total_seconds()),
        "SALUR__POKE_SECONDS": "60",
    }
    if database is not None:
        settings["DATABASE__SQL_ALCHEMY_CONN"] = database
    return {
        **inherited,
        **{f"AIRFLOW__{name}": value for name, value in settings.items()},
        "AIRFLOW_HOME": str(folder),
        "SALUR_HOME": str(home),
        "PATH": path,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",
    }


@dataclass
class Standalone:
    """A running `airflow standalone`: where it answers, and the process that leads its group."""

    folder: Path
    url: str
    process: subprocess.Popen[bytes]

    def login(self, user: str) -> Desk:
        """A session of one of `USERS`."""
        return Desk(self.url, user, self.password(user))

    def password(self, user: str) -> str:
        """The password that Airflow drew for a user when it first started."""
        drawn = json.loads((self.folder / "simple_auth_manager_passwords.json.generated").read_text())
        return str(drawn[user])

    def stop(self) -> None:
        """End it and everything that it started."""
        stop_group(self.process.pid)
        self.process.wait()


def start(folder: Path, home: Path, at: datetime, database: str | None = None) -> Standalone:
    """Start Airflow in `folder` for the Salur home `home`, whose clock starts at `at`; return once it answers.

    `database` is the DSN of Airflow's own tables; a SQLite file in the folder, when none is given.

    Errors: TryLater when it does not come up; whatever was started is ended first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config").mkdir(exist_ok=True)
    (folder / "config" / "airflow_local_settings.py").write_text(_WARM)
    port, *log_ports = free_ports(3)
    environment = airflow_environment(folder, home, at, port, log_ports, database)
    log = folder / "standalone.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "airflow"), "standalone"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    airflow = Standalone(folder, f"http://127.0.0.1:{port}", process)
    try:
        wait_for_api(airflow.url, lambda: process.poll() is None, START_SECONDS_MAX)
    except BaseException as error:
        airflow.stop()
        if not isinstance(error, TryLater):
            raise
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        raise TryLater(error.what, f"The end of {log}:\n{tail}", "Free memory or ports, then try again.") from None
    return airflow


def stop_group(leader: int) -> None:
    """End what a leader started in its session, itself too, also when it has died before: asked first, then made to."""
    family = [psutil.Process(pid) for pid in processes() if session(pid) == leader]
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for process in family:
            _signal(process, sign)
        _, family = psutil.wait_procs(family, timeout=STOP_SECONDS_MAX)
        if not family:
            return


def processes() -> list[int]:
    """The ids of all processes that run now."""
    return list(psutil.pids())


def session(pid: int) -> int | None:
    """The leader of a process's session; None when it is gone or not ours to see."""
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _signal(process: psutil.Process, sign: signal.Signals) -> None:
    try:
        process.send_signal(sign)
    except psutil.NoSuchProcess:
        return
