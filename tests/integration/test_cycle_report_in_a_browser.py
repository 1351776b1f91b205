"""The cycle report and its data docs in a real browser: they render, ask for nothing, and fit a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from reconciliation.reports.data_docs import write_docs
from reconciliation.reports.html import render
from tests.lib.cycle_facts import full_cycle
from tests.lib.needs import browser_path

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(render(full_cycle()), encoding="utf-8")
    return file.as_uri()


def _open(browser: Browser, address: str, *, width: int = 1200, scripts: bool = True) -> tuple[Page, list[str]]:
    page = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=scripts).new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: None if request.url == address else complaints.append(request.url))
    page.goto(address)
    return page, complaints


def test_the_page_renders_without_a_complaint_and_asks_the_network_for_nothing(browser: Browser, address: str) -> None:
    page, complaints = _open(browser, address)
    assert page.locator("section").count() == 17
    assert page.locator("svg.flow").bounding_box()["height"] > 300  # type: ignore[index]
    assert complaints == []


@pytest.mark.parametrize("scripts", [True, False])
def test_the_language_changes_with_and_without_scripts(browser: Browser, address: str, scripts: bool) -> None:
    page, _ = _open(browser, address, scripts=scripts)
    indonesian, english = page.get_by_text("Uang: posisi dana").last, page.get_by_text("Money: where it stands").last
    assert (indonesian.is_visible(), english.is_visible()) == (True, False)
    page.locator("label.language").click()
    assert (indonesian.is_visible(), english.is_visible()) == (False, True)


def test_the_language_can_be_changed_from_the_keyboard(browser: Browser, address: str) -> None:
    page, _ = _open(browser, address)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert page.evaluate("document.documentElement.lang") == "en"


@pytest.mark.parametrize("english", [False, True])
def test_nothing_overflows_on_a_phone(browser: Browser, address: str, english: bool) -> None:
    page, _ = _open(browser, address + ("#en" if english else ""), width=390)
    wide = page.evaluate(
        """[...document.querySelectorAll("body *")]
            .filter(e => e.getBoundingClientRect().right > 391 && !e.closest(".scroll") && e.id !== "english")
            .map(e => e.tagName + " " + e.className)"""
    )
    assert wide == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_it_prints_on_numbered_pages(browser: Browser, address: str, tmp_path: Path) -> None:
    page, _ = _open(browser, address)
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    assert pdf.startswith(b"%PDF")
    assert pdf.count(b"/Type /Page\n") > 5


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    index = write_docs(full_cycle(), tmp_path_factory.mktemp("docs"))
    assert index is not None
    return index


def test_every_page_of_the_data_docs_opens_without_a_network_and_leads_back(browser: Browser, docs: Path) -> None:
    index, complaints = _open(browser, docs.as_uri())
    links = index.locator("table a").evaluate_all("all => all.map(a => a.href)")
    assert len(links) == 6
    for link in links:
        page, told = _open(browser, link)
        complaints += told
        assert page.locator(".table, ul").count() > 1
        page.get_by_text("Home").first.click()
        assert page.url == docs.as_uri()
    assert [each for each in complaints if each != docs.as_uri()] == []


def test_a_check_that_is_not_met_shows_how_many_rows_of_how_many(browser: Browser, docs: Path) -> None:
    page, _ = _open(browser, docs.as_uri())
    page.get_by_role("link", name="participants.v1").first.click()
    assert page.get_by_text("3 unexpected values found").is_visible()
    assert page.get_by_text("of 20402 total rows").is_visible()
