"""A real cron calls `./monthwise run` every minute while a publisher brings out month after month. Dates are simulated.

Cron runs in a mount namespace of its own, so that it sees one crontab and nothing of this machine's.
"""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures.shared_months import SETTINGS, publish
from fixtures.workflow import Clone, wait_for
from monthwise.base import months
from monthwise.runner import alerts
from servers.mail_server import SECRET
from servers.misbehaving_server import MisbehavingServer

pytestmark = pytest.mark.root

FIRST = "2023-03"  # run month
MONTHS = 6 if "MONTHWISE_NIGHTLY" in os.environ else 2
NAMESPACE = """
mount --bind {folder}/spool /var/spool/cron/crontabs
mount --bind {folder}/empty /etc/cron.d
mount --bind {folder}/nothing /etc/crontab
mount --bind {folder}/run /run
exec cron -f -L 0
"""


def insist_on_cron() -> None:
    """Skip if there is no cron or no permission to unshare its mounts; in `.ci/run`, fail."""
    allowed = os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0
    if not shutil.which("cron", path="/usr/sbin:/usr/bin") or not allowed:
        reason = "NOT CHECKED WITH A REAL CRON: install Debian's cron, and run as root where `unshare -m` is allowed"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


class Night:
    """A clone that cron calls each minute, the publisher's folder, and the outcome of each call."""

    def __init__(self, clone: Clone, published: Path):
        self.clone, self.published = clone, published

    def calls(self) -> list[dict]:
        path = self.clone.path("history/runs.jsonl")
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def is_built(self, month: str) -> bool:
        return self.clone.path(f"runs/green/{month}/champion.json").exists()

    def after(self, today: str) -> dict:
        """Make it `today`, wait for a call that begins later, and return its line."""
        self.clone.path("today").write_text(today)
        before = len(self.calls())
        # One call may have been running meanwhile.
        wait_for(lambda: len(self.calls()) >= before + 1)
        call = self.calls()[before]
        assert call["command"] == "run"
        return call


@pytest.fixture
def night(tmp_path, mails) -> Iterator[Night]:
    insist_on_cron()
    clone, published = Clone(tmp_path / "clone"), tmp_path / "published"
    for month in months.span(months.shift(FIRST, -2), months.shift(FIRST, -1)):
        publish(published, "green", month)
    with MisbehavingServer(published) as server, cron(tmp_path, clone, mails[1]):
        settings = {**SETTINGS, "source": "https", "datasets": ["green"], "begin": {"green": FIRST}, "last": "newest"}
        clone.configure(settings)
        clone.path("today").write_text(f"{FIRST}-15")
        datasets = clone.path("config/datasets.yaml")
        datasets.write_text(datasets.read_text().replace("https://d37ci6vzurychx.cloudfront.net/trip-data", server.url))
        yield Night(clone, published)


@contextlib.contextmanager
def cron(folder: Path, clone: Clone, alert_url: str) -> Iterator[None]:
    for name in ("spool", "empty", "run"):
        (folder / name).mkdir()
    (folder / "nothing").touch()
    table = folder / "spool/root"
    line = "* * * * * cd {} && MONTHWISE_TODAY=$(cat today) ./monthwise run --jobs 2 >> cron.log 2>&1\n"
    table.write_text(f"{alerts.URLS}={alert_url}\n" + line.format(clone.folder))
    table.chmod(0o600)
    process = subprocess.Popen(["unshare", "-m", "sh", "-ec", NAMESPACE.format(folder=folder)])
    try:
        yield
        assert process.poll() is None, "cron ended by itself"
    finally:
        process.terminate()
        process.wait()


def day_after(month: str) -> str:
    """Return a day on which a data month is published, or known to be late."""
    return f"{months.shift(month, 2)}-28"


def assert_late(night: Night, month: str) -> None:
    """Run before a month is published."""
    call = night.after(day_after(month))
    assert call["code"] == 0
    assert f"not published yet: green {month}" in call["line"]


def assert_damaged(night: Night, month: str, received: list[str]) -> None:
    """Run with a month that is cut off; replace it by the whole file."""
    publish(night.published, "green", month)
    path = night.published / f"green_tripdata_{month}.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    call = night.after(day_after(month))
    assert call["code"] == 65, call
    assert [fault["rule"] for fault in call["failed"]] == ["ingest"]
    assert f"green {month}" in call["line"]
    assert not night.is_built(months.shift(month, 1))
    wait_for(lambda: any(f"ingest green {month} failed: " in text for text in received))
    path.write_bytes(whole)


def assert_built(night: Night, month: str, is_restated: bool) -> None:
    """Run with a month that is published; with `is_restated`, the month before it is published again."""
    if is_restated:
        publish(night.published, "green", months.shift(month, -1), seed=9)
    call = night.after(day_after(month))
    assert call["code"] == 0, call
    assert night.is_built(months.shift(month, 1))
    assert night.clone.path(f"runs/green/{month}/live.json").exists()
    if is_restated:
        assert "restated" in " ".join(call["reason"].values())


def assert_mails(night: Night, received: list[str], damaged: list[str]) -> None:
    """Insist on one mail for each damaged month and change of champion, and on no secret in any file."""
    failures = [text for text in received if " failed: " in text]
    assert len(failures) == len(damaged), failures  # one mail each, however often it was tried
    changes = [line for call in night.calls() for line in call["champions"]]
    assert all(any(line in text for text in received) for line in changes)
    for path in night.clone.folder.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    assert "Traceback" not in night.clone.path("cron.log").read_text()


def test_months_come_in_by_themselves(night, mails):
    received = mails[0].texts
    call = night.after(f"{FIRST}-29")
    assert call["code"] == 0, call
    assert night.is_built(FIRST)
    assert [f"green {FIRST}: " in text for text in received] == [True]  # its first champion

    data_months = [months.shift(FIRST, number) for number in range(MONTHS)]
    for number, month in enumerate(data_months, 1):
        if number % 3 == 1:
            assert_late(night, month)
        if number % 3 == 2:
            assert_damaged(night, month, received)
        else:
            publish(night.published, "green", month)
        assert_built(night, month, is_restated=number == 2)

    call = night.after(day_after(data_months[-1]))
    assert call["line"].startswith("up to date")
    run_months = [FIRST, *(months.shift(month, 1) for month in data_months)]
    assert sorted(path.name for path in night.clone.path("runs/green").iterdir()) == run_months
    assert_mails(night, received, damaged=data_months[1::3])
