"""The report by training provider and platform: whose participants were paid, and that no payment is left out."""

from __future__ import annotations

from html import unescape

from reconciliation.reports import figures, providers
from reconciliation.reports.facts import CycleFacts
from reconciliation.reports.figures import Sum
from reconciliation.reports.html import render
from tests.lib.cycle_facts import COMMAND, FORMULA, HOSTILE, empty_cycle, full_cycle


def _row(training: str | None, people: int, **more: object) -> dict[str, object]:
    row = {"benefit": "incentive", "training_id": training, "platform": "Sekolah Contoh" if training else None}
    return row | {"people": people, "amount_idr": people * 600_000} | more


def _cycle(count: int = 3) -> CycleFacts:
    """`count` trainings by as many providers with 1, 2, … instructions each, and four payments of no known training."""
    ids = [f"T-{n:02}" for n in range(1, count + 1)]
    paid = [_row(each, n, state="credited") for n, each in enumerate(ids, 1)]
    paid += [_row(None, 4, state="rejected"), _row(ids[0], 5, state="withdrawn"), _row(ids[1], 1, state="unknown")]
    whole = sum(row["people"] for row in paid)  # type: ignore[misc]
    counts = {
        state: sum(r["people"] for r in paid if r["state"] == state)
        for state in ("credited", "rejected", "withdrawn", "unknown")
    }  # type: ignore[misc]
    return empty_cycle(
        trainings=[{"training_id": each, "title": "Judul", "provider": f"Lembaga {each}"} for each in ids],
        trained_due=[_row(ids[0], whole)],
        trained_paid=paid,
        decided=[
            {"benefit": "incentive", "decision": "due", "reasons": "", "people": whole, "amount_idr": whole * 600_000}
        ],
        paid=[
            {"benefit": "incentive", "state": state, "is_reissue": False, "people": n, "amount_idr": n * 600_000}
            for state, n in counts.items()
        ],
    )


def test_each_provider_has_what_was_instructed_for_its_participants_and_where_it_stands() -> None:
    (by_provider, _, _) = providers.shares(_cycle())
    first = next(line for line in by_provider.lines if line.label.id == "Lembaga T-01")
    assert (first.instructed, first.paid, first.failed, first.open, first.withdrawn) == (
        Sum(6, 3_600_000), Sum(1, 600_000), figures.NOTHING, figures.NOTHING, Sum(5, 3_000_000),
    )  # fmt: skip
    assert next(line.open for line in by_provider.lines if line.label.id == "Lembaga T-02") == Sum(1, 600_000)


def test_what_is_not_known_is_a_line_of_its_own_and_the_last() -> None:
    for each in providers.shares(_cycle()):
        assert [line.is_unknown for line in each.lines].index(True) == len(each.lines) - 1
        assert each.lines[-1].failed == Sum(4, 2_400_000)


def test_a_provider_who_calls_itself_unknown_is_not_taken_for_the_unknown() -> None:
    facts = empty_cycle(
        trainings=[{"training_id": "T-1", "title": None, "provider": providers.UNKNOWN.id}],
        trained_paid=[_row("T-1", 1, state="credited"), _row(None, 2, state="credited")],
    )
    by_provider = providers.shares(facts)[0]
    assert [(line.is_unknown, line.instructed.people) for line in by_provider.lines] == [(False, 1), (True, 2)]


def test_the_lines_of_every_list_sum_to_the_period_and_a_payment_left_out_shows() -> None:
    facts = _cycle(40)
    for each in providers.shares(facts):
        assert all(part.holds for part in providers.equations(facts, each.lines).values())
        assert not providers.equations(facts, each.lines[1:])["instructed"].holds


def test_a_long_list_is_cut_to_the_largest_and_the_others_stand_on_one_line_so_that_the_sum_is_the_same() -> None:
    by_provider = providers.shares(_cycle(40))[0]
    assert len(by_provider.lines) == 41
    assert len(by_provider.shown) == providers.SHOWN_MAX + 2
    assert by_provider.shown[-2].label.en == "25 others, summed"
    for name in providers.COLUMNS:
        whole = figures.total(getattr(line, name) for line in by_provider.lines)
        assert figures.total(getattr(line, name) for line in by_provider.shown) == whole


def test_what_providers_call_themselves_never_becomes_a_tag_or_a_second_provider() -> None:
    page = render(full_cycle()).split('id="trained"')[1].split("</section>")[0]
    assert HOSTILE not in page
    assert {FORMULA, COMMAND, HOSTILE} <= {
        line.label.id for each in providers.shares(full_cycle()) for line in each.lines
    }
    assert "Platform Contoh A" in unescape(page)
    assert "differs" not in page


def test_a_cycle_without_a_payment_has_no_list() -> None:
    assert providers.shares(empty_cycle()) == []
    assert 'id="trained"' not in render(empty_cycle())
