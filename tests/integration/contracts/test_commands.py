"""The commands that treasury's scripts are written against, and what every command owes to whoever calls it."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.lib.commands import PERIOD, Salur, call
from treasury import terminal
from treasury.cli import app

ROOT = Path(__file__).resolve().parents[3]
# Rename or remove nothing here without a new version beside the old one.
PROMISED = {
    "init": "--ledger --archive",
    "intake": "--source",
    "entitle": "--period --as-of",
    "fund": "--amount --reference --on --budget-year --corrects --as",
    "money": "--at-date --period --fiscal-year",
    "instruct": "--period --as --execution-date",
    "batches": "--period",
    "release": "batch --as --digest",
    "reject": "batch --as --reason",
    "submit": "--bank --to",
    "collect": "--bank",
    "receive": "file --bank",
    "reconcile": "--period",
    "hold": "participant --reason",
    "unhold": "participant --reason",
    "stop": "--reason",
    "resume": "",
    "exceptions list": "",
    "exceptions assign": "break_id --as",
    "exceptions comment": "break_id --as",
    "exceptions resolve": "break_id --as",
    "exceptions approve": "break_id --as",
    "report": "--period --out",
    "verify": "pack",
    "export": "table --period --out",
    "explain": "participant",
    "status": "--period",
    "doctor": "",
    "run": "--period --source",
    "simulate people": "--count --seed --out",
    "simulate banks": "",
}
SILENT = [
    ("status",),
    ("batches", "--period", PERIOD),
    ("batches", "--period", "2020-6"),
    ("batches", "--nonsense"),
    ("nonsense",),
    ("release", "no-such-batch", "--as", "budi", "--digest", "0"),
    ("explain", "CONTOH0001"),
    ("submit",),
]


def leaves(command: Any, path: str = "") -> dict[str, Any]:
    """Every command that does something, by the words that call it."""
    if not hasattr(command, "commands"):
        return {path: command}
    return {
        name: leaf for word, each in command.commands.items() for name, leaf in leaves(each, f"{path} {word}").items()
    }


COMMANDS = {name.strip(): command for name, command in leaves(typer.main.get_command(app)).items()}


@pytest.mark.parametrize("name", PROMISED)
def test_a_promised_command_takes_its_promised_words_and_json(name: str) -> None:
    taken = {word for parameter in COMMANDS[name].params for word in [*parameter.opts, parameter.name]}
    assert {*PROMISED[name].split(), "--json"} <= taken


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_shows_an_example_of_it(name: str) -> None:
    answer = call(*name.split(), "--help")
    assert answer.code == 0
    example = answer.out.partition("Example:")[2]
    assert f"salur {name}" in " ".join(example.split()) or (name == "init" and "salur" in example)


def test_the_page_of_commands_is_what_the_commands_say_of_themselves() -> None:
    written = runpy.run_path(str(ROOT / "scripts" / "build_commands.py"))["page"]()
    assert (ROOT / "docs" / "commands.md").read_text(encoding="utf-8") == written
    assert [name for name in COMMANDS if f"### `salur {name}`" not in written] == []


@pytest.mark.parametrize("words", SILENT, ids=" ".join)
def test_with_json_standard_output_is_one_object_whatever_happens(instructed: Salur, words: tuple[str, ...]) -> None:
    answer = instructed(*words, "--json")
    assert isinstance(json.loads(answer.out), dict)
    assert answer.code != 1
    if answer.code:
        error = json.loads(answer.out)["error"]
        assert error["exit_code"] == answer.code
        assert error["what"]


def test_progress_goes_to_the_other_stream(empty: Salur, drop_of_twelve: Path) -> None:
    answer = empty("intake", "--source", drop_of_twelve, "--json")
    assert json.loads(answer.out)["taken"] == 12 * 3 + 1
    assert answer.out.count("\n") == 1
    assert "participants.csv" in answer.err


def test_the_home_is_the_option_then_the_environment_then_var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def home_of(*words: str) -> Path:
        return Path(json.loads(call(*words, "init", "--json").out)["home"]).absolute()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SALUR_HOME", str(tmp_path / "named"))
    assert home_of("--home", "given") == tmp_path / "given"
    assert home_of() == tmp_path / "named"
    monkeypatch.delenv("SALUR_HOME")
    assert home_of() == tmp_path / "var"
    assert (tmp_path / "var" / "salur.toml").is_file()


def test_at_sets_the_clock_of_every_event(instructed: Salur, tmp_path: Path) -> None:
    instructed.ask("stop", "--reason", "uji", at="2020-07-02T09:30:00+07:00")
    instructed.ask("export", "events", "--out", tmp_path / "events.csv")
    stop = (tmp_path / "events.csv").read_text(encoding="utf-8").splitlines()[-1]
    assert "2020-07-02T02:30:00.000000Z" in stop


@pytest.mark.parametrize("words", [("--help",), ("batches", "--json")], ids=" ".join)
def test_a_quick_command_loads_neither_airflow_nor_great_expectations(
    instructed: Salur, words: tuple[str, ...]
) -> None:
    program = (
        "import sys\nfrom treasury import terminal\nfrom treasury.cli import app\n"
        "code = terminal.run(app, sys.argv[1:])\n"
        "heavy = {'airflow', 'great_expectations'} & set(sys.modules)\n"
        "sys.exit(f'{code} {heavy}' if code or heavy else 0)\n"
    )
    home = ["--home", str(instructed.home), "--at", instructed.at]
    done = subprocess.run(
        [sys.executable, "-c", program, *home, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert words == ("--help",) or len(json.loads(done.stdout)["batches"]) == 6


def test_whoever_reads_only_the_first_lines_ends_no_command_as_a_bug(instructed: Salur) -> None:
    words = f"'{sys.executable}' -m treasury.cli --home '{instructed.home}' batches"
    done = subprocess.run(
        ["bash", "-c", f"{words} | true; echo ${{PIPESTATUS[0]}}"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "0"


def test_an_error_says_what_why_and_what_to_do(instructed: Salur) -> None:
    batch = instructed.batches()[0]
    answer = instructed("release", batch["batch"], "--as", "siti", "--digest", batch["digest"])
    what, why, do = answer.err.strip().splitlines()
    assert (answer.code, answer.out) == (13, "")
    assert batch["batch"] in what
    assert why == "Two people are needed."
    assert do.startswith("→ ")


def test_amounts_are_shown_as_people_write_them(instructed: Salur) -> None:
    assert "Rp7.200.000" in instructed("status", "--period", PERIOD).out
    assert "Rp1.200.000" in instructed("batches").out


def test_long_work_says_how_much_is_done_and_left(
    empty: Salur, drop_of_twelve: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal.Progress, "every_seconds", 0.0)
    said = empty("intake", "--source", drop_of_twelve).err
    total = sum(path.stat().st_size for path in drop_of_twelve.iterdir())
    assert re.search(rf"[0-9,]+ of {total:,} bytes of the drop, about [0-9,]+ s left", said)
