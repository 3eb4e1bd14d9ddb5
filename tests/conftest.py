"""Fixtures for all tests: real months, and a workflow that is built once for all processes of the suite."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from fixtures.made_once import made_once
from fixtures.shared_months import DATA_MONTHS, DATASETS, SETTINGS, publish
from fixtures.workflow import Clone
from monthwise.base import suggest
from servers import mail_server

# A busy machine is no reason to fail.
hypothesis.settings.register_profile("monthwise", deadline=None)
hypothesis.settings.load_profile("monthwise")


@pytest.fixture(scope="session")
def tlc() -> Path:
    """The folder of real months."""
    if "TLC_MIRROR" not in os.environ:
        pytest.skip("NOT CHECKED ON REAL MONTHS: set TLC_MIRROR to a folder with the TLC's green files of 2021 to 2023")
    return Path(os.environ["TLC_MIRROR"])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests that need root, and say so, if there is none.

    Run first what waits for minutes: its process is idle while the others work.
    """
    needs_root = pytest.mark.skip(reason="NOT CHECKED: only root can start these servers and mount file systems")
    for item in items if os.geteuid() else ():
        if item.get_closest_marker("root"):
            item.add_marker(needs_root)
    first = ["test_real_cron.py", "test_slurm.py"]
    items.sort(key=lambda item: first.index(item.path.name) if item.path.name in first else len(first))


@pytest.fixture(autouse=True)
def _no_call_is_remembered():
    """Keep the recorded call of a command from the suggestions of other tests."""
    yield
    os.environ.pop(suggest.CALL, None)


@pytest.fixture(scope="session")
def unbuilt(tmp_path_factory) -> Clone:
    """Run months of two datasets, published and configured, nothing built; not to be changed."""
    with made_once(tmp_path_factory, "unbuilt") as (folder, is_made):
        clone = Clone(folder)
        for dataset in () if is_made else DATASETS:
            for month in DATA_MONTHS:
                publish(clone.path("published"), dataset, month)
        if not is_made:
            clone.configure(SETTINGS)
    return clone


@pytest.fixture(scope="session")
def built(unbuilt: Clone, tmp_path_factory) -> Clone:
    """The same, built in one call; not to be changed."""
    with made_once(tmp_path_factory, "built") as (folder, is_made):
        clone = Clone(folder, like=unbuilt)
        if not is_made:
            clone.build()
    return clone


@pytest.fixture
def mails() -> Iterator[tuple[mail_server.Mails, str]]:
    """The mails that a mail server receives, and the URL of an alert that sends to it."""
    with mail_server.serving() as serving:
        yield serving


@pytest.fixture
def clone(built: Clone, tmp_path: Path) -> Clone:
    """A copy of the built months, to be changed."""
    return Clone(tmp_path / "clone", like=built)
