"""The pictures in README: a demonstration runs, a real browser looks at it, PNG files land in docs/images.

Needs a Chromium of the machine's own (Debian: apt-get install chromium). The demonstration waits for its second person as a
treasury's would; this script takes the picture of the question, answers it as that person, and goes on.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

from treasury.desk.rest import Desk

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WINDOW = {"width": 1440, "height": 900}
SETTLE_MS = 2500
"""The UI goes on drawing after its last request."""


def main() -> int:
    """Runs the demonstration and takes every picture."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        sys.exit(
            "What: no Chromium was found.\nWhy:  pictures are taken by a real one.\nDo:   apt-get install chromium"
        )
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as root, page_of(browser) as page:
        demo = [sys.executable, "-m", "treasury.demo", "--keep", "--approve", "ui", "--root", root]
        process = subprocess.Popen(demo, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        seen: dict[str, str] = {}
        try:
            assert process.stdout is not None
            for line in process.stdout:
                sys.stdout.write(line)
                follow(page, line, seen)
            if process.wait() == 0:
                after(page, seen)
        finally:
            process.terminate()
            if any(Path(root).glob("*/processes.json")):
                (folder,) = Path(root).iterdir()
                subprocess.run([sys.executable, "-m", "treasury.demo", "--stop", str(folder)], cwd=ROOT, check=False)
        return process.returncode


def follow(page: Page, line: str, seen: dict[str, str]) -> None:
    """Reads one line of the demonstration; when it waits for its second person, looks, and answers."""
    if found := re.search(r"(http://\S+)/required_actions", line):
        seen["url"] = found[1]
    if found := re.search(r"Laporan / report: (.+)", line):
        seen["report"] = found[1].strip()
    if found := re.search(r"sandi / password: (\S+)", line):
        seen["password"] = found[1]
        log_in(page, seen["url"], found[1])
        take(page, f"{seen['url']}/required_actions", "required-actions")
        with Desk(seen["url"], "checker", found[1]) as checker:
            for run in checker.runs("disburse"):
                for question in checker.questions("disburse", run["dag_run_id"]):
                    checker.answer(question, "Approve")


def after(page: Page, seen: dict[str, str]) -> None:
    """What is worth a look once the month is reconciled."""
    take(page, f"{seen['url']}/dags", "dags")
    take(page, f"{seen['url']}/dags/disburse", "dag-disburse", ("Show Graph", "Expand all task groups"))
    found = sorted(Path(seen["report"]).rglob("*.html")) if Path(seen["report"]).is_dir() else [Path(seen["report"])]
    take(page, found[0].resolve().as_uri(), "report")


def log_in(page: Page, url: str, password: str) -> None:
    """The browser carries the same token that Airflow's login form leaves behind."""
    answer = httpx.post(f"{url}/auth/token", json={"username": "checker", "password": password}, trust_env=False)
    answer.raise_for_status()
    page.context.add_cookies([{"name": "_token", "value": answer.json()["access_token"], "url": url}])


def take(page: Page, address: str, name: str, press: Sequence[str] = ()) -> None:
    """One picture of one page, after pressing the buttons whose names begin so."""
    page.goto(address, wait_until="load")
    page.wait_for_timeout(SETTLE_MS)
    for button in press:
        page.get_by_role("button", name=re.compile(f"^{button}")).first.click()
        page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=IMAGES / f"{name}.png")
    sys.stdout.write(f"docs/images/{name}.png\n")


@contextmanager
def page_of(browser: str) -> Iterator[Page]:
    """A fresh page of the machine's browser, which root may only run without its sandbox."""
    options: dict[str, Any] = {"args": ["--no-sandbox"] if os.geteuid() == 0 else []}
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, **options)
        yield chromium.new_page(viewport=WINDOW, device_scale_factor=1, locale="id-ID", timezone_id="Asia/Jakarta")
        chromium.close()


if __name__ == "__main__":
    sys.exit(main())
