"""What statements say of each instruction: taken from our account, and sent back to it.

A file is debited by one entry that bears its reference (PmtInfId, MsgId, or either as end-to-end id), for its control
sum; or without the payments that the bank refused beforehand, for exactly that remainder; or in parts that sum to one of
the two. Payments come back one by one under their end-to-end id, or together under the file's reference for exactly the
sum of the refused. A bank may also debit payment by payment. Nothing is joined by its amount alone: an entry without a
reference that would fit is `ambiguous`; one that names a payment with another file's reference is a `contradiction`. Money
comes back only where some went: what is sent back without a debit, and of which no report says that it was settled or
refused, moves nothing and is a break.

Each booked row ends in one place; `placed` names it, and each place's rupiah can be proved against our own.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reconciliation.breaks import Findings
from reconciliation.lookup import beside
from reconciliation.notices import NO_REFERENCE
from reconciliation.sides import Flags, Numbers, Ours, first_rows, one_piece, to_flags, to_groups, to_numbers
from reconciliation.statements import STATEMENT_KEY, Statements, only_booked

RULES = ("none", "statement:file", "statement:file_net", "statement:payment")
NONE, FILE, FILE_NET, PAYMENT = range(len(RULES))
PLACES = ("file_debit", "payment_debit", "reversal", "file_reversal", "other_credit", "break")
_FILE_NAMES = ("payment_information_id", "message_id")


@dataclass
class Booked:
    """By position of the instruction; rows are positions in `rows`, -1 for none. `day` is each row's booking date in days
    since 1970, 0 for none.

    `in_dispute` is set by file: debits bear its reference and none is for what it should be. `placed` has one row a
    booked row, in their order, and further rows for remainders: bank, evidence, statement_id, entry_number, detail_number, direction, amount_idr, place. `periods`: the
    period of each statement that names something of ours, by (bank, evidence, statement_id).
    """

    rows: pa.Table
    day: Numbers
    debit_row: Numbers
    debit_rule: Numbers
    back_row: Numbers
    in_dispute: Flags
    placed: pa.Table
    periods: dict[tuple[str, str, str], str]

    @property
    def debited(self) -> Flags:
        """Taken from our account, by a statement."""
        return self.debit_row >= 0

    @property
    def sent_back(self) -> Flags:
        """Back on our account, by a statement."""
        return self.back_row >= 0


def read_entries(ours: Ours, taken: Statements, rejected: Flags, settled: Flags, findings: Findings) -> Booked:
    """Debits and returns by instruction; what cannot be joined becomes a break. `rejected`: refused by a status report;
    `settled`: debited or credited by one.

    Rows that are not booked (pending, information) move nothing and are left out.
    """
    entries = taken.entries
    booked = only_booked(entries).combine_chunks()
    reader = _Reader(ours, booked, rejected, settled, findings)
    reader.read()
    return reader.result()


class _Reader:
    def __init__(self, ours: Ours, rows: pa.Table, rejected: Flags, settled: Flags, findings: Findings) -> None:
        self.ours, self.rows, self.findings = ours, rows, findings
        self.rejected, self.settled = rejected, settled
        self.columns = {name: one_piece(rows[name]) for name in rows.column_names}
        count = len(ours)
        self.day: Numbers = to_numbers(rows["booking_date"].cast(pa.int32()).cast(pa.int64()), 0)
        self.is_debit = to_flags(pc.equal(rows["direction"], "debit"))
        self.is_reversal = to_flags(rows["is_reversal"])
        self.reference = pc.if_else(
            pc.is_in(rows["end_to_end_id"], pa.array(NO_REFERENCE)), pa.scalar(None, pa.string()), rows["end_to_end_id"]
        )
        self.reference = one_piece(self.reference)
        bank = ours.bank_numbers(rows["bank"])
        with beside(len(rows)) as begin:  # the payments are looked up while the rest is worked out
            finding = begin(ours.find, bank, self.reference)
            by_reference = [ours.find_files(bank, self.reference, name) for name in _FILE_NAMES]
            self.file_referred = np.maximum(*by_reference)
            self.file = _one_file([ours.find_files(bank, rows[name], name) for name in _FILE_NAMES] + by_reference)
            self.statement, _ = to_groups(rows, STATEMENT_KEY)
            # Rows are sorted by statement and entry.
            is_next = np.diff(self.statement, prepend=-1) | np.diff(to_numbers(rows["entry_number"], 0), prepend=-1)
            self.entry: Numbers = np.cumsum(is_next != 0) - 1
            self.amount, self.entry_amount = self._amounts()
            known = finding()
        self.position: Numbers = np.where(np.append(ours.was_sent, False)[known], known, -1)
        self.unsent: Numbers = np.where(self.position < 0, known, -1)
        self.periods = self._periods()
        self.place = np.full(rows.num_rows, -1, dtype=np.int64)
        self.debit_row = np.full(count, -1, dtype=np.int64)
        self.debit_rule = np.zeros(count, dtype=np.int64)
        self.back_row = np.full(count, -1, dtype=np.int64)
        self.whole_debit = np.zeros(len(ours.files), dtype=bool)
        self.in_dispute = np.zeros(len(ours.files), dtype=bool)
        self.counted = self.amount.copy()

    def _periods(self) -> dict[int, str]:
        """The period of each statement that names something of ours."""
        known = np.maximum(self.position, self.unsent)
        return self.ours.periods_of(
            self.statement, np.where(known >= 0, np.append(self.ours.file, -1)[known], self.file)
        )

    def _amounts(self) -> tuple[Numbers, Numbers]:
        """Each row's amount, which for the only row of an entry is the entry's, and its entry's; -1: no whole rupiah."""
        is_foreign = pc.fill_null(pc.not_equal(self.rows["currency"], "IDR"), False)
        none = pa.scalar(None, pa.int64())
        own = to_numbers(pc.if_else(is_foreign, none, self.rows["amount_idr"]), -1)
        whole = to_numbers(pc.if_else(is_foreign, none, self.rows["entry_amount_idr"]), -1)
        is_alone = np.bincount(self.entry, minlength=1)[self.entry] == 1
        return np.where((own < 0) & is_alone, whole, own), whole

    def read(self) -> None:
        self._tell_unsent()
        self._take_back_from_us()
        self._tell_strays()
        single = (self.position >= 0) & (self.place < 0)
        fits = self._same_amounts(single)
        self._join_singly(fits & self.is_debit, "payment_debit", self.debit_row)
        self.debit_rule[self.debit_row >= 0] = PAYMENT
        for file, groups in self._whole(self.is_debit).items():
            self._debit_file(file, groups)
        self._join_singly(self._went_out(fits & ~self.is_debit), "reversal", self.back_row)
        for file, groups in self._whole(~self.is_debit).items():
            self._reverse_file(file, groups)
        self._tell_the_rest()
        self._tell_dates()

    # --- what is left by reference

    def _tell_unsent(self) -> None:
        """Entries for payments and files that, by our record, no bank has."""
        unsent_payment = self.unsent >= 0
        sent = np.array([file.was_sent for file in self.ours.files] + [True, True])
        for row in np.flatnonzero(unsent_payment | ~sent[self.file]).tolist():
            index = int(self.ours.file[self.unsent[row]]) if unsent_payment[row] else int(self.file[row])
            side = "debited" if self.is_debit[row] else "sent back"
            found = f"{side} in {self._entry_name(row)}"
            subject = "not sent" if not unsent_payment[row] else f"not sent {self._entry_name(row)}"
            self._break("contradiction", row, self.ours.files[index].state, found, subject, file=index)

    def _take_back_from_us(self) -> None:
        """The bank undoes a credit to our account: money that was back is gone again. Never joined, always a break."""
        for row in np.flatnonzero(self.is_debit & self.is_reversal & (self.place < 0)).tolist():
            self._break("contradiction", row, "money that came back stays", "debited again", self._entry_name(row))

    def _tell_strays(self) -> None:
        """Rows that name a payment and bear another file's references, or two files'. Unknown ones may be the bank's own."""
        own = np.append(self.ours.file, -1)[self.position]
        for row in np.flatnonzero((own >= 0) & (self.file != -1) & (self.file != own) & (self.place < 0)).tolist():
            file = self.ours.files[int(own[row])]
            found = " ".join(filter(None, (self._cell(name, row) for name in reversed(_FILE_NAMES))))
            expected = f"{file.message_id} {file.payment_information_id}"
            self._break("contradiction", row, expected, found, f"references {self._entry_name(row)}")

    def _same_amounts(self, single: Flags) -> Flags:
        wrong = single.copy()
        wrong[single] = self.amount[single] != self.ours.amount[self.position[single]]
        for row in np.flatnonzero(wrong).tolist():
            expected = int(self.ours.amount[self.position[row]])
            side = "debit" if self.is_debit[row] else "credit"
            self._break("amount_differs", row, expected, self._stated(row), f"{side} {self._entry_name(row)}")
        return single & ~wrong

    def _went(self) -> Flags:
        """Of which money went out by some evidence, or was refused: what of it is on our account can have come back."""
        disputed = self.in_dispute[self.ours.file]
        went: Flags = (self.debit_row >= 0) | self.settled | self.rejected | disputed
        return went

    def _went_out(self, coming: Flags) -> Flags:
        """Those of the credits whose payment went out; each of the others is a break and moves nothing."""
        unpaid = coming.copy()
        unpaid[coming] = ~self._went()[self.position[coming]]
        for row in np.flatnonzero(unpaid).tolist():
            found = f"came back in {self._entry_name(row)}"
            self._break("reversed_not_debited", row, "a debit before it", found, self._entry_name(row))
        return coming & ~unpaid

    def _join_singly(self, chosen: Flags, place: str, into: Numbers) -> None:
        """Each instruction takes its earliest row; a further one is a duplicate."""
        rows = self._by_booking(np.flatnonzero(chosen))
        positions = self.position[rows]
        firsts = first_rows(positions, len(self.ours))
        firsts = firsts[firsts >= 0]
        into[positions[firsts]] = rows[firsts]
        self.place[rows[firsts]] = PLACES.index(place)
        further = np.ones(len(rows), dtype=bool)
        further[firsts] = False
        for row in rows[further].tolist():
            self._break(
                "duplicate", row, "once", f"again in {self._entry_name(row)}", f"{place} {self._entry_name(row)}"
            )

    def _by_booking(self, rows: Numbers) -> Numbers:
        """Rows by booking date, then in the order of statements and entries, which the table is sorted by."""
        return rows[np.argsort(self.day[rows], kind="stable")]

    # --- whole files

    def _whole(self, side: Flags) -> dict[int, list[Numbers]]:
        """Rows that name a file and no payment, by file; one group of rows an entry, earliest first."""
        names_payment = to_flags(pc.is_valid(self.reference)) & (self.file_referred < 0)
        chosen = side & (self.place < 0) & (self.file >= 0) & (self.position < 0) & ~names_payment
        groups: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for row in self._by_booking(np.flatnonzero(chosen)).tolist():
            groups[int(self.file[row])][int(self.entry[row])].append(row)
        return {file: [np.array(rows) for rows in entries.values()] for file, entries in groups.items()}

    def _amount_of(self, group: Numbers) -> int:
        """An entry's whole amount where all its rows are about one file, else what its rows of this file say."""
        first = int(group[0])
        is_shared = np.count_nonzero(self.entry == self.entry[first]) > len(group)
        if is_shared or self.entry_amount[first] < 0:
            return int(np.maximum(self.amount[group], 0).sum())
        return int(self.entry_amount[first])

    def _place_group(self, group: Numbers, amount: int, place: str) -> None:
        self.place[group] = PLACES.index(place)
        self.counted[group] = 0
        self.counted[group[0]] = amount

    def _debit_file(self, file: int, groups: list[Numbers]) -> None:
        """Join the entries that make up a file's debit; the rest are duplicates or differ."""
        amounts = [self._amount_of(group) for group in groups]
        members = self.ours.members(file)
        control_sum = self.ours.files[file].control_sum_idr
        payable = members[~self.rejected[members]]
        net = int(self.ours.amount[payable].sum())
        chosen, rule = _make_up(amounts, control_sum), FILE
        if not chosen and 0 < net < control_sum:
            chosen, rule = _make_up(amounts, net), FILE_NET
        debited = (members if rule == FILE else payable) if chosen else members[:0]
        for index, group in enumerate(groups):
            if index in chosen:
                self._place_group(group, amounts[index], "file_debit")
            elif chosen:
                self._break_group("duplicate", group, amounts[index], "debited once", f"again {amounts[index]}", True)
            else:
                self._break_group(
                    "amount_differs", group, amounts[index], control_sum, amounts[index], len(groups) > 1,
                    abs(control_sum - amounts[index]),
                )  # fmt: skip
        self.in_dispute[file] = not chosen
        if chosen:
            row = int(groups[chosen[0]][0])
            self._tell_debited_twice(debited[self.debit_row[debited] >= 0])
            self.debit_row[debited], self.debit_rule[debited] = row, rule
            self.whole_debit[file] = True
            self._tell_count(file, groups, chosen, len(debited))

    def _tell_debited_twice(self, positions: Numbers) -> None:
        """Debited by itself and with its file: the file's debit stands, the payment's own is one too many."""
        for row in self.debit_row[positions].tolist():
            self._break(
                "duplicate", row, "debited once", "by itself and with its file", f"debit {self._entry_name(row)}"
            )

    def _tell_count(self, file: int, groups: list[Numbers], chosen: list[int], expected: int) -> None:
        counts = [self._cell("transaction_count", int(groups[index][0])) for index in chosen]
        if None not in counts and sum(counts) != expected:
            row = int(groups[chosen[0]][0])
            self._note("totals_differ", row, expected, sum(counts), "transaction_count of the debit", file)

    def _reverse_file(self, file: int, groups: list[Numbers]) -> None:
        """One credit for a whole file or for all its refused payments; anything else is not told apart by its amount."""
        amounts = [self._amount_of(group) for group in groups]
        members = self.ours.members(file)
        open_ = members[self.back_row[members] < 0]
        refused = open_[self.rejected[open_]]
        went = self._went()
        for candidates in (open_, refused):
            if not np.all(went[candidates]):
                continue
            if len(groups) == 1 and len(candidates) and amounts[0] == int(self.ours.amount[candidates].sum()):
                self.back_row[candidates] = int(groups[0][0])
                self._place_group(groups[0], amounts[0], "file_reversal")
                return
        for group, amount in zip(groups, amounts, strict=True):
            found = f"{amount} for the file, no payment named"
            self._break_group("ambiguous", group, amount, "the payments that came back", found, True)

    # --- the rest

    def _tell_the_rest(self) -> None:
        """Rows that name nobody of ours. A credit that claims nothing is money received, which is no break."""
        has_reference = to_flags(pc.is_valid(self.reference)) | to_flags(
            pc.is_valid(self.rows["payment_information_id"])
        )
        has_reference |= to_flags(pc.is_valid(self.rows["message_id"]))
        claims = self.is_debit | self.is_reversal | to_flags(pc.is_valid(self.rows["return_code"]))
        claims |= to_flags(pc.is_valid(self.reference))
        self.place[(self.place < 0) & ~claims] = PLACES.index("other_credit")
        open_sums = {
            (file.bank, file.control_sum_idr) for i, file in enumerate(self.ours.files) if not self.whole_debit[i]
        }
        sent_out = self._amounts_sent()
        for row in np.flatnonzero(self.place < 0).tolist():
            name = self._entry_name(row)
            fits = (self._cell("bank", row), int(self.amount[row])) in (open_sums if self.is_debit[row] else sent_out)
            if self.file[row] == -2:
                self._break("ambiguous", row, "one file", "references to two files", name)
            elif not has_reference[row] and fits:
                self._break("ambiguous", row, "a reference", f"only an amount, {self._stated(row)}", name)
            else:
                found = self._cell_of(self.reference, row) or f"{self._stated(row)} in {name}"
                self._break("unknown_to_us", row, None, found, name)

    def _amounts_sent(self) -> set[tuple[str, int]]:
        """The amounts that each bank was asked to pay."""
        pairs = pa.table({"file": pa.array(self.ours.file), "amount": pa.array(self.ours.amount)})
        distinct = pairs.group_by(["file", "amount"]).aggregate([]).to_pylist()
        return {(self.ours.files[pair["file"]].bank, pair["amount"]) for pair in distinct}

    def _tell_dates(self) -> None:
        """Debits booked before the day that we asked for, or later than the bank promised."""
        is_debit = np.zeros(len(self.day), dtype=bool)
        is_debit[self.debit_row[self.debit_row >= 0]] = True
        rows = np.flatnonzero(is_debit & (self.day != 0))
        files = np.where(self.position[rows] >= 0, np.append(self.ours.file, -1)[self.position[rows]], self.file[rows])
        first = np.array([_day(file.execution_date, -1) for file in self.ours.files], dtype=np.int64)
        last = np.array([_day(file.statement_due_on, 2**31) for file in self.ours.files], dtype=np.int64)
        outside = (self.day[rows] < first[files]) | (self.day[rows] > last[files])
        for row, index in zip(rows[outside].tolist(), files[outside].tolist(), strict=True):
            file = self.ours.files[index]
            window = f"{file.execution_date or ''} to {file.statement_due_on or ''}"
            self._note("date_outside_window", row, window, self._cell("booking_date", row), "debit", index)

    # --- breaks and places

    def _cell(self, column: str, row: int) -> Any:
        return self.columns[column][row].as_py()

    def _cell_of(self, column: Any, row: int) -> Any:
        return column[row].as_py()

    def _stated(self, row: int) -> str:
        return str(self.amount[row]) if self.amount[row] >= 0 else "no whole rupiah"

    def _entry_name(self, row: int) -> str:
        detail = self._cell("detail_number", row)
        return f"{self._cell('statement_id', row)}/{self._cell('entry_number', row)}" + (f"/{detail}" if detail else "")

    def _note(
        self,
        kind: str,
        row: int,
        expected: object,
        found: object,
        subject: str,
        file: int | None,
        at_stake_idr: int | None = None,
    ) -> None:
        """A break about a row that has its place already; what is at stake is the row's own amount, unless told."""
        counted_idr = int(self.counted[row]) if self.amount[row] >= 0 else None
        names_payment = self.position[row] >= 0 or self.unsent[row] >= 0
        self.findings.within(self.periods.get(int(self.statement[row]))).add(
            kind,
            self._cell("bank", row),
            expected,
            found,
            end_to_end_id=self._cell_of(self.reference, row) if names_payment or file is None else None,
            file_name=None if file is None else self.ours.files[file].name,
            amount_idr=counted_idr if at_stake_idr is None else at_stake_idr,
            subject=subject,
        )

    def _break(
        self, kind: str, row: int, expected: object, found: object, subject: str, file: int | None = None
    ) -> None:
        """A break about a row that has no other place."""
        position = int(self.position[row])
        if file is None and position >= 0:
            file = int(self.ours.file[position])
        self._note(kind, row, expected, found, subject, file)
        self.place[row] = PLACES.index("break")

    def _break_group(
        self,
        kind: str,
        group: Numbers,
        amount: int,
        expected: object,
        found: object,
        several: bool,
        at_stake_idr: int | None = None,
    ) -> None:
        """A break about an entry for a file. `several`: its place in the statement must tell it from others."""
        self._place_group(group, amount, "break")
        row = int(group[0])
        side = "debit" if self.is_debit[row] else "credit"
        subject = f"{side} {self._entry_name(row)}" if several else side
        self._note(kind, row, expected, found, subject, int(self.file[row]), at_stake_idr)

    def result(self) -> Booked:
        """What was read, with the difference between an entry and its details as rows of their own."""
        places = pa.array(PLACES).take(pa.array(self.place))
        columns = ["bank", "evidence", "statement_id", "entry_number", "detail_number", "direction"]
        placed = self.rows.select(columns)
        placed = placed.append_column("amount_idr", pa.array(np.maximum(self.counted, 0)))
        placed = placed.append_column("place", places)
        firsts = {code: int(np.flatnonzero(self.statement == code)[0]) for code in self.periods}
        periods = {
            (self._cell("bank", row), self._cell("evidence", row), self._cell("statement_id", row)): self.periods[code]
            for code, row in firsts.items()
        }
        placed = pa.concat_tables([placed, self._remainders(placed)])
        return Booked(
            self.rows, self.day, self.debit_row, self.debit_rule, self.back_row, self.in_dispute, placed, periods
        )

    def _remainders(self, placed: pa.Table) -> pa.Table:
        """Entries whose details do not sum to them: a break, and its rupiah."""
        way = 2 * self.entry + self.is_debit
        told, counted, details = (np.zeros(2 * len(self.entry) + 2, dtype=np.int64) for _ in range(3))
        told[way] = 1
        np.add.at(counted, way, np.maximum(self.counted, 0))
        np.add.at(details, way, to_numbers(self.rows["amount_idr"], 0))
        whole = to_numbers(self.rows["entry_amount_idr"], -1)
        both_ways = (told[0::2] & told[1::2]).astype(bool)[self.entry]
        wanted = np.where(both_ways | (whole < 0), details[way], whole)
        firsts = first_rows(way, len(told))
        firsts = firsts[firsts >= 0]
        rows = []
        for row in firsts[counted[way[firsts]] != wanted[firsts]].tolist():
            entry, found = int(wanted[row]), int(counted[way[row]])
            subject = f"details of {self._cell('statement_id', row)}/{self._cell('entry_number', row)}"
            period = self.periods.get(int(self.statement[row]))
            self.findings.within(period).add(
                "totals_differ", self._cell("bank", row), entry, found, amount_idr=abs(entry - found), subject=subject
            )
            more = {"detail_number": 0, "amount_idr": entry - found, "place": "break"}
            rows.append(placed.slice(row, 1).to_pylist()[0] | more)
        return pa.Table.from_pylist(rows, schema=placed.schema)


def _one_file(found: list[Numbers]) -> Numbers:
    """The file that a row names, by the first of its references that is one of ours; -1 for none, -2 for two."""
    highest = np.maximum.reduce(found)
    disagrees = np.logical_or.reduce([(one >= 0) & (one != highest) for one in found])
    return np.where(disagrees, -2, highest)


def _make_up(amounts: list[int], wanted: int) -> list[int]:
    """The first amount that is the wanted sum, else all of them if they sum to it, else none; as positions."""
    if wanted in amounts:
        return [amounts.index(wanted)]
    return list(range(len(amounts))) if len(amounts) > 1 and sum(amounts) == wanted else []


def _day(day: date | None, missing: int) -> int:
    return missing if day is None else (day - date(1970, 1, 1)).days
