"""The money at every date of any history agrees with a recount by hand, and its equations hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import chain, journal, money, store
from ledger.archive import Archive
from ledger.keyring import Keyring
from ledger.store import Store
from reconciliation.reports.money import LEFT, position
from schemas.codes import FINAL_WITHOUT_PAYMENT, MOVES
from tests.lib.databases import Database
from tests.lib.plain_money import ENDED, GAVE_BACK, UNSENT, Payment, PlainMoney

_START = datetime(2020, 5, 1, tzinfo=UTC)
_SKS = ("SK-1", "SK-2", None)
_CHANNELS = ("bni", "ovo")
_BENEFITS = ("incentive", "survey")


def _micros(day: int) -> int:
    return (_START - datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)) // timedelta(microseconds=1)


@pytest.fixture(scope="module")
def ledger(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One ledger on each database, whose every history is rolled back: making its tables takes longer than any of them."""
    with database.ledger(tmp_path_factory.mktemp("ledger")) as dsn:
        made = Store(dsn)
        made.create(0)
        yield made
        made.engine.dispose()


class Clerk:
    """Writes each act into the ledger's own tables and, in its own words, into the plain recount."""

    def __init__(self, connection: store.Connection) -> None:
        self.connection = connection
        self.plain = PlainMoney()
        self.day = 0

    def act(self, kind: int, a: int, b: int) -> None:
        """One act of the kind, about the `a`-th and `b`-th of what there is."""
        acts: list[Callable[[store.Connection, int, int], None]] = [
            self.state, self.line, self.receive, self.instruct, self.move_file, self.move_one, self.move_one,
        ]  # fmt: skip
        acts[kind % len(acts)](self.connection, a, b)
        self.day += 1

    def _drop(self, connection: store.Connection) -> str:
        row = {"drop_id": f"D{self.day}", "source": "x", "taken_at": _micros(self.day), "row_count": 1}
        store.insert(connection, store.drops, [row])
        return f"D{self.day}"

    def state(self, connection: store.Connection, a: int, b: int) -> None:
        """A drop whose manifest states a decision, and a participant of it."""
        sk, people, idr, year = ("SK-1", "SK-2")[a % 2], b % 4, (b % 5) * 600_000, 2020 + (a + b) % 2
        drop = self._drop(connection)
        row = {"sk_number": sk, "row_count": people, "amount_idr": idr, "drop_id": drop}
        store.insert(connection, store.decisions_people, [row])
        person = dict.fromkeys(c.name for c in store.source_participants.c if c.nullable)
        person |= {
            "participant_id": "P1",
            "row_mac": drop,
            "drop_id": drop,
            "source_file": "a",
            "row": 1,
            "sealed": b"x",
        }
        person |= {"sk_number": sk, "accepted_on": date(year, 5, 1)}
        store.insert(connection, store.source_participants, [person])
        self.plain.stated.append((self.day, sk, people, idr))
        self.plain.years.append((self.day, sk, year))

    def line(self, connection: store.Connection, a: int, b: int) -> None:
        """A drop with one person's line of a decision, unless there is one."""
        sk, who = ("SK-1", "SK-2")[a % 2], f"P{b % 3}"
        if any((number, person) == (sk, who) for _, number, person, _ in self.plain.lines):
            return
        amounts = {"training_aid": 1_000_000, "incentive": a % 3 * 600_000, "survey": b % 2 * 600_000}
        row = {
            "sk_number": sk, "participant_id": who, "row_mac": "m", "drop_id": self._drop(connection), "source_file": "a",
            "row": 1, "recorded_at": None, "sk_line": "1", **{f"{name}_idr": idr for name, idr in amounts.items()},
        }  # fmt: skip
        store.insert(connection, store.source_allocations, [row])
        self.plain.lines.append((self.day, sk, who, amounts))

    def receive(self, connection: store.Connection, a: int, b: int) -> None:
        """A receipt, or a correction of as much as there is."""
        held = sum(idr for _, idr, _ in self.plain.receipts)
        idr = -held if a % 4 == 0 and held else (b + 1) * 600_000
        row = {
            "reference": f"R{self.day}", "amount_idr": idr, "at": _micros(self.day), "person": "siti",
            "issued_on": date(2020, 5, 1), "fiscal_year": 2020 + b % 2, "corrects": None,
        }  # fmt: skip
        store.insert(connection, store.funds, [row])
        way = ("cash", "funder") if idr > 0 else ("funder", "cash")
        journal.post(connection, [journal.Posting(*way, abs(idr), f"R{self.day}", "e")], self._at())
        self.plain.receipts.append((self.day, idr, 2020 + b % 2))

    def instruct(self, connection: store.Connection, a: int, b: int) -> None:
        """A batch of one file with an instruction for each of some people: the next attempt of what ended, else a new one."""
        name, channel = f"B{self.day}", _CHANNELS[a % 2]
        made = [self._payment(name, channel, n, a, b) for n in range(1 + b % 3)]
        count, idr = len(made), sum(each.amount_idr for each in made)
        batch = {
            "batch": name, "period": f"2020-0{5 + a % 2}", "channel": channel, "execution_date": date(2020, 6, 2),
            "transaction_count": count, "control_sum_idr": idr, "digest": "d", "maker": "siti", "created_at": 0,
            "last_payment_date": None,
        }  # fmt: skip
        file = {
            "file_name": name, "channel": channel, "batch": name, "message_id": name, "payment_information_id": name,
            "format": "x", "transaction_count": count, "control_sum_idr": idr, "sha256": "s", "byte_count": 1,
            "is_companion": False,
        }  # fmt: skip
        store.insert(connection, store.batches, [batch])
        store.insert(connection, store.files, [file])
        for each in made:
            row = {
                "end_to_end_id": each.reference, "participant_id": each.who, "benefit": each.benefit,
                "sequence": each.sequence, "attempt": each.attempt,
                "previous_attempt": each.attempt - 1 if each.attempt > 1 else None, "period": batch["period"], "policy": "p",
                "amount_idr": each.amount_idr, "due_on": date(2020, 5, 1), "channel": channel, "account_version": 1,
                "account_mac": "m", "batch": name, "file_name": name, "last_payment_date": None,
                "sk_number": each.sk_number, "sk_line": each.sk_line, "fiscal_year": each.fiscal_year,
            }  # fmt: skip
            store.insert(connection, store.instructions, [row])
        chain.append(connection, at=self._at(), actor="siti", kind="instructed", subject=name, details={})
        self.plain.files[name] = []
        self.plain.payments += made

    def _payment(self, file: str, channel: str, number: int, a: int, b: int) -> Payment:
        who, benefit = f"P{number}", _BENEFITS[b % 2]
        mine = [each for each in self.plain.payments if (each.who, each.benefit) == (who, benefit)]
        sequence, attempt = len({each.sequence for each in mine}) + 1, 1
        if mine and self.plain.state(mine[-1], self.day) in ENDED:
            sequence, attempt = mine[-1].sequence, mine[-1].attempt + 1
        sk = _SKS[(a + number) % 3]
        return Payment(
            f"{file}-{number}", who, benefit, sequence, attempt, (1 + a % 2) * 600_000, file, channel,
            f"2020-0{5 + a % 2}", sk, None if b % 5 == 0 else "1", None if a % 5 == 0 else 2020 + b % 2, self.day,
        )  # fmt: skip

    def move_file(self, connection: store.Connection, a: int, b: int) -> None:
        """A file whose payments all stand in one state moves on with them."""
        files = [
            (name, states.pop())
            for name in self.plain.files
            if len(states := {self.plain.state(each, self.day) for each in self._of(name)}) == 1
        ]
        files = [(name, state) for name, state in files if MOVES[state]]
        if not files:
            return
        name, state = files[a % len(files)]
        after = sorted(MOVES[state])[b % len(MOVES[state])]
        seq = store.next_seq(connection, store.file_states)
        row = {"seq": seq, "file_name": name, "state": after, "evidence": f"e{self.day}", "at": _micros(self.day)}
        store.insert(connection, store.file_states, [row])
        for each in self._of(name):
            if each.own:  # what has a state of its own needs another, as reconciliation records it
                self._own(connection, each, after)
            self._moved(connection, each, state, after, journalled=False)
        postings = journal.of_file(connection, name, state, after, "e")
        journal.post(connection, postings, self._at())
        self.plain.files[name].append((self.day, after))

    def move_one(self, connection: store.Connection, a: int, b: int) -> None:
        """One payment, which was sent, moves on by itself."""
        open_ones = [each for each in self.plain.payments if self.plain.state(each, self.day) not in (*UNSENT, *ENDED)]
        if not open_ones:
            return
        each = open_ones[a % len(open_ones)]
        before = self.plain.state(each, self.day)
        after = sorted(MOVES[before])[b % len(MOVES[before])]
        self._own(connection, each, after)
        self._moved(connection, each, before, after)

    def _of(self, name: str) -> list[Payment]:
        return [each for each in self.plain.payments if each.file == name]

    def _own(self, connection: store.Connection, each: Payment, after: str) -> None:
        row = {
            "seq": store.next_seq(connection, store.instruction_states), "end_to_end_id": each.reference, "state": after,
            "code_list": None, "reason_code": None, "evidence": f"e{self.day}", "at": _micros(self.day),
        }  # fmt: skip
        store.insert(connection, store.instruction_states, [row])
        each.own.append((self.day, after))

    def _moved(
        self, connection: store.Connection, each: Payment, before: str, after: str, journalled: bool = True
    ) -> None:
        if journalled and (way := journal.movement(before, after)):
            posting = journal.Posting(
                *way, each.amount_idr, each.file, "e", 1, each.channel, each.period, each.fiscal_year
            )
            journal.post(connection, [posting], self._at())
            if after in GAVE_BACK:
                journal.post(connection, journal.given_back(connection, {each.reference: (each.file, "e")}), self._at())
        if after in FINAL_WITHOUT_PAYMENT:
            row = {
                "participant_id": each.who, "benefit": each.benefit, "sequence": each.sequence, "attempt": each.attempt,
                "end": after, "code_list": None, "reason_code": None, "evidence": "e", "at": _micros(self.day),
            }  # fmt: skip
            store.insert(connection, store.attempt_ends, [row])

    def _at(self) -> datetime:
        return _START + timedelta(days=self.day)


_KEYS: dict[str, Callable[[Payment], Any]] = {
    "all": lambda _: None,
    "benefit": lambda each: each.benefit,
    "sk": lambda each: each.sk_number,
    "fiscal_year": lambda each: each.fiscal_year,
    "channel": lambda each: each.channel,
    "period": lambda each: each.period,
}


def recounted(plain: PlainMoney, until: int) -> dict[tuple[str, str, str], tuple[int | None, int | None, int]]:
    """Every figure by (dimension, key, figure): people, payments (or receipts), rupiah."""
    found: dict[tuple[str, str, str], tuple[int | None, int | None, int]] = {}
    known = plain.known(until)
    figures = {f: [each for each, state in known if state in states] for f, states in money.STATES_OF.items()}
    for dimension, key_of in _KEYS.items():
        for figure, these in (figures | {"owed_again": plain.owed_again(until)}).items():
            for key, mine in _parted(these, key_of, dimension == "all").items():
                found[dimension, "" if key is None else str(key), figure] = _summed(mine)
    receipts = [(idr, year) for at, idr, year in plain.receipts if at <= until]
    for year in {year for _, year in receipts}:
        mine_idr = [idr for idr, of in receipts if of == year]
        found["fiscal_year", str(year), "funded"] = (None, len(mine_idr), sum(mine_idr))
    if receipts:
        found["all", "", "funded"] = (None, len(receipts), sum(idr for idr, _ in receipts))
    allocated = plain.allocated(until)
    for number, (people, idr) in allocated.items():
        found["sk", number, "allocated"] = (people, None, idr)
    for of_year in {plain.year_of(number, until) for number in allocated}:
        those = [sums for number, sums in allocated.items() if plain.year_of(number, until) == of_year]
        sums_of_year = sum(people for people, _ in those), None, sum(idr for _, idr in those)
        found["fiscal_year", "" if of_year is None else str(of_year), "allocated"] = sums_of_year
    if allocated:
        whole = sum(people for people, _ in allocated.values()), None, sum(idr for _, idr in allocated.values())
        found["all", "", "allocated"] = whole
    beyond_people, beyond = plain.over_allocated(until)
    found["all", "", "over_allocated"] = (beyond_people, None, beyond)
    loose = [each for each, state in known if state not in ENDED and (each.sk_number is None or each.sk_line is None)]
    sums = len({each.who for each in loose}), len(loose), sum(each.amount_idr for each in loose)
    found["all", "", "untraced"] = sums
    return found


def _parted(these: list[Payment], key_of: Callable[[Payment], Any], is_all: bool) -> dict[Any, list[Payment]]:
    keys = {key_of(each) for each in these} | ({None} if is_all else set())
    return {key: [each for each in these if key_of(each) == key] for key in keys}


def _summed(mine: list[Payment]) -> tuple[int, int, int]:
    return len({each.who for each in mine}), len(mine), sum(each.amount_idr for each in mine)


def told(clerk: Clerk, day: int) -> dict[tuple[str, str, str], tuple[int | None, int | None, int]]:
    """The same by the ledger, without what follows from other figures and the split of allocations by benefit."""
    found = position(clerk.connection, Archive("memory://", Keyring(bytes(32))), _START + timedelta(days=day))
    assert [row for row in found.equations.to_pylist() if not row["holds"]] == []
    return {
        (row["dimension"], row["key"], row["figure"]): (
            row["people_count"],
            row["transaction_count"],
            row["amount_idr"],
        )
        for row in found.figures.to_pylist()
        if row["figure"] not in LEFT and (row["figure"], row["dimension"]) != ("allocated", "benefit")
    }


_ACTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=16)


@pytest.mark.slow
@settings(max_examples=max(1, settings().max_examples // 2))  # each has some thirty acts, recounted at every date
@given(acts=_ACTS)
def test_the_money_at_every_date_of_a_history_is_what_a_recount_gives(
    ledger: Store, acts: list[tuple[int, int, int]]
) -> None:
    with ledger.engine.connect() as connection:
        clerk = Clerk(connection)
        for act in acts[: len(acts) // 2]:
            clerk.act(*act)
        middle = clerk.day - 1
        then = told(clerk, middle)
        assert then == recounted(clerk.plain, middle)
        for act in acts[len(acts) // 2 :]:
            clerk.act(*act)
        assert told(clerk, clerk.day - 1) == recounted(clerk.plain, clerk.day - 1)
        assert told(clerk, middle) == then, "what was known at a date was changed by a later fact"
        connection.rollback()
