"""What may follow an attempt that a bank refused or sent back, read plainly from `docs/reissue.md`: when, how often, who agrees.

Codes as in ISO 20022's external code sets, each in its own list: the two lists use some codes with other meanings. Written apart,
for whoever judges a simulated programme; the standard library alone.
"""

from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

ATTEMPTS_MAX: Final = 6
"""So many attempts that ended at a bank, whatever the codes, before people decide."""


@dataclass(frozen=True)
class Remedy:
    """After so many days (None: from the first of the next month) and so often by itself; 0: only once two people have agreed."""

    name: str
    days: int | None
    times: int

    def from_day(self, ended_on: date) -> date:
        """The first day on which the next attempt may be decided."""
        if self.days is None:
            return ended_on.replace(day=monthrange(ended_on.year, ended_on.month)[1]) + timedelta(days=1)
        return ended_on + timedelta(days=self.days)


NEVER_ARRIVED: Final = Remedy("never arrived", 0, 10**9)
UNLISTED: Final = Remedy("in no list", 0, 0)
_ACCOUNT = Remedy("another account", 0, 4)
_DAY, _WEEK, _MONTH = Remedy("a day later", 1, 4), Remedy("a week later", 7, 4), Remedy("next month", None, 3)
OUR_FILE: Final = Remedy("our own trouble", 0, 0)
_EARLIER, _PERSON = Remedy("may be paid already", 0, 0), Remedy("a cause in law or for ever", 0, 0)
_UNCLEAR = Remedy("unclear", 1, 1)

_BOTH: Final = {
    _ACCOUNT: "AC01 AC03 AC04 AC06 AC07 AG01 BE01 BE06 CNOR NOCM RC04",
    _DAY: "ED05 TM01",
    _WEEK: "AM02",
    _EARLIER: "AM05 DUPL RF01",
    _PERSON: "AM07 FR01 MD07 RR04",
    _UNCLEAR: "MS02 MS03 NARR NOAS",
}
_STATUS_ALONE: Final = {
    _ACCOUNT: "AC14 BE22 UCRD",
    _DAY: "AB01 AB05 AB06 AB08 AB09 AB10 AM13 ED06 FF10",
    _MONTH: "AM14 AM21",
    OUR_FILE: "AC02 AC05 AM04 AM10 AM18 AM19 DS0B DS0D DT01 FF01",
    _EARLIER: "DU01 DU02 DU03 DU04 DU05",
    _PERSON: "FRAD",
}
TABLE: Final[dict[tuple[str, str], Remedy]] = {
    (code_list, code): remedy
    for code_list, parts in (("status", (_BOTH, _STATUS_ALONE)), ("return", (_BOTH,)))
    for part in parts
    for remedy, codes in part.items()
    for code in codes.split()
}
"""By list and code."""


def against_the_next(ended: Sequence[Mapping[str, Any]]) -> str | None:
    """Why the next attempt after these (all that ended, in their order) needs two people's agreement first; None: it comes by itself."""
    remedy = remedy_of(ended[-1])
    alike = sum(remedy_of(each) == remedy for each in ended)
    if alike > remedy.times:
        return f"{remedy.name}: {alike} such ends, {remedy.times} go on by themselves"
    at_a_bank = sum(each["state"] != "never_arrived" for each in ended)
    return f"{at_a_bank} attempts" if at_a_bank >= ATTEMPTS_MAX else None


def remedy_of(row: Mapping[str, Any]) -> Remedy:
    """What may follow an instruction that ended so."""
    if row["state"] == "never_arrived":
        return NEVER_ARRIVED
    code_list = row.get("code_list") or ("return" if row["state"] == "returned" else "status")
    return TABLE.get((code_list, row["reason_code"] or ""), UNLISTED)
