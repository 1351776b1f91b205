"""Write docs/commands.md from the commands themselves: python scripts/build_commands.py

A test holds the page against what this writes, so that a new command or option is never missing from it.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from treasury.cli import app

PAGE = Path(__file__).resolve().parents[1] / "docs" / "commands.md"

_HEAD = """\
# Commands

Written by `scripts/build_commands.py`; change the commands, then run it again.

    salur [--home DIR] [--at INSTANT] COMMAND … [--json]

`--home` names the home; else it is `$SALUR_HOME`, else `./var`. `--at` sets the clock, for scripts and rehearsals. Every
command takes `--json`: standard output is then one JSON object and nothing else. Progress goes to standard error.

| exit code | means |
|---|---|
| 0 | done, also when there was nothing to do |
| 2 | wrong usage: a word that the command does not take |
| 10 | input refused; nothing of it was taken |
| 11 | a data check stopped the step; it left nothing behind |
| 12 | a proof does not hold |
| 13 | a person must act first |
| 14 | a bank or a store is out of reach: give the command again later |
| 15 | stored evidence is damaged |
| 1 | a bug of ours |

An error says what happened, why, and what to do. With `--json` it is
`{"error": {"what": …, "why": …, "do": …, "exit_code": …}}`.
"""


def page() -> str:
    """The page as it must be."""
    return _HEAD + "".join(_section(name, command) for name, command in _leaves(typer.main.get_command(app)))


def _leaves(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for word, each in command.commands.items():
        name = f"{path} {word}".strip()
        if hasattr(each, "commands"):
            yield from _leaves(each, name)
        else:
            yield name, each


def _section(name: str, command: Any) -> str:
    says, _, example = " ".join(command.help.split()).partition(" Example: ")
    words = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and "--json" not in p.opts]
    call = " ".join([f"salur {name}", *(p.name.upper() for p in words), *(_shown(p) for p in options)])
    rows = "".join(f"| `{p.opts[0]}` | {_cell(p)} |\n" for p in options)
    table = f"\n| option | |\n|---|---|\n{rows}" if rows else ""
    return f"\n### `salur {name}`\n\n{says}\n\n    {call}\n{table}\nExample: `{example}`\n"


def _shown(option: Any) -> str:
    text = f"{option.opts[0]} {_value(option)}".strip()
    return text if option.required else f"[{text}]"


def _value(option: Any) -> str:
    return re.sub(r"[<>]", "", option.metavar or option.opts[0].lstrip("-").upper())


def _cell(option: Any) -> str:
    default = f" Default: {option.default}." if option.default not in (None, "") else ""
    return ((option.help or "").strip() + default).strip() or ("must be given" if option.required else "")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
