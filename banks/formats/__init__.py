"""Tables to a bank's bytes, and a bank's bytes to tables. Nothing here touches disk, network or clock."""

from dataclasses import dataclass

from schemas.errors import CheckFailed, InputRejected


class UnreadableFile(InputRejected):
    """A bank's file that cannot be read as what it says it is. Its bytes are kept; the reason is true and says where."""

    def __init__(self, why: str) -> None:
        super().__init__("The file cannot be read.", why, "Ask the bank to send it again; the bytes received are kept.")


class OtherMessage(UnreadableFile):
    """A whole message, and another one than was looked for. `found` is its name (`camt.054.001.04`)."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(f"It is a {found}; expected is {expected}.")
        self.found = found


class UnwritableOrders(CheckFailed):
    """Orders that no bank file may be written from."""


class FileContradicts(CheckFailed):
    """Written bytes, read again, do not say what they were written from."""


@dataclass(frozen=True)
class Agent:
    """The institution that keeps an account: by its BIC, or where it has none by an identifier agreed with it."""

    bic: str | None = None
    other_id: str | None = None

    def __post_init__(self) -> None:
        assert (self.bic is None) != (self.other_id is None), "an agent has either a BIC or another identifier"
