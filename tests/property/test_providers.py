"""Payments by provider and platform: for any payments and any knowledge of trainings, what a plain loop over them says."""

from __future__ import annotations

from collections import defaultdict

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.reports import providers
from reconciliation.reports.cycle import counted
from reconciliation.reports.figures import NOTHING, Sum
from reconciliation.reports.qualified import SCHEMA, with_training
from schemas.codes import INSTRUCTION_STATES
from tests.lib.cycle_facts import empty_cycle

PEOPLE, TRAININGS = [f"P{n}" for n in range(6)], [f"T{n}" for n in range(4)]
_NAMES = st.one_of(st.none(), st.sampled_from(["Lembaga A", "Lembaga B", providers.UNKNOWN.id, "=1+1"]))
_PAYMENT = st.tuples(
    st.sampled_from(PEOPLE), st.sampled_from(["incentive", "survey"]), st.sampled_from(sorted(INSTRUCTION_STATES)), st.integers(1, 10**12)
)  # fmt: skip
_KNOWN = st.dictionaries(st.sampled_from(PEOPLE), st.tuples(st.one_of(st.none(), st.sampled_from(TRAININGS)), _NAMES))
_CATALOGUE = st.dictionaries(st.sampled_from(TRAININGS), _NAMES)


@given(st.lists(_PAYMENT, max_size=30), _KNOWN, _CATALOGUE)
def test_each_list_is_what_a_loop_over_the_payments_says_and_sums_to_the_whole(
    payments: list[tuple[str, str, str, int]],
    known: dict[str, tuple[str | None, str | None]],
    catalogue: dict[str, str | None],
) -> None:
    expected: dict[str, dict[tuple[str | None, str], Sum]] = {"provider": defaultdict(lambda: NOTHING)}
    expected["platform"] = defaultdict(lambda: NOTHING)
    expected["training"] = defaultdict(lambda: NOTHING)
    for who, _, state, amount_idr in payments:
        training, platform = known.get(who, (None, None))
        of = {"training": training, "platform": platform, "provider": catalogue.get(training or "")}
        for key, name in of.items():
            expected[key][name, state] += Sum(1, amount_idr)

    columns = dict(zip(("participant_id", "benefit", "state", "amount_idr"), zip(*payments, strict=True), strict=False))
    schema = pa.schema(
        [(name, pa.string()) for name in ("participant_id", "benefit", "state")] + [("amount_idr", pa.int64())]
    )
    rows = pa.table({name: pa.array(columns.get(name, ()), schema.field(name).type) for name in schema.names})
    people = [{"participant_id": who, "training_id": t, "platform": p} for who, (t, p) in known.items()]
    trained = counted("trained_paid", with_training(rows, pa.Table.from_pylist(people, schema=SCHEMA)))
    facts = empty_cycle(
        trained_paid=trained.to_pylist(),
        trainings=[{"training_id": each, "title": None, "provider": name} for each, name in catalogue.items()],
        paid=[{"state": state, "people": 1, "amount_idr": amount_idr} for _, _, state, amount_idr in payments],
    )

    for each in providers.shares(facts):
        found = {
            (None if line.is_unknown else line.key or line.label.id, state): sum_
            for line in each.lines
            for state, sum_ in line.states.items()
        }
        assert found == expected[each.key]
        assert all(part.holds for part in providers.equations(facts, each.lines).values())
    assert bool(providers.shares(facts)) == bool(payments)
