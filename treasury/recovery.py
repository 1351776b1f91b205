"""`salur recover`: after a ledger was restored from an earlier day."""

from treasury import terminal
from treasury.options import Json, MaybeAs
from treasury.terminal import answer


def recover(person: MaybeAs = None, json: Json = False) -> None:
    """Record as unknown what was sent and a restored ledger forgot; says what else a person must do. Example: salur recover --as siti"""
    from disbursement import steps

    result = steps.recover(terminal.open_house(person))
    lines = [f"{row['file_name']}: {row['state']} ({'; '.join(row['proofs'])})" for row in result["files"]]
    answer(result, json, lines or ["Nothing was forgotten."])
