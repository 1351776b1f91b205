"""The audit of dependencies says what is known, and never calls clean what it has not looked up."""

from __future__ import annotations

from scripts.audit import told

CLEAN = {"name": "clean", "version": "1.0", "vulns": []}
SKIPPED = {"name": "unknown-there", "skip_reason": "Dependency not found"}
KNOWN = {
    "name": "weak",
    "version": "2.0",
    "vulns": [
        {"id": "PYSEC-1", "fix_versions": ["2.1", "3.0"], "aliases": [], "description": ""},
        {"id": "PYSEC-2", "fix_versions": [], "aliases": [], "description": ""},
    ],
}


def test_each_finding_names_the_package_and_the_release_that_mends_it() -> None:
    against, _ = told([CLEAN, KNOWN])
    assert against == ["weak 2.0: PYSEC-1, mended in 2.1, 3.0", "weak 2.0: PYSEC-2, mended in no release yet"]


def test_a_package_that_the_service_does_not_know_is_not_called_clean() -> None:
    assert told([CLEAN, SKIPPED]) == ([], ["unknown-there"])
