"""The README's month by commands, word for word, on the day it is read."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.lib.commands import call

README = Path(__file__).resolve().parents[2] / "README.md"


def lines() -> list[list[str]]:
    """The words of each `salur` line under "By hand", up to the one that sends."""
    section = README.read_text(encoding="utf-8").partition("\n## By hand\n")[2].partition("\n## ")[0]
    found = [shlex.split(line, comments=True)[1:] for line in re.findall(r"^ {4}(salur .*)$", section, re.MULTILINE)]
    return found[: 1 + next(n for n, words in enumerate(found) if words[:2] == ["submit", "--to"])]


def test_the_month_by_hand_reaches_the_carrier_however_late_it_is_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALUR_HOME", str(tmp_path / "home"))
    for words in lines():
        here = [word.replace("/tmp/", f"{tmp_path}/") for word in words]
        rounds = (
            [{}] if words[0] != "release" else [{"BATCH": row["batch"], "DIGEST": row["digest"]} for row in batches()]
        )
        for names in rounds:
            answer = call(*(names.get(word, word) for word in here))
            assert answer.code == 0, f"{words}\n{answer.err}"
    assert {row["state"] for row in batches()} == {"submitted"}
    carried = [path.name for path in (tmp_path / "carry").iterdir()]
    assert len(carried) >= len(batches()) > 1


def batches() -> list[dict[str, str]]:
    """What `salur batches` lists in the home of the environment."""
    return list(json.loads(call("batches", "--period", "2020-09", "--json").out)["batches"])
