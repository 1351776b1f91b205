"""Manners of the house that no other tool checks: what its files may say, and that its pages tell the truth about it."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = {
    ".cfg",
    ".csv",
    ".html",
    ".ini",
    ".json",
    ".lock",
    ".md",
    ".py",
    ".sh",
    ".sql",
    ".toml",
    ".txt",
    ".yaml",
    ".yml",
    "",
}
# Written in pieces, so that this file does not say what it forbids.
REGISTRIES = [
    ".".join(name) for name in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("deb", "debian", "org"))
]
ONE_MACHINE = ["/".join(("", *place, "")) for place in (("work", "main"), ("work", "shared"), ("root",))]
PAGES = ("README.md", "docker/README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/glossary.md", "docs/outcomes.md")
LINES_MAX = 550
FUNCTION_LINES_MAX = 60


def tracked() -> list[Path]:
    """The project's files: what git keeps, or everything outside .venv where there is no git."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = [ROOT / name for name in listed.stdout.split("\0") if name]
    found = names or [path for path in ROOT.rglob("*") if ".venv" not in path.parts and ".git" not in path.parts]
    return sorted(path for path in found if path.is_file())


def packages() -> list[str]:
    """Our top-level packages, as the folders show them; Airflow reads dags where it lies, it is no package to install."""
    return sorted({path.parent.name for path in ROOT.glob("*/__init__.py")} - {"dags", "tests"})


def python_files() -> list[Path]:
    """Our Python, tests and scripts included."""
    return [path for path in tracked() if path.suffix == ".py"]


def pyproject() -> dict:
    """The project's settings."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def rows_of(page: str) -> list[list[str]]:
    """The cells of every table row of a page, headings and rulers left out."""
    lines = [line for line in (ROOT / page).read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if not set(row[0]) <= {"-"} and row[0] not in {"word", "place", "folder"}]


@pytest.mark.parametrize("forbidden", [*REGISTRIES, *ONE_MACHINE])
def test_no_file_names_a_package_registry_or_a_place_of_one_machine(forbidden: str) -> None:
    texts = [path for path in tracked() if path.suffix in TEXT]
    naming = [str(path.relative_to(ROOT)) for path in texts if forbidden in path.read_text(errors="replace")]
    assert naming == []


def test_every_package_of_the_lock_bears_a_hash() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    named = re.findall(r"^[a-z0-9][^\s=]*==", lock, re.MULTILINE)
    hashed = re.findall(r"^[a-z0-9][^\s=]*==[^\n]*\\\n    --hash=sha256:", lock, re.MULTILINE)
    assert len(named) > 100
    assert len(hashed) == len(named)


def test_every_room_is_known_to_the_arrows_to_the_build_and_says_what_it_is() -> None:
    settings = pyproject()["tool"]
    rooms = packages()
    assert set(rooms) <= set(settings["importlinter"]["root_packages"])
    assert {f"{room}*" for room in rooms} == set(settings["setuptools"]["packages"]["find"]["include"])
    silent = [room for room in rooms if not ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text()))]
    assert silent == []


def test_every_folder_with_code_in_a_room_is_a_package() -> None:
    folders = {path.parent for path in python_files() if path.relative_to(ROOT).parts[0] in packages()}
    loose = [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").is_file()]
    assert sorted(path for path in loose if "migrations" not in path) == []


def test_files_and_functions_stay_readable() -> None:
    long = []
    for path in python_files():
        text = path.read_text()
        name = str(path.relative_to(ROOT))
        if text.count("\n") > LINES_MAX:
            long.append(f"{name}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    long.append(f"{name}: {node.name} has {lines} lines")
    assert long == []


def test_the_readme_names_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "make demo" in readme
    assert "make test" in readme


def test_the_fast_tests_can_be_run_on_every_python_that_is_supported() -> None:
    lowest, above = re.findall(r"3\.(\d+)", pyproject()["project"]["requires-python"])
    tried = re.search(r"^for version in (.+); do$", (ROOT / "scripts/test-pythons.sh").read_text(), re.MULTILINE)
    assert tried is not None
    assert tried[1].split() == [f"3.{minor}" for minor in range(int(lowest), int(above))]


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_that_a_page_names_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = re.findall(r"`([^`]+)`|^ {4}(.+)$", (ROOT / page).read_text(), re.MULTILINE)
    named = {target for pair in code for target in re.findall(r"^make ([a-z-]+)", "".join(pair))}
    assert named - targets == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / page).read_text())
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_the_glossary_gives_one_meaning_to_a_word_in_two_languages() -> None:
    rows = rows_of("docs/glossary.md")
    words = [row[0] for row in rows]
    assert sorted(words) == sorted(set(words))
    assert [row[0] for row in rows if not row[1] or not row[2]] == []


@pytest.mark.parametrize(
    "word",
    [
        "batch", "break", "consent", "cycle", "debited", "credited", "end_to_end_id", "entitlement", "entry", "exception",
        "file", "hold", "instruction", "lapsed", "match", "participant", "period", "proof", "quarantine", "reject",
        "release", "return", "statement", "status report", "tranche", "unknown", "wave",
    ],
)  # fmt: skip
def test_the_glossary_has_the_words_that_code_and_screens_use(word: str) -> None:
    assert word in [row[0] for row in rows_of("docs/glossary.md")]


def test_the_modules_that_see_personal_data_are_named_as_they_are() -> None:
    chapter = (
        (ROOT / "SECURITY.md").read_text().split("## The modules that see personal data in clear")[1].split("\n## ")[0]
    )
    named = re.findall(r"`([a-z]+/[a-z_]+)`", chapter)
    assert len(named) >= 5
    absent = [name for name in named if not (ROOT / f"{name}.py").exists() and not (ROOT / name).is_dir()]
    assert absent == []
