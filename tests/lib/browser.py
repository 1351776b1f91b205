"""A person at a browser: logs in to Airflow and answers a question with the mouse and the keyboard, nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright

from tests.lib.needs import browser_path

SEEN_MS = 30_000


@contextmanager
def logged_in(url: str, user: str, password: str) -> Iterator[Page]:
    """A page of a real Chromium in which `user` has come in through Airflow's login form."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser_path(), args=sandbox)
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(SEEN_MS)
        page.goto(f"{url}/auth/login")
        page.fill("input[name=username]", user)
        page.fill("input[name=password]", password)
        page.click("button[type=submit]")
        page.wait_for_url(lambda address: "/auth/login" not in address)
        yield page
        chromium.close()


def answer(page: Page, url: str, subject: str, button: str, reason: str | None = None) -> None:
    """Open the required action of that subject, type the reason where one is given, press the button.

    Airflow must take the answer; a button that cannot be pressed is an error of the page.
    """
    page.goto(f"{url}/required_actions")
    page.get_by_role("link", name=subject).first.click()
    if reason is not None:
        page.get_by_role("textbox").first.fill(reason)
    with page.expect_response(lambda got: got.request.method == "PATCH" and "hitlDetails" in got.url) as taken:
        page.get_by_role("button", name=button, exact=True).click()
    assert taken.value.ok, taken.value.status
