"""A bank's file that cannot be read is a difference with a name until a readable one of its name has come."""

import pyarrow as pa

from reconciliation.breaks import Findings, tell_unreadable


def received(*rows: tuple[str, str, str]) -> pa.Table:
    """(bank, file_name, state), oldest first."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    names = ["bank", "file_name", "state"]
    table = pa.table(dict(zip(names, columns, strict=True)))
    digests = [f"{number:064x}" for number in range(table.num_rows)]
    reasons = ["It is not XML." if state == "quarantined" else None for state in columns[2]]
    return table.append_column("sha256", pa.array(digests)).append_column("reason", pa.array(reasons, pa.string()))


def breaks(*rows: tuple[str, str, str]) -> list[tuple[str, str, str]]:
    findings = Findings("2020-07", {})
    tell_unreadable(received(*rows), findings)
    return sorted((row["bank"], row["kind"], row["found"]) for row in findings.table().to_pylist())


def test_a_file_that_could_not_be_read_is_a_break_that_says_why() -> None:
    assert breaks(("bni", "a.xml", "quarantined")) == [("bni", "unreadable_file", "It is not XML.")]


def test_a_readable_file_of_the_same_name_explains_it() -> None:
    assert breaks(("bni", "a.xml", "quarantined"), ("bni", "a.xml", "taken")) == []


def test_another_banks_file_of_that_name_explains_nothing() -> None:
    assert len(breaks(("bni", "a.xml", "quarantined"), ("bca", "a.xml", "taken"))) == 1


def test_two_unreadable_files_are_two_breaks() -> None:
    assert len(breaks(("bni", "a.xml", "quarantined"), ("bni", "b.xml", "quarantined"))) == 2
