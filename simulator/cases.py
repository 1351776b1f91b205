"""What treasury's people do about what no machine may decide: owners for breaks, letters from banks, reissues that two agree on."""

from pathlib import Path

from schemas.codes import DISPUTING
from simulator.bank_desk import Truth
from simulator.desk import CHECKER, MAKER, Desk
from simulator.observed import Row

_NEEDS_PEOPLE = frozenset({"needs_person", "capped"})
_NOT_PAID = frozenset({"rejected", "returned"})
_STALE_WEEKS = 3


class Cases:
    """The weekly round. Whoever asks a bank in writing is told the truth: that is what the two people rely on."""

    def __init__(self, desk: Desk, truth: Truth) -> None:
        self._desk = desk
        self._truth = truth
        self._letters = 0

    def work(self, patience_days: int) -> bool:
        """Each open break gets an owner; what is unknown for so many days is asked about; what people must agree on is.

        Whether inquiries wait to be sent.
        """
        for row in self._desk.export("exceptions"):
            if row["owner"] is None:
                self._desk.give("assign", break_id=row["break_id"], person=MAKER, owner=CHECKER)
            elif self._is_stale(row):
                self._settle(row)
        unknown = self._desk.export("unknown")
        asked = [self._inquire(about) for about in sorted({row["file_name"] for row in unknown if row["age_days"]})]
        for row in unknown:
            if row["age_days"] >= patience_days:
                self._ask(row)
        self._reissue()
        return any(asked)

    def _inquire(self, about: str) -> bool:
        """Ask a bank that takes such messages where a file stands, now and then for it back; what two people release goes."""
        drafted = self._desk.give("inquire", about=about, kind="status")
        where = f"{self._desk.agenda.today} {about}"
        if isinstance(drafted, dict) and self._desk.chance.strikes("desk.asks_back", where):
            back = self._desk.give("inquire", about=about, kind="cancel")
            if isinstance(back, dict):
                self._desk.give("release_inquiry", CHECKER, inquiry=back["file_name"], digest=back["sha256"])
        return isinstance(drafted, dict)

    def _is_stale(self, row: Row) -> bool:
        is_worked_on = row["end_to_end_id"] is not None and row["case_state"] in ("open", "assigned")
        return is_worked_on and row["age_days"] >= 7 * _STALE_WEEKS

    def _settle(self, row: Row) -> None:
        """What the bank writes: of a payment that may have been made, whether its recipient has the money; of anything else,
        that nothing is left of it. A payment that the bank still works on is left alone.
        """
        truth = self._truth.of(row["end_to_end_id"])
        outcome = "not_paid" if truth in _NOT_PAID else "paid" if truth == "credited" else None
        may_be_paid = row["kind"] in DISPUTING
        if outcome == "not_paid" or (may_be_paid and outcome):
            said = {"reason": "surat bank / letter", "outcome": outcome if may_be_paid else None}
            self._desk.give("resolve", break_id=row["break_id"], person=MAKER, **said)
            self._desk.give("approve", break_id=row["break_id"], person=CHECKER)

    def _ask(self, row: Row) -> None:
        """Ask about a file or one payment; what the bank writes is entered by one and confirmed by another."""
        if not self._truth.arrived(row["file_name"]):
            self._answer(row["subject"], row["file_name"], "never_arrived")
            return
        mine = [one for one in self._desk.export("instructions") if one["file_name"] == row["file_name"]]
        said = {one["end_to_end_id"]: self._truth.of(one["end_to_end_id"]) for one in mine if one["state"] == "unknown"}
        if row["subject"] in said:
            said = {row["subject"]: said[row["subject"]]}
        whole = len(set(said.values())) == 1 and len(said) == len(mine)
        if whole and row["subject"] == row["file_name"]:
            self._answer(row["subject"], row["file_name"], next(iter(said.values())))
            return
        for reference, what in said.items():
            self._answer(reference, row["file_name"], what)

    def _answer(self, subject: str, file_name: str, says: str) -> None:
        if says == "returned":  # it was credited first; the return comes in the bank's own files
            says = "credited"
        self._letters += 1
        text = f"Surat bank {self._letters} tentang {file_name}: {subject} {says}\n"
        entered = self._desk.give("answer", MAKER, subject=subject, says=says, letter=text)
        if isinstance(entered, dict):
            self._desk.give("confirm", CHECKER, subject=subject, digest=entered["digest"])

    def _reissue(self) -> None:
        for row in self._desk.export("next_acts"):
            if row["kind"] in _NEEDS_PEOPLE and self._truth.of(row["subject"]) in _NOT_PAID:
                result = self._desk.give("propose", MAKER, subject=row["subject"], reason="surat bank / letter")
                if isinstance(result, dict):
                    self._desk.give("agree", CHECKER, subject=row["subject"])


def letter_file(folder: Path, text: str) -> Path:
    """The letter as a file, named by its number."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"surat-{text.split()[2]}.txt"
    path.write_text(text, encoding="utf-8")
    return path
