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
    """Skip loudly where there is no cron or no right to give it a place of its own; in `.ci/run` that is a failure."""
    allowed = os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0
    if not shutil.which("cron", path="/usr/sbin:/usr/bin") or not allowed:
        said = "NOT CHECKED WITH A REAL CRON: install Debian's cron, and run as root where `unshare -m` is allowed"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(said)


class Night:
    """A clone that cron calls each minute, and what its calls came to."""

    def __init__(self, clone: Clone):
        self.clone = clone

    def calls(self) -> list[dict]:
        path = self.clone.path("history/runs.jsonl")
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def after(self, today: str) -> dict:
        """Make it `today`, wait for a call that begins later, and return its line."""
        self.clone.path("today").write_text(today)
        before = len(self.calls())
        # One call may have been at work meanwhile.
        wait_for(lambda: len(self.calls()) >= before + 1)
        call = self.calls()[before]
        assert call["command"] == "run"
        return call


@pytest.fixture
def night(tmp_path, mails) -> Iterator[tuple[Night, Path]]:
    insist_on_cron()
    clone, published = Clone(tmp_path / "clone"), tmp_path / "published"
    for month in months.span(months.shift(FIRST, -2), months.shift(FIRST, -1)):
        publish(published, "green", month)
    with MisbehavingServer(published) as server, cron(tmp_path, clone, mails[1]):
        settings = {**SETTINGS, "source": "https", "services": ["green"], "begin": {"green": FIRST}, "last": "newest"}
        clone.configure(settings)
        clone.path("today").write_text(f"{FIRST}-15")
        services = clone.path("config/services.yaml")
        services.write_text(services.read_text().replace("https://d37ci6vzurychx.cloudfront.net/trip-data", server.url))
        yield Night(clone), published


@contextlib.contextmanager
def cron(folder: Path, clone: Clone, alarm_url: str) -> Iterator[None]:
    for name in ("spool", "empty", "run"):
        (folder / name).mkdir()
    (folder / "nothing").touch()
    table = folder / "spool/root"
    line = "* * * * * cd {} && MONTHWISE_TODAY=$(cat today) ./monthwise run --jobs 2 >> cron.log 2>&1\n"
    table.write_text(f"{alerts.URLS}={alarm_url}\n" + line.format(clone.folder))
    table.chmod(0o600)
    process = subprocess.Popen(["unshare", "-m", "sh", "-ec", NAMESPACE.format(folder=folder)])
    try:
        yield
        assert process.poll() is None, "cron ended by itself"
    finally:
        process.terminate()
        process.wait()


def test_months_come_in_by_themselves(night, mails):
    night, published = night
    received = mails[0].texts
    run_months = [FIRST]

    def is_built(month: str) -> bool:
        return night.clone.path(f"runs/green/{month}/champion.json").exists()

    call = night.after(f"{FIRST}-29")
    assert call["code"] == 0, call
    assert is_built(FIRST)
    assert [f"green {FIRST}: " in text for text in received] == [True]  # its first champion

    for number in range(1, MONTHS + 1):
        month = months.shift(FIRST, number - 1)  # the data month that comes out
        run_months.append(months.shift(month, 1))
        today = f"{months.shift(month, 2)}-28"
        path = published / f"green_tripdata_{month}.parquet"
        if number % 3 == 1:  # late: asked for, and not there
            call = night.after(today)
            assert call["code"] == 0
            assert f"not published yet: green {month}" in call["line"]
        if number % 3 == 2:  # damaged, and replaced later
            publish(published, "green", month)
            whole = path.read_bytes()
            path.write_bytes(whole[: len(whole) // 2])
            call = night.after(today)
            assert call["code"] == 65, call
            assert [fault["rule"] for fault in call["failed"]] == ["ingest"]
            assert f"green {month}" in call["line"]
            assert not is_built(run_months[-1])
            wait_for(lambda: any(f"ingest green {month} failed: " in text for text in received))  # noqa: B023
            path.write_bytes(whole)
        else:
            publish(published, "green", month)
        if number == 2:  # the one before is published again
            publish(published, "green", months.shift(month, -1), seed=9)
        call = night.after(today)
        assert call["code"] == 0, call
        assert is_built(run_months[-1])
        assert night.clone.path(f"runs/green/{month}/live.json").exists()
        if number == 2:
            assert "restated" in " ".join(call["reason"].values())

    call = night.after(today)
    assert call["line"].startswith("up to date")
    assert sorted(path.name for path in night.clone.path("runs/green").iterdir()) == run_months
    damaged = [months.shift(FIRST, number - 1) for number in range(2, MONTHS + 1, 3)]
    failures = [text for text in received if " failed: " in text]
    assert len(failures) == len(damaged), failures  # one mail each, however often it was tried
    changes = [line for call in night.calls() for line in call["champions"]]
    assert all(any(line in text for text in received) for line in changes)
    for path in night.clone.folder.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    assert "Traceback" not in night.clone.path("cron.log").read_text()
