"""What every command shares: the options before it, how words are read, how results and errors are said.

Nothing heavy is imported here: `salur --help` answers at once, and each command imports what it does.
"""

import json
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
import typer.main

from schemas.errors import EXIT_DONE, EXIT_USAGE, SalurError, TryLater, WrongUsage

if TYPE_CHECKING:
    from ledger.house import House

EXIT_INTERRUPTED = 130
"""What a shell expects of a program that Ctrl-C ended."""
_USAGE: Any = typer.BadParameter.__bases__[0]
"""What every wrong usage is that the command line finds by itself; Typer gives it no public name."""


class Session:
    """What the options before the command say."""

    home: Path | None = None
    at: datetime | None = None
    started = 0.0

    @classmethod
    def begin(cls, home: Path | None, at: str | None) -> None:
        """Take the options of one call of the command line."""
        cls.home = home
        cls.at = None if at is None else parse_instant(at)
        cls.started = time.monotonic()


def parse_instant(text: str) -> datetime:
    """An ISO 8601 instant with its offset, in UTC."""
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise WrongUsage(f"{text!r} is no instant.", "An offset is needed.", "Write it as 2020-08-01T09:00:00+07:00.")
    return instant.astimezone(UTC)


def parse_period(text: str) -> str:
    """A month as YYYY-MM, of the years 1900 to 2999."""
    if not re.fullmatch(r"(19|2[0-9])[0-9]{2}-(0[1-9]|1[0-2])", text, re.ASCII):
        raise WrongUsage(f"{text!r} is no period.", "A period is a month.", "Write it as 2020-07.")
    return text


def maybe_period(text: str | None) -> str | None:
    """A month as YYYY-MM, or all of them."""
    return None if text is None else parse_period(text)


def parse_date(text: str | None) -> date | None:
    """A date as YYYY-MM-DD, of the years 1900 to 2999."""
    try:
        if text is None or re.fullmatch(r"(19|2[0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}", text, re.ASCII):
            return None if text is None else date.fromisoformat(text)
    except ValueError:
        pass
    raise WrongUsage(f"{text!r} is no date.", "A date is a day of the calendar.", "Write it as 2020-08-03.")


def known_bank(code: str | None) -> str | None:
    """The code of a bank that has a profile, or all of them."""
    from banks.profiles import profiles

    if code is not None and code not in profiles():
        raise WrongUsage(f"There is no bank {code!r}.", f"Banks: {', '.join(profiles())}.", "Name one of them.")
    return code


def open_house(actor: str | None = None) -> "House":
    """The home that the options name, opened."""
    from treasury import house

    return house.open_house(Session.home, Session.at, actor, say, Progress())


def say(message: str) -> None:
    """One line of progress on standard error, with the seconds since the command began."""
    print(f"[{time.monotonic() - Session.started:7.1f} s] {message}", file=sys.stderr, flush=True)


class Progress:
    """How much of something is done and how long the rest will take at this pace, on standard error, now and then."""

    every_seconds = 5.0
    share_min = 20
    """A pace is told from a twentieth of the whole on: what comes first (imports, a first read) is slower than the rest."""

    def __init__(self) -> None:
        self._begun: dict[str, tuple[float, int]] = {}
        self._said = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Say `done` of `total`, unless something was said a moment ago."""
        now = time.monotonic()
        since, before = self._begun.setdefault(what, (now, done))
        if now - self._said >= self.every_seconds and done > before:
            said = f"{done:,} of {total:,} {what}"
            if (done - before) * self.share_min >= total:
                said += f", about {(now - since) * (total - done) / (done - before):,.0f} s left"
            say(said)
            self._said = now


def rupiah(amount_idr: int) -> str:
    """`Rp600.000`."""
    from schemas.money import format_idr

    return format_idr(amount_idr)


def counted(counts: Mapping[str, int]) -> str:
    """`12 due, 3 held`; `none` where there is nothing to count."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "none"


def answer(result: dict[str, Any], as_json: bool, lines: Iterable[str] = ()) -> None:
    """Print a result: one JSON object, or words for a person."""
    if as_json:
        print(json.dumps(result, ensure_ascii=False, default=_plain))
    else:
        print("\n".join([*lines] or [f"{key}: {value}" for key, value in result.items()]))


def _plain(value: Any) -> str:
    return str(value.isoformat()) if isinstance(value, date) else str(value)


@cache
def _built(app: typer.Typer) -> Callable[..., Any]:
    """The commands, built once a process: that takes as long as many a command."""
    return typer.main.get_command(app)


def run(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Carry out one command line: its exit code is the contract's, its errors are words, never a traceback with data."""
    as_json = "--json" in arguments
    try:
        _check_text(arguments)
        code = _built(app)(args=list(arguments), prog_name="salur", standalone_mode=False)
        return code if isinstance(code, int) else EXIT_DONE
    except _USAGE as error:
        error.show()  # the message, and where the help is
        if as_json:
            _print_error(WrongUsage(error.format_message(), "", "See: salur --help"))
        return EXIT_USAGE
    except typer.Abort:
        return EXIT_INTERRUPTED
    except SalurError as error:
        return _report(error, as_json)
    except SystemExit:  # Typer's way when whoever read our output has gone, as `head` does
        return EXIT_DONE
    except OSError as error:
        why = error.strerror or type(error).__name__
        return _report(
            TryLater("A file or folder cannot be used.", why, "Mend it, then give the command again."), as_json
        )
    except Exception as error:  # noqa: BLE001 - the last line: what is not foreseen is said as a bug, without data
        # The message of an error of ours may quote data; where it happened is enough to find it.
        print("".join(traceback.format_tb(error.__traceback__)), file=sys.stderr)
        return _report(SalurError(f"{type(error).__name__}: a bug of ours.", "Nothing was half-written.", ""), as_json)


def _check_text(arguments: Sequence[str]) -> None:
    """Refuse bytes that are no UTF-8: no record could keep them. They are not quoted, for no terminal could show them."""
    try:
        "".join(arguments).encode()
    except UnicodeEncodeError:
        raise WrongUsage("A word of the command is no text.", "It is not UTF-8.", "Write it anew.") from None


def _report(error: SalurError, as_json: bool) -> int:
    if as_json:
        _print_error(error)
    done = [f"done: {row['file_name']} {row['state']}" for row in error.done.get("files", ())]
    others = [f"also: {other}" for other in error.others]
    for line in (*done, error.what, error.why, f"→ {error.do}" if error.do else "", *others):
        if line:
            print(line, file=sys.stderr)
    return error.exit_code


def _print_error(error: SalurError) -> None:
    facts = {"what": error.what, "why": error.why, "do": error.do, "exit_code": error.exit_code}
    said = {**error.done, "error": facts | ({"others": error.others} if error.others else {})}
    print(json.dumps(said, ensure_ascii=False, default=_plain))
