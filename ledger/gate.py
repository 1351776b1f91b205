"""The one gate through which every step's tables pass: checks run, results kept, a failed stop ends the step."""

from collections import Counter
from types import TracebackType

import pyarrow as pa

from ledger import store
from ledger.house import House
from ledger.instants import to_micros
from schemas.errors import CheckFailed


class Gate:
    """Collects what the checks of one run of a step find, and keeps it when the step ends, or when a check stops it.

    `period` is the one that the step is about; intake and collection are about none.
    Used around the step's own transaction: `with Gate(...) as gate, store.transaction() as connection`. A failed stop
    raises inside, so the step's transaction is undone; the results are saved afterwards, in one of their own. Where a step given
    again would not check the same rows again, it keeps the results with the rows themselves (`keep`).
    """

    def __init__(self, house: House, step: str, run_id: str, period: str | None = None) -> None:
        self._house = house
        self._step = step
        self._run_id = run_id
        self._period = period
        self._rows: Counter[tuple[str, str, str | None, str]] = Counter()
        self._failed: Counter[tuple[str, str, str | None, str]] = Counter()
        self._unmet: set[tuple[str, str, str | None, str]] = set()
        self._observed: dict[tuple[str, str, str | None, str], str | None] = {}
        self._is_kept = False

    def __enter__(self) -> "Gate":
        return self

    def check(self, name: str, table: pa.Table) -> list[int]:
        """Run the suite of `name` over a table or a batch of it; returns the positions of rows to be set aside."""
        aside: set[int] = set()
        for finding in self._house.check(table, name):
            key = (finding.table, finding.expectation, finding.column, finding.action)
            self._rows[key] += finding.row_count
            self._failed[key] += finding.failed_count
            self._observed[key] = finding.observed
            if not finding.success:
                self._unmet.add(key)
            aside.update(finding.failed_rows)
        return sorted(aside)

    def stop_if_failed(self) -> None:
        """Raise `CheckFailed` when an expectation that stops is not met."""
        stops = sorted((key[:3] for key in self._unmet if key[3] == "stop"), key=str)
        if stops:
            table, expectation, column = stops[0]
            raise CheckFailed(
                f"{len(stops)} data checks stop {self._step}; the first is {expectation} of {table}"
                f"{f' ({column})' if column else ''}: {self._failed[(*stops[0], 'stop')]} rows.",
                "Nothing of this step was kept.",
                "See `salur export checks`, mend the source, and give the command again.",
            )

    def warnings(self) -> list[str]:
        """The checks that warn, in words for the operator."""
        return [
            f"{table}: {expectation}{f' ({column})' if column else ''}, {self._failed[table, expectation, column, action]} rows"
            for table, expectation, column, action in sorted(self._unmet, key=str)
            if action == "warn"
        ]

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if error is not None and not isinstance(error, CheckFailed):
            return  # refused, or out of reach: nothing of the step stays, and what went wrong is not hidden by a second error
        if error is None and self._is_kept:
            return
        with self._house.store.transaction() as connection:
            self.keep(connection)

    def keep(self, connection: store.Connection) -> None:
        """Save the results in the transaction of the rows that they are about, when all checks are done: both stay, or neither."""
        self._is_kept = True
        first = store.next_seq(connection, store.check_results)
        rows = [
            {
                "seq": seq,
                "run_id": self._run_id,
                "period": self._period,
                "step": self._step,
                "table": key[0],
                "expectation": key[1],
                "column": key[2],
                "action": key[3],
                "success": key not in self._unmet,
                "failed_count": self._failed[key],
                "row_count": self._rows[key],
                "observed": self._observed[key],
                "at": to_micros(self._house.at),
            }
            for seq, key in enumerate(sorted(self._rows, key=str), first)
        ]
        store.insert(connection, store.check_results, rows)
