"""Debian's Chromium, driven by Playwright: no browser is downloaded."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
PATIENCE_MS = 600_000
expect.set_options(timeout=PATIENCE_MS)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium; skip if there is none, and fail in CI."""
    program = shutil.which("chromium")
    if program is None:
        advice = "NOT LOOKED AT: nobody opened the report, apt-get install chromium"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(advice)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS, timeout=PATIENCE_MS)
        yield browser
        browser.close()


class Reader:
    """A reader of pages from disk; records their requests and their messages on the console."""

    def __init__(self, browser: Browser, width: int = 1280, scheme: str = "light", scripts: bool = True):
        self.context = browser.new_context(
            viewport={"width": width, "height": 844}, color_scheme=scheme, java_script_enabled=scripts
        )
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, path: Path, after: str = "") -> Page:
        """Open a page from disk; `after` begins with # where it is given."""
        self.page.goto(f"file://{path.resolve()}{after}")
        return self.page

    def outside(self) -> list[str]:
        """Return the requests for anything but files."""
        return [url for url in self.requests if not url.startswith(("file:", "data:"))]

    def violations(self) -> list[str]:
        """Return what axe-core finds on the page, with the first element of each."""
        results = Axe().run(self.page).response["violations"]
        return [
            f"{violation['id']}: {violation['nodes'][0]['html'][:200]} ({len(violation['nodes'])})"
            for violation in results
        ]
