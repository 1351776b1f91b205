"""What the files in `docker/` may say: facts that neither hadolint nor Compose's schema can see, and those two as well.

No engine is needed here. tests/integration/test_containers.py runs what the containers would run.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts import part_of_lock
from tests.lib.compose import COMPOSE, DOCKER, ROOT, airflow_settings, composition, services

BIN = Path(sys.executable).parent
ONCE = {"init", "salur"}
"""Services that end by themselves; all others stay up."""


def run(*command: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **more)


def copied() -> list[str]:
    """What the Dockerfile takes from the folder of the project."""
    lines = re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+) \S+$", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)
    return [source for line in lines for source in line.split()]


def sent_to_the_builder(path: str) -> bool:
    """As .dockerignore says: the last line that fits decides, and what holds for a folder holds for what is in it."""
    is_sent = True
    parents = [path, *(str(parent) for parent in Path(path).parents if str(parent) != ".")]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if (
            line
            and not line.startswith("#")
            and any(Path(one).match(pattern) for one in parents if _depth(one, pattern))
        ):
            is_sent = line.startswith("!")
    return is_sent


def _depth(path: str, pattern: str) -> bool:
    return "**" in pattern or path.count("/") == pattern.count("/")


# --- the image ---------------------------------------------------------------------------------------------------------


def test_the_dockerfile_is_clean_in_the_eyes_of_hadolint() -> None:
    done = run(BIN / "hadolint", DOCKER / "Dockerfile")
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.parametrize(
    "script", [*sorted(DOCKER.glob("*.sh")), *sorted((ROOT / "scripts").glob("*.sh")), ROOT / ".ci" / "run"], ids=str
)
def test_every_shell_script_is_clean_in_the_eyes_of_shellcheck(script: Path) -> None:
    done = run(BIN / "shellcheck", "--severity=warning", script)
    assert (done.stdout, done.returncode) == ("", 0)


def test_everything_that_is_copied_exists_and_is_sent_to_the_builder() -> None:
    assert copied()
    assert [source for source in copied() if not (ROOT / source).exists()] == []
    assert [source for source in copied() if not sent_to_the_builder(source)] == []


def test_every_room_is_in_the_image() -> None:
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert rooms - set(copied()) == set()


@pytest.mark.parametrize(
    "private", [".git/config", ".venv/bin/python", "docker/secrets/airflow_jwt", "var/demo", "tests"]
)
def test_nothing_private_is_sent_to_the_builder(private: str) -> None:
    assert not sent_to_the_builder(private)


def test_the_image_gets_whatever_it_needs_of_the_lock_and_no_tool() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    chosen = part_of_lock.needed(lock, part_of_lock.runtime_roots((ROOT / "pyproject.toml").read_text()))
    asked = [one for name in chosen if _is_installed(name) for one in metadata.requires(name) or ()]
    missing = {
        canonicalize_name(one.name)
        for one in map(Requirement, asked)
        if one.marker is None or one.marker.evaluate({"extra": ""})
    } - chosen.keys()
    assert len(chosen) > 100
    assert missing == set()
    assert {"mypy", "moto", "playwright", "pytest", "ruff", "uv"} & chosen.keys() == set()


def _is_installed(name: str) -> bool:
    return any(True for _ in metadata.distributions(name=name))


def test_a_part_of_a_lock_is_what_is_there_for_the_sake_of_its_roots() -> None:
    hash_line = "    --hash=sha256:00\n"
    lock = "".join(
        f"{name}==1 \\\n{hash_line}    # via{via}\n"
        for name, via in {
            "asked": " ours",
            "below": "\n    #   asked\n    #   tool",
            "tool": " ours",
            "deep": " below",
        }.items()
    )
    assert list(part_of_lock.needed(lock, {"asked"})) == ["asked", "below", "deep"]
    assert list(part_of_lock.needed(lock, {"tool"})) == ["below", "tool", "deep"]


# --- the composition ---------------------------------------------------------------------------------------------------


def test_the_composition_fits_its_published_schema() -> None:
    done = run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", services())
def test_a_part_has_no_right_that_it_does_not_need(name: str) -> None:
    part = services()[name]
    assert part["cap_drop"] == ["ALL"]
    assert part["read_only"] is True
    assert "no-new-privileges:true" in part["security_opt"]
    assert "privileged" not in part
    assert "network_mode" not in part
    assert not part.get("cap_add") or name == "postgres"  # which takes hold of a new data folder before it steps down


@pytest.mark.parametrize("name", services())
def test_a_part_is_bounded_and_its_health_is_asked_for(name: str) -> None:
    part = services()[name]
    assert re.fullmatch(r"\d+g", part["mem_limit"])
    assert part["logging"]["options"]["max-size"]
    if name in ONCE:
        assert part["restart"] == "no"
    else:
        assert part["restart"] == "unless-stopped"
        assert part["healthcheck"]["test"][0] == "CMD"


def test_nothing_listens_beyond_this_machine() -> None:
    ports = [port for part in services().values() for port in part.get("ports", ())]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_the_database_is_reached_from_inside_alone() -> None:
    assert services()["postgres"]["networks"] == ["record"]
    assert composition()["networks"]["record"] == {"internal": True}


def test_the_parts_wait_for_the_database_and_for_what_is_made_in_it() -> None:
    waiting = {name: part.get("depends_on", {}) for name, part in services().items()}
    assert waiting["init"] == {"postgres": {"condition": "service_healthy"}}
    unready = [name for name in waiting if name not in ("postgres", "init")]
    assert [name for name in unready if waiting[name]["init"]["condition"] != "service_completed_successfully"] == []


def test_every_volume_network_and_secret_that_a_part_names_is_declared_and_every_declared_one_is_used() -> None:
    for kind in ("networks", "secrets"):
        used = {name for part in services().values() for name in part.get(kind, ())}
        assert used == set(composition()[kind])
    mounted = {volume.partition(":")[0] for part in services().values() for volume in part.get("volumes", ())}
    assert {name for name in mounted if name[0] not in "./$"} == set(composition()["volumes"])


def test_a_part_that_runs_no_task_sees_neither_the_home_nor_the_ledger() -> None:
    sees_home = {name for name, part in services().items() if any("home:" in one for one in part.get("volumes", ()))}
    sees_ledger = {name for name, part in services().items() if "postgres_salur" in part.get("secrets", ())}
    assert sees_home == {"api-server", "banks", "init", "salur", "scheduler"}
    owns_ledger = {name for name, part in services().items() if "postgres_salur_owner" in part.get("secrets", ())}
    assert sees_ledger == {"api-server", "init", "postgres", "salur", "scheduler"}
    assert owns_ledger == {"init", "postgres"}


def test_no_secret_is_said_in_the_composition() -> None:
    assert "password=" not in COMPOSE.read_text().lower()
    assert re.search(r"//[^/\s]*:[^/\s]*@", COMPOSE.read_text()) is None


def test_a_part_reads_only_secrets_that_it_was_given() -> None:
    for name, part in services().items():
        given = set(part.get("secrets", ()))
        named = set(re.findall(r"/run/secrets/(\w+)", json.dumps(part.get("environment", {}))))
        assert named <= given, name


def test_every_setting_of_airflow_is_one_that_airflow_or_our_desk_knows() -> None:
    spec = importlib.util.find_spec("airflow")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    described = Path(spec.submodule_search_locations[0], "config_templates/config.yml").read_text()
    options = yaml.load(described, Loader=yaml.CSafeLoader)
    known = {(part, name): about for part, more in options.items() for name, about in more["options"].items()}
    ours = "".join(path.read_text() for folder in ("dags", "treasury") for path in (ROOT / folder).rglob("*.py"))
    known |= {("salur", name): {} for name in re.findall(r'conf\.get\w*\(\s*"salur", "(\w+)"', ours)}
    for section, name in airflow_settings():
        plain = name.removesuffix("_cmd")
        assert (section, plain) in known
        assert plain == name or known[section, plain]["sensitive"], "only a sensitive option is read from a command"


# --- secrets -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    run("sh", DOCKER / "secrets.sh", tmp_path / "secrets").check_returncode()
    return tmp_path / "secrets"


def test_every_secret_of_the_composition_is_drawn_once_and_kept(secrets: Path) -> None:
    declared = composition()["secrets"]
    assert {path.name for path in secrets.iterdir()} == {Path(one["file"]).name for one in declared.values()}
    before = {path.name: path.read_text() for path in secrets.iterdir()}
    assert len(set(before.values())) == len(before)
    assert run("sh", DOCKER / "secrets.sh", secrets).stdout == ""
    assert {path.name: path.read_text() for path in secrets.iterdir()} == before
    assert secrets.stat().st_mode & 0o777 == 0o700


def test_every_user_of_airflow_has_a_password_so_that_none_is_drawn_into_a_log(secrets: Path) -> None:
    users = services()["api-server"]["environment"]["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"]
    passwords = json.loads((secrets / "airflow_passwords").read_text())
    assert {user.partition(":")[0] for user in users.split(",")} == set(passwords)
    assert len(set(passwords.values())) == len(passwords)


def test_the_passwords_of_the_database_come_to_a_file_that_libpq_accepts(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "postgres_salur").write_text(r"with:colon\and backslash")
    environment = {
        "PATH": "/usr/bin:/bin",
        "AIRFLOW_HOME": str(tmp_path / "a"),
        "SALUR_SECRETS": str(tmp_path / "secrets"),
    }
    done = run(
        "sh", DOCKER / "entrypoint.sh", "sh", "-c", 'stat -c %a "$PGPASSFILE"; cat "$PGPASSFILE"', env=environment
    )
    assert done.stdout.splitlines() == ["600", r"*:*:*:salur:with\:colon\\and backslash"]


# --- health ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["api-server", "scheduler", "dag-processor", "triggerer", "banks"])
def test_a_part_that_does_not_answer_is_not_healthy_and_says_why(part: str, tmp_path: Path) -> None:
    environment = {
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": "http://127.0.0.1:9/execution/",
        "SALUR_BANKS": str(tmp_path),
    }
    done = run(sys.executable, DOCKER / "health.py", part, env=environment)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{part}: ")


def test_every_health_check_asks_about_its_own_part() -> None:
    asked = {name: part["healthcheck"].get("test", [])[1:] for name, part in services().items()}
    assert asked.pop("postgres")[0] == "pg_isready"
    up = {name: words for name, words in asked.items() if name not in ONCE}
    assert up == {name: ["python", "/opt/salur/health.py", name] for name in up}
