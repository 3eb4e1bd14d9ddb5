"""The histories and the browser that the tests of the report share."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fixtures import long_history, report_states
from fixtures.made_once import made_once
from fixtures.report_history import MONTH
from fixtures.workflow import Clone
from playwright.sync_api import Browser
from servers.browser import Reader, chromium


@pytest.fixture(scope="session")
def history(built: Clone, tmp_path_factory) -> Path:
    """Run months 2023-11 to 2024-01 of green, made of a built one; not to be changed."""
    with made_once(tmp_path_factory, "report_history") as (folder, is_made):
        if not is_made:
            long_history.make(folder, built.folder, MONTH, ["green"], "2023-11", MONTH)
    return folder


@pytest.fixture
def workdir(history: Path, tmp_path: Path, monkeypatch) -> Path:
    """A copy of that history, to be changed; the working directory."""
    folder = tmp_path / "here"
    shutil.copytree(history, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def folder(built: Clone, tmp_path_factory) -> Path:
    """A folder whose report has every state; not to be changed."""
    with made_once(tmp_path_factory, "report_states") as (folder, is_made):
        if not is_made:
            report_states.make(folder, built.folder)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def reader(browser: Browser) -> Iterator[Callable[..., Reader]]:
    """Return a function that opens a page with a width and a scheme; pages must not complain or request anything."""
    readers: list[Reader] = []

    def open_page(path: Path, after: str = "", **options) -> Reader:
        readers.append(Reader(browser, **options))
        readers[-1].open(path, after)
        return readers[-1]

    yield open_page
    for reader in readers:
        assert reader.outside() == []
        assert reader.complaints == []
        reader.context.close()
