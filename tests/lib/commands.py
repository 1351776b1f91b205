"""The command line as a script meets it: words in; exit code, standard output and standard error out.

In this process, so that a test pays for its own work and not for starting Python anew.
"""

import io
import json
import shutil
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simulator.bank import SimulatedBank
from simulator.descriptions import describe_bank
from treasury import terminal
from treasury.cli import app

AT = "2020-07-01T08:00:00+07:00"
PERIOD = "2020-06"


@dataclass(frozen=True)
class Answer:
    """What one call of `salur` left behind."""

    code: int
    out: str
    err: str


def call(*words: str | Path) -> Answer:
    """`salur` with these words."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = terminal.run(app, [str(word) for word in words])
    return Answer(code, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class Salur:
    """`salur --home HOME --at AT`."""

    home: Path
    at: str = AT

    def __call__(self, *words: str | Path, at: str | None = None) -> Answer:
        """For a person: words."""
        return call("--home", self.home, "--at", at or self.at, *words)

    def ask(self, *words: str | Path, code: int = 0, at: str | None = None) -> dict[str, Any]:
        """For a script: with `--json`, ending with this exit code, the one object of its standard output."""
        answer = self(*words, "--json", at=at)
        assert answer.code == code, f"exit code {answer.code}\n{answer.out}\n{answer.err}"
        found = json.loads(answer.out)
        assert isinstance(found, dict)
        return found

    def copy(self, home: Path) -> "Salur":
        """The same home at another place, to be changed at will."""
        shutil.copytree(self.home, home)
        return Salur(home, self.at)

    def batches(self) -> list[dict[str, Any]]:
        """What `salur batches` lists."""
        return list(self.ask("batches")["batches"])

    def release_all(self, person: str = "budi") -> None:
        """Consent of one person to every batch that waits for it."""
        for row in self.batches():
            if row["state"] == "drafted":
                self.ask("release", row["batch"], "--as", person, "--digest", row["digest"])


def new_home(home: Path, at: str = AT, ledger: str | None = None) -> Salur:
    """`salur init`, on SQLite or with the ledger of a DSN."""
    salur = Salur(home, at)
    salur.ask("init", *(["--ledger", ledger] if ledger else []))
    return salur


def instructed_home(home: Path, drop: Path, at: str = AT) -> Salur:
    """A home in which everything up to the files has been done by siti, and nothing is released."""
    salur = new_home(home, at)
    salur.ask("intake", "--source", drop)
    salur.ask("entitle", "--period", PERIOD)
    salur.ask("instruct", "--period", PERIOD, "--as", "siti")
    return salur


def carry(salur: Salur, sent: Path, bank: str, rejects_per_million: int = 0, code: int = 0) -> list[dict[str, Any]]:
    """Carry a bank's files to a simulated bank by hand, and its answers back; what `receive` says of each."""
    description = replace(describe_bank(bank), rejects_per_million=rejects_per_million)
    teller = SimulatedBank(description, seed=1)
    received = []
    for file in sorted(sent.glob(f"*_{bank.upper()}_*")):
        for name, data in teller.take(file.name, file.read_bytes()):
            (sent.parent / name).write_bytes(data)
            received += salur.ask("receive", sent.parent / name, "--bank", bank, code=code)["files"]
    teller.close()
    return received
