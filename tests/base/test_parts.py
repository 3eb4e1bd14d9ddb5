"""Files that a process is writing: what killed ones leave is removed, what others write stays."""

import os
import subprocess
from pathlib import Path

import pytest
from fixtures.workflow import wait_for
from monthwise.base import files, lock

HOST = os.uname().nodename


@pytest.fixture
def zombie():
    """A process that has ended, and whose parent has not asked how."""
    process = subprocess.Popen(["true"])
    wait_for(lambda: Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z", seconds=20)
    yield process.pid
    process.wait()


@pytest.fixture
def ended() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_parts_of_ended_processes_are_removed_where_the_file_is_written_next(tmp_path, zombie, ended):
    parts = {pid: tmp_path / f".rows.parquet.{HOST}.{pid}.part" for pid in (zombie, ended, os.getppid())}
    other_host = tmp_path / f".rows.parquet.elsewhere.{ended}.part"
    for path in (*parts.values(), other_host):
        path.touch()
    assert files.part_of(tmp_path / "rows.parquet") == tmp_path / f".rows.parquet.{HOST}.{os.getpid()}.part"
    assert [pid for pid, path in parts.items() if path.exists()] == [os.getppid()]
    assert other_host.exists()


def test_after_a_kill_parts_are_removed_in_all_months(tmp_path, monkeypatch, zombie):
    monkeypatch.chdir(tmp_path)
    stale = [
        Path(f"{place}/.{name}.{HOST}.{zombie}.part")
        for place, name in (("data/green/2024-01", "raw.file"), ("runs/green/2024-03", "live.json"))
    ]
    mine = Path(f"runs/green/2024-03/.model.skops.{HOST}.{os.getpid()}.part")
    for path in (*stale, mine):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    lock.end_orphans("of nobody", 1)
    assert not any(path.exists() for path in stale)
    assert mine.exists()
