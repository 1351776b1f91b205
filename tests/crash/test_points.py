"""Every act that a process cannot take back stands inside `failpoints.around`: a new one without a point is found here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("banks", "disbursement", "ledger", "platforms", "reconciliation", "schemas", "treasury")
WRITES = frozenset(
    "commit copytree link move mv pipe_file posix_rename remove rename rm rm_file rmtree unlink write_bytes"
    " write_text".split()
)
"""Calls by which a step changes what others see; a `replace` counts with one argument, as a path has it."""
APART = {
    "ledger/migrations": "one transaction of the store, whose commit has its points",
    "disbursement/sources/sql.py": "ends a read-only transaction of another's database",
    "schemas/checks.py": "a folder of the library's own, which nobody else sees",
    "treasury/demo.py": "the demonstration is no step",
    "treasury/desk/standalone.py": "the demonstration's Airflow",
    "treasury/local_postgres.py": "the server of the demonstration and of tests",
    "treasury/many_worlds.py": "rehearsals are no steps",
    "treasury/rehearsal.py": "rehearsals are no steps",
    "treasury/worlds.py": "rehearsals are no steps",
}
INSIDE = {
    ("ledger/archive.py", "rm"): "room for the next attempt, after an error",
    ("reconciliation/reports/data_docs.py", "rmtree"): "a hidden folder of our own",
    ("reconciliation/reports/data_docs.py", "write_text"): "inside `docs write` of its caller",
}


def unguarded(path: Path) -> Iterator[str]:
    """The calls of WRITES in a file that stand outside `around`, as `line: name`."""

    def walk(node: ast.AST, is_inside: bool) -> Iterator[str]:
        if isinstance(node, ast.With | ast.AsyncWith):
            is_inside = is_inside or any("around(" in ast.unparse(item.context_expr) for item in node.items)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not is_inside:
            name = node.func.attr
            is_path = name == "replace" and len(node.args) == 1 and not node.keywords
            if name in WRITES or is_path:
                yield f"{node.lineno}: {name}"
        for child in ast.iter_child_nodes(node):
            yield from walk(child, is_inside)

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), False)


def test_nothing_is_written_or_named_without_a_point() -> None:
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if any(name.startswith(apart) for apart in APART):
                continue
            found += [f"{name}:{each}" for each in unguarded(path) if (name, each.split()[1]) not in INSIDE]
    assert found == []


def test_the_search_finds_a_write_without_a_point(tmp_path: Path) -> None:
    source = tmp_path / "new.py"
    source.write_text(
        "def f(p, q):\n    with around('x'):\n        p.rename(q)\n    p.replace(q)\n    'a'.replace('a', 'b')\n"
    )
    assert list(unguarded(source)) == ["4: replace"]
