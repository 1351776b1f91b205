"""What came back and what was asked for again, as an evidence pack holds it: any single value that is changed is named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from disbursement import claiming
from ledger import claims, queries
from ledger.instants import jakarta_date
from reconciliation.reports import pack_again, pack_back
from tests.lib.credited_home import by, comes_back, credited_home, who
from tests.lib.small_home import TRANCHE, at

LATER = datetime(2021, 9, 1, 2, tzinfo=UTC)
NTPN, NTB = "0A1B2C3D4E5F6G7H", "202012010001"


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    """Five are credited: claims of each state but `open`; one came back, lapsed and was deposited, wrongly first."""
    house = credited_home(
        tmp_path_factory.mktemp("home"), people=5, last_day=jakarta_date(datetime(2021, 1, 31, tzinfo=UTC))
    )
    for number in range(4):
        claiming.claim(house, who(number), "tidak berhak")
    for name in ("C000001", "C000002", "C000003"):
        claiming.confirm(by(house, "budi"), name)
    claiming.repay(house, "C000001", TRANCHE, "BNI-1")
    claiming.cancel(by(house, "budi"), "C000003", "keliru")
    comes_back(house, 4)
    later = at(house, LATER)
    claiming.deposit(later, 2 * TRANCHE, NTPN, NTB)
    claiming.correct_deposit(later, NTPN)
    claiming.deposit(later, 2 * TRANCHE, NTPN, "202012010002")
    with later.store.reading() as connection:
        return {
            "events": queries.whole(connection, "events").sort_by("seq"),
            "instructions": queries.instruction_rows(connection),
            "receivables": claims.listed(connection, jakarta_date(LATER)),
            "claim_items": claims.all_items(connection),
            "repayments": claims.all_repayments(connection),
            "deposits": claims.all_deposits(connection),
            "deposit_items": claims.all_deposit_items(connection),
        }


class TestClaimsAndDeposits:
    def test_what_was_recorded_fits(self, tables: dict[str, pa.Table]) -> None:
        assert tables["receivables"]["state"].to_pylist() == ["repaid", "overdue", "cancelled", "proposed"]
        assert tables["deposits"].num_rows == 3
        assert tables["deposit_items"].num_rows == 2
        assert list(pack_back.differences(tables, LATER)) == []

    @pytest.mark.parametrize("name", ["receivables", "claim_items", "repayments", "deposits", "deposit_items"])
    def test_whichever_value_is_changed_or_row_taken_out_is_named(self, tables: dict[str, pa.Table], name: str) -> None:
        unbound = {"claim_items": {"claim_number"}, "deposits": {"period", "fiscal_year"}}
        of_payment = {"period", "channel", "benefit", "sequence", "attempt", "fiscal_year"}
        unbound["deposit_items"] = of_payment  # the instruction itself has these
        unseen = [
            (column, place)
            for column in tables[name].column_names
            for place in range(tables[name].num_rows)
            if column not in unbound.get(name, set())
            and not self._named(tables, name, _changed(tables[name], column, place))
        ]
        assert unseen == []
        for place in range(tables[name].num_rows):
            rows = tables[name].to_pylist()
            del rows[place]
            assert self._named(tables, name, pa.Table.from_pylist(rows, schema=tables[name].schema))

    @staticmethod
    def _named(tables: dict[str, pa.Table], name: str, other: pa.Table) -> list[tuple[str, str]]:
        return list(pack_back.differences(tables | {name: other}, LATER))

    def test_a_payment_that_two_standing_deposits_took_is_named(self, tables: dict[str, pa.Table]) -> None:
        deposits = tables["deposits"].to_pylist()
        both = pa.Table.from_pylist([row | {"corrects": None} for row in deposits], schema=tables["deposits"].schema)
        whys = [why for _, why in pack_back.differences(tables | {"deposits": both}, LATER)]
        assert "Two deposits took it." in whys


def _changed(table: pa.Table, column: str, place: int) -> pa.Table:
    """The table with another value in one cell."""
    rows = table.to_pylist()
    value = rows[place][column]
    others: dict[type, Callable[[Any], Any]] = {
        int: lambda was: was + 1, str: lambda was: f"{was}X", type(None): lambda _: None,
    }  # fmt: skip
    if value is None:
        is_text = pa.types.is_string(table.schema.field(column).type)
        rows[place][column] = "X" if is_text else LATER.date() if "_on" in column or "_by" in column else 1
    else:
        change = others.get(type(value), lambda was: was.replace(year=was.year + 1))
        rows[place][column] = change(value)
    return pa.Table.from_pylist(rows, schema=table.schema)


EVENT, REPORT = "e" * 64, "r" * 64
_DONE = datetime(2020, 8, 1, tzinfo=UTC)
_TYPES = {"sequence": pa.int64(), "attempt": pa.int64(), "seq": pa.int64(), "at": pa.timestamp("us", tz="UTC")}


def table(columns: str, rows: list[dict[str, Any]]) -> pa.Table:
    fields = [(name, _TYPES.get(name, pa.string())) for name in columns.split()]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


class TestReissues:
    """Hand-made: one participant whose attempts ended so, one after the other, and the one that follows them."""

    def pack(
        self, *ends: tuple[str, str | None], agreed: str | None = None, by_one: bool = False
    ) -> dict[str, pa.Table]:
        rows = [
            {
                "participant_id": "P1", "benefit": "incentive", "sequence": 1, "attempt": n, "end_to_end_id": f"E{n}",
                "file_name": f"F{n}", "end": end, "state": end, "evidence": REPORT, "reason_code": code,
                "code_list": "return" if end == "returned" else "status",
            }
            for n, (end, code) in enumerate(ends, 1)
        ]  # fmt: skip
        last = rows[-1] | {"attempt": len(ends) + 1, "end_to_end_id": "LAST", "file_name": "F", "state": "credited"}
        acts = [
            {"seq": 1, "subject": agreed, "act": "propose", "reason": "surat", "person": "siti", "at": _DONE},
            {"seq": 2, "subject": agreed, "act": "approve", "reason": "", "person": "Siti " if by_one else "budi", "at": _DONE},
        ]  # fmt: skip
        acts = acts if agreed else []
        events = [
            {
                "hash": EVENT, "kind": "reissue", "subject": row["subject"], "actor": row["person"], "at": row["at"],
                "details": f'{{"act": "{row["act"]}", "reason": "{row["reason"]}"}}',
            }
            for row in acts
        ]  # fmt: skip
        key = "participant_id benefit sequence attempt end_to_end_id file_name"
        return {
            "instructions": table(f"{key} state", [last]),
            "attempt_ends": table(f"{key} end code_list reason_code evidence", rows),
            "reissue_acts": table("seq subject act reason person at", acts),
            "events": table("hash kind subject actor at details", events),
            "inbound": table("sha256", [{"sha256": REPORT}]),
        }

    def named(self, pack: dict[str, pa.Table], **more: Any) -> list[str]:
        return [f"{where}: {why}" for where, why in pack_again.differences(pack, **more)]

    @pytest.mark.parametrize(
        "ends",
        [
            [("rejected", "AC04")],
            [("withdrawn", None)],
            [("never_arrived", None)] * 7,
            [("rejected", "TM01"), ("withdrawn", None), ("rejected", "AC04")],
        ],
    )
    def test_what_a_remedy_asks_for_again_needs_nobody(self, ends: list[tuple[str, str | None]]) -> None:
        assert self.named(self.pack(*ends)) == []

    @pytest.mark.parametrize(
        "ends",
        [
            [("rejected", "MD07")],
            [("rejected", "ZZ99")],
            [("rejected", "AC04")] * 5,
            [("rejected", "AC04"), ("rejected", "TM01")] * 3,
        ],
        ids=["a death", "a code of no list", "one remedy too often", "six attempts"],
    )
    def test_what_no_machine_may_decide_needs_two_people(self, ends: list[tuple[str, str | None]]) -> None:
        (said,) = self.named(self.pack(*ends))
        assert said.startswith("tables/instructions, LAST: Its remedy")
        assert self.named(self.pack(*ends, agreed=f"E{len(ends)}")) == []
        assert self.named(self.pack(*ends), knows_remedies=False) == []
        (said,) = self.named(self.pack(*ends, agreed=f"E{len(ends)}", by_one=True))
        assert said.endswith("Nobody else had proposed what was approved.")

    def test_an_agreement_about_the_file_is_one_where_the_trouble_was_ours_alone(self) -> None:
        assert self.named(self.pack(("rejected", "AM04"), agreed="F1")) == []
        assert self.named(self.pack(("rejected", "MD07"), agreed="F1")) != []
        assert self.named(self.pack(("rejected", "MD07"), ("rejected", "MD07"), agreed="E1")) != [], (
            "of another attempt"
        )

    @pytest.mark.parametrize("place", [0, 1])
    def test_an_attempt_before_it_of_which_no_end_is_recorded_is_named(self, place: int) -> None:
        pack = self.pack(("rejected", "AC04"), ("rejected", "AC04"))
        rows = pack["attempt_ends"].to_pylist()
        del rows[place]
        cut = pack | {"attempt_ends": pa.Table.from_pylist(rows, schema=pack["attempt_ends"].schema)}
        assert self.named(cut) == ["tables/instructions, LAST: It follows an attempt of which no end is recorded."]

    def test_an_end_needs_evidence_and_a_state_and_acts_need_events(self) -> None:
        pack = self.pack(("rejected", "MD07"), agreed="E1")
        without = {"inbound": pack["inbound"].slice(1), "events": pack["events"].slice(1)}
        for name, other in without.items():
            assert self.named(pack | {name: other}) != []
        ended = pack["instructions"].set_column(6, "state", [["rejected"]])
        assert self.named(pack | {"instructions": ended}) == [
            "tables/attempt_ends, LAST: Its end is not the state that it stands in."
        ]
