"""The cycle report: what it says of a cycle, and what it never does."""

from __future__ import annotations

from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from reconciliation.reports import figures, money_shown, words
from reconciliation.reports.facts import CycleFacts
from reconciliation.reports.figures import Sum
from reconciliation.reports.html import render
from schemas.codes import BREAKS, REMEDY
from tests.lib.cycle_facts import AT, HOSTILE, empty_cycle, full_cycle


def _decided(decision: str, people: int, reasons: str = "", **about: object) -> dict[str, object]:
    row = {"benefit": "incentive", "decision": decision, "reasons": reasons, "channel": "bni", "wave": 4}
    return row | {"people": people, "amount_idr": people * 600_000} | about


def _paid(state: str, people: int, **about: object) -> dict[str, object]:
    row = {"benefit": "incentive", "state": state, "is_reissue": False, "channel": "bni", "wave": 4}
    return row | {"people": people, "amount_idr": people * 600_000} | about


def _sides(reported: str, booked: str, people: int) -> dict[str, object]:
    seen = {"channel": "bni", "reported": reported, "booked": booked}
    return seen | {"people": people, "amount_idr": people * 600_000}


def _stated(people: int) -> list[dict[str, object]]:
    stages = ("batches", "file_headers", "file_details")
    return [{"stage": s, "channel": "bni", "people": people, "amount_idr": people * 600_000} for s in stages]


_HOLDING = [row for row in full_cycle().proofs.to_pylist() if row["holds"]]
_SETTLED = {"breaks": [], "proofs": _HOLDING, "paid": [_paid("credited", 5), _paid("rejected", 1)]}


class _Page(HTMLParser):
    """Tags, headings and whatever could reach the network."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_every_person_is_in_the_first_bar_and_every_later_bar_holds_those_who_came_further() -> None:
    facts = empty_cycle(
        decided=[_decided("due", 10), _decided("held", 4, "no_account")],
        paid=[_paid("credited", 7), _paid("rejected", 2), _paid("drafted", 1)],
    )
    assert {line.key: line.sum.people for line in figures.funnel(facts)} == {
        "people": 14,
        "due": 10,
        "instructed": 10,
        "sent": 9,
        "accepted": 7,
        "debited": 7,
        "credited": 7,
    }


def test_a_person_with_two_reasons_is_counted_under_both() -> None:
    facts = empty_cycle(
        decided=[_decided("held", 3, "account_closed;owner_mismatch"), _decided("held", 1, "account_closed")]
    )
    assert [(line.key, line.sum.people) for line in figures.reasons(facts, "held")] == [
        ("account_closed", 4),
        ("owner_mismatch", 3),
    ]


def test_what_a_hand_over_loses_is_named_and_what_no_name_explains_is_left_over() -> None:
    facts = empty_cycle(
        decided=[_decided("due", 10)],
        paid=[_paid("credited", 6), _paid("drafted", 3)],
        totals=_stated(9),
        sides=[_sides("credited", "debited", 4), _sides("silent", "nothing", 1)],
    )
    steps = {step.label.en: step for step in figures.hand_overs(facts)}
    batches, sent, reported = steps["Batches"], steps["Sent"], steps["Bank's status reports"]
    assert [(term.label.en, term.sum.people) for term in batches.terms] == [("not instructed", -1)]
    assert batches.rest == figures.NOTHING
    assert [(term.label.en, term.sum.people) for term in sent.terms] == [("drafted", -3)]
    assert reported.sum.people == 4
    assert reported.rest == Sum(-1, -600_000)


def test_a_refusal_before_any_debit_explains_why_the_statement_shows_less() -> None:
    facts = empty_cycle(
        decided=[_decided("due", 5)],
        paid=[_paid("credited", 4), _paid("rejected", 1)],
        totals=_stated(5),
        sides=[_sides("credited", "debited", 4), _sides("rejected", "nothing", 1)],
    )
    last = figures.hand_overs(facts)[-1]
    assert [(term.label.en, term.sum.people) for term in last.terms] == [("rejected before debit", -1)]
    assert last.rest == figures.NOTHING


def _known(at: datetime, figure: str, amount_idr: int, **more: Any) -> dict[str, Any]:
    return {"known_at": at, "dimension": "all", "key": "", "figure": figure, "amount_idr": amount_idr, **more}


def test_the_money_at_the_period_s_end_stands_beside_that_at_the_report() -> None:
    end, people = AT - timedelta(days=12), {"people_count": 2, "transaction_count": 3}
    rows = [
        _known(end, "funded", 3_000_000, transaction_count=1),
        _known(AT, "funded", 4_000_000, transaction_count=2),
        _known(AT, "credited", 600_000, **people),
        _known(AT, "rejected", 0, people_count=0, transaction_count=0),
    ]
    assert [
        (label.en, {line.key: line.sum for line in lines})
        for label, lines in money_shown.moments(empty_cycle(money=rows))
    ] == [
        ("at the period's end", {"funded": (1, 3_000_000)}),
        ("at the report", {"funded": (2, 4_000_000), "credited": (2, 600_000), "instructed": (0, 0)}),
    ]


def test_the_bar_of_the_money_received_is_parted_by_where_it_is() -> None:
    rows = [_known(AT, *each) for each in (("allocated", 9), ("funded", 5), ("credited", 2), ("waiting", 1))]
    assert [(parts, whole, amount) for _, parts, whole, amount in money_shown.bars(empty_cycle(money=rows))] == [
        ([("credited", 2), ("debited", 0), ("accepted", 0), ("released", 1)], 9, amount) for amount in (9, 5)
    ]


def test_allocated_received_released_and_credited_stand_apart_with_what_lies_between_them_at_each_moment() -> None:
    found = [[(line.key, line.sum.idr) for line in lines] for _, lines in money_shown.apart(full_cycle())]
    assert found[1] == [
        ("allocated", 72_420_000_000),
        ("allocated_less_funded", 29_420_000_000),
        ("funded", 43_000_000_000),
        ("funded_less_released", 41_110_000_000),
        ("released", 1_890_000_000),
        ("released_less_credited", 150_000_000),
        ("credited", 1_740_000_000),
    ]
    assert dict(found[0])["allocated_less_funded"] == 47_420_000_000
    assert money_shown.apart(empty_cycle()) == []


def test_the_trial_balance_has_all_parts_together_and_each_and_both_add_to_nothing() -> None:
    rows = money_shown.trial(full_cycle())
    for part in {row.part for row in rows}:
        mine = [row for row in rows if row.part == part]
        assert sum(row.balance_idr for row in mine) == 0
        assert [row.is_first for row in mine] == [True] + [False] * (len(mine) - 1)
    whole = {row.account.en: row.balance_idr for row in rows if row.part is None}
    assert whole["cash"] == 42_400_000_000


def test_claims_stand_with_their_last_day_age_and_state_and_deposits_with_both_numbers_and_what_they_took() -> None:
    text = " ".join(_Page(render(full_cycle())).text)
    for said in ("2020-11-30", "103", "lewat 60 hari", "overdue", "0A1B2C3D4E5F6G7H", "202012010001", "PRK0000001XA"):
        assert said in text
    assert "P000" not in render(empty_cycle(receivables=full_cycle().receivables.to_pylist())), "nobody is named"


def test_without_money_there_is_nothing_to_show_of_it() -> None:
    assert money_shown.moments(empty_cycle()) == []


@pytest.mark.parametrize(
    "consent, fault",
    [
        ({"person": "budi", "digest": "d"}, None),
        ({"person": " SITI ", "digest": "d"}, "the maker consented"),
        ({"person": "budi", "digest": "other"}, "consent to other bytes"),
        (None, "no consent"),
    ],
)
def test_a_release_by_its_maker_or_to_other_bytes_is_a_fault(
    consent: dict[str, object] | None, fault: str | None
) -> None:
    batch = {
        "batch": "B1", "channel": "bni", "transaction_count": 1, "control_sum_idr": 600_000, "digest": "d",
        "maker": "siti", "state": "submitted",
    }  # fmt: skip
    given = [] if consent is None else [{"purpose": "release", "subject": "B1", "via": "cli", "at": AT, **consent}]
    (release,) = figures.releases(empty_cycle(batches=[batch], consents=given))
    assert (release.fault.en if release.fault else None) == fault


def test_a_break_settled_by_two_people_is_no_longer_open_and_open_ones_come_first_and_oldest_first() -> None:
    found = figures.breaks(full_cycle())
    assert [each.days for each in found] == [70, 40, 12, 4]
    row = dict(found[0].row) | {"case_state": "approved"}
    settled = figures.breaks(full_cycle(breaks=[row]))
    assert [each.is_open for each in settled] == [False]
    assert figures.ageing(settled) == []


def test_the_sides_of_a_break_read_as_rupiah_or_as_a_state_in_words() -> None:
    (row,) = full_cycle().breaks.slice(0, 1).to_pylist()
    rows = [
        row | {"kind": "amount_differs", "expected": "600000", "found": "60000"},
        row | {"kind": "contradiction", "expected": "credited", "found": None},
    ]
    found = {each.row["kind"]: (each.ours.id, each.theirs.id) for each in figures.breaks(full_cycle(breaks=rows))}
    assert found == {"amount_differs": ("Rp600.000", "Rp60.000"), "contradiction": ("dikreditkan", "–")}


def test_every_code_that_has_a_remedy_has_words() -> None:
    assert words.CODES.keys() == {code for _, code in REMEDY}


def test_every_kind_of_break_says_in_indonesian_what_closes_it() -> None:
    assert words.RESOLVED_BY.keys() == BREAKS.keys()


@pytest.mark.parametrize(
    "facts, verdict",
    [
        (empty_cycle(), "Belum direkonsiliasi"),
        (full_cycle(), "Rekonsiliasi sementara"),
        (full_cycle(breaks=[]), "Rekonsiliasi sementara"),
        (full_cycle(breaks=[], proofs=_HOLDING), "Rekonsiliasi sementara"),
        (full_cycle(**_SETTLED), "Rekonsiliasi sementara"),
        (full_cycle(**_SETTLED, money_proofs=[]), "Rekonsiliasi final"),
    ],
)
def test_the_minutes_are_final_only_when_nothing_is_open_and_every_equation_holds(
    facts: CycleFacts, verdict: str
) -> None:
    page = render(facts)
    assert verdict in page
    assert ("Final" in page.split('id="sign_off"')[1]) == (verdict == "Rekonsiliasi final")


def test_an_equation_that_does_not_hold_names_the_missing_rupiah() -> None:
    missing = render(full_cycle()).split("Equations that do not hold")[1]
    assert "Rp600.000</td>" in missing.split("</table>")[0]


def test_the_signed_amount_stands_in_words() -> None:
    page = render(empty_cycle(decided=[_decided("due", 2)], paid=[_paid("credited", 2)]))
    assert "satu juta dua ratus ribu rupiah" in page


def test_a_cycle_of_which_little_is_known_has_no_empty_headings() -> None:
    page = render(empty_cycle(decided=[_decided("due", 2)]))
    shown = [key for key in ("population", "match", "money", "breaks", "ended", "files") if f'id="{key}"' in page]
    assert shown == []
    assert 'id="decisions"' in page


def test_what_a_source_or_a_bank_wrote_never_becomes_a_tag() -> None:
    page = render(full_cycle())
    assert HOSTILE not in page
    assert page.count("&lt;script&gt;") == page.count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;") > 2
    assert _Page(page).tags.count("script") == 1


def test_the_page_reaches_for_nothing_outside_itself() -> None:
    page = render(full_cycle())
    beside = {
        "report-2020-12.xlsx",
        "report-2020-12-tables/manifest.json",
        "data-docs/2020-12/index.html",
        "pack-2020-12.zip",
    }
    assert {address for address in _Page(page).addresses if not address.startswith("#")} == beside
    assert "@import" not in page
    assert "url(" not in page
    assert "default-src 'none'" in page


def test_the_same_facts_give_the_same_bytes() -> None:
    assert render(full_cycle()) == render(full_cycle())


def test_a_long_list_is_cut_and_says_that_the_pack_has_the_rest() -> None:
    (row,) = full_cycle().ended.slice(0, 1).to_pylist()
    page = render(full_cycle(ended=[row | {"end_to_end_id": f"PRK{i:012d}"} for i in range(201)]))
    assert "PRK000000000199" in page
    assert "PRK000000000200" not in page
    assert "200 of 201 rows are shown" in page


def test_figures_are_broken_down_by_benefit_and_a_person_with_two_decisions_is_counted_once() -> None:
    survey = {"benefit": "survey", "amount_idr": 150_000}
    facts = empty_cycle(
        decided=[_decided("due", 10), _decided("due", 3, **survey), _decided("not_due", 7, "not_yet_due", **survey)],
        paid=[_paid("credited", 10), _paid("rejected", 3, **survey)],
    )
    assert figures.funnel(facts)[0].sum.people == 10
    assert [line.sum for line in figures.decisions(facts, "survey")] == [Sum(3, 150_000), Sum(7, 150_000)]
    by_benefit = {
        group.label.en: (group.due, group.failed) for group in figures.groups(facts, "benefit", words.BENEFITS)
    }
    assert by_benefit == {
        "Incentive": (Sum(10, 6_000_000), Sum(0, 0)),
        "Survey": (Sum(3, 150_000), Sum(3, 150_000)),
    }
    page = render(facts)
    assert "By benefit" in page
    assert "Menurut manfaat" in page
