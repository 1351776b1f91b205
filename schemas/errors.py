"""The few errors that an operator can act on. Each says what happened, why, and what to do, and has an exit code.

Anything else that is raised is a bug of ours and ends with exit code 1. A bad *row* is never an error: it is a
quarantined row with a reason code. Messages carry identifiers and counts, never names, NIK or account numbers.
"""

from collections.abc import Sequence
from typing import Any

EXIT_DONE = 0
EXIT_BUG = 1
EXIT_USAGE = 2


class SalurError(Exception):
    """An error shown to the operator without a traceback: what, why and what to do."""

    exit_code = EXIT_BUG

    def __init__(self, what: str, why: str = "", do: str = "") -> None:
        self.what = what
        self.why = why
        self.do = do
        self.done: dict[str, Any] = {}
        """What the step did all the same, when one part's trouble did not keep the others: its result so far."""
        self.others: tuple[str, ...] = ()
        """What else went wrong in it, in words."""
        super().__init__(" ".join(part for part in (what, why, do) if part))


def first_of(errors: Sequence[SalurError], done: dict[str, Any]) -> SalurError:
    """The first of several errors, bearing what was done all the same and what the others say."""
    first = errors[0]
    first.done = done
    later = [text for error in errors[1:] for text in (str(error), *error.others)]
    first.others = (*first.others, *later)
    return first


class WrongUsage(SalurError):
    """A command was given words that it does not take."""

    exit_code = EXIT_USAGE


class InputRejected(SalurError):
    """An input as a whole cannot be trusted; nothing of it was taken."""

    exit_code = 10


class CheckFailed(SalurError):
    """A data check that must hold does not; the step left nothing behind."""

    exit_code = 11


class ProofFailed(SalurError):
    """An equation over counts and rupiah does not hold."""

    exit_code = 12


class PersonNeeded(SalurError):
    """A person must act first: a release, a decision, a resumed brake."""

    exit_code = 13


class TryLater(SalurError):
    """A bank or a store is out of reach; the same command may be given again."""

    exit_code = 14


class EvidenceDamaged(SalurError):
    """Stored bytes or the event chain are not what was recorded."""

    exit_code = 15
