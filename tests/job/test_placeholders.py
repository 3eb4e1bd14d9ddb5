"""Placeholders of large files that are only in the bucket, and how such a file is fetched."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from monthwise.base import exits
from monthwise.job import placeholders
from monthwise.state import artifacts

FEATURES, MODEL = "data/green/2024-01/features.parquet", "runs/green/2024-03/model.skops"
QUALITY = "data/green/2024-01/quality.json"
SECONDS = 1_700_000_000.123456789


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """A folder, which is a remote to rclone, with two large files; the working directory is empty."""
    if not shutil.which("rclone"):
        reason = "NOT CHECKED: apt-get install rclone"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    kept, workdir = tmp_path / "bucket", tmp_path / "here"
    workdir.mkdir()
    for path in (FEATURES, MODEL):
        (kept / path).parent.mkdir(parents=True)
        (kept / path).write_text(f"all of {path}")
        os.utime(kept / path, (SECONDS, SECONDS))
    monkeypatch.chdir(workdir)
    monkeypatch.setenv(placeholders.BUCKET, str(kept))
    (workdir / placeholders.KNOWN).write_text("a")
    return kept


def listing(kept) -> list[dict]:
    listed = subprocess.run(["rclone", "lsjson", str(kept), "-R", "--files-only"], capture_output=True, check=True)
    return json.loads(listed.stdout)


def size(path: str) -> int:
    return os.stat(path).st_size


def test_a_stub_is_empty_has_the_time_of_its_file_and_becomes_it(bucket):
    placeholders.lay_out(listing(bucket))
    assert placeholders.among([FEATURES, MODEL, QUALITY]) == [FEATURES, MODEL]
    assert os.stat(FEATURES).st_mtime == pytest.approx(SECONDS, abs=1e-6)
    placeholders.bring([FEATURES])
    assert Path(FEATURES).read_text() == f"all of {FEATURES}"
    assert os.stat(FEATURES).st_mtime == pytest.approx(SECONDS, abs=1e-6)
    assert placeholders.among([FEATURES, MODEL]) == [MODEL]
    assert len(os.listdir(os.path.dirname(FEATURES))) == 1


def test_what_is_the_same_stays_what_is_not_becomes_a_stub_and_what_is_not_there_goes(bucket):
    placeholders.lay_out(listing(bucket))
    placeholders.bring([FEATURES, MODEL])
    old = "data/green/2023-12/features.parquet"
    os.makedirs(os.path.dirname(old))
    shutil.copy2(FEATURES, old)
    (bucket / MODEL).write_text("restated")
    placeholders.lay_out(listing(bucket))
    assert (size(FEATURES) > 0, size(MODEL), os.path.exists(old)) == (True, 0, False)


def test_an_empty_file_is_no_stub_where_nothing_was_pulled(bucket):
    placeholders.lay_out(listing(bucket))
    os.unlink(placeholders.KNOWN)
    assert placeholders.among([FEATURES]) == []
    assert not artifacts.Tree().is_whole(FEATURES)


def test_a_stub_is_neither_torn_nor_changed(bucket):
    placeholders.lay_out(listing(bucket))
    assert artifacts.Tree().is_whole(FEATURES)
    assert artifacts.Tree().sha256(FEATURES) is None


def test_what_was_deleted_here_is_gone_and_a_stub_is_not(bucket):
    placeholders.lay_out(listing(bucket))
    os.unlink(MODEL)
    assert placeholders.gone(listing(bucket)) == [MODEL]


def test_a_file_that_does_not_come_is_one_line_and_leaves_the_stub(bucket, monkeypatch):
    placeholders.lay_out(listing(bucket))
    (bucket / FEATURES).unlink()
    with pytest.raises(exits.Unreachable, match=f"{FEATURES} could not be downloaded from the bucket .*not found"):
        placeholders.bring([FEATURES])
    monkeypatch.delenv(placeholders.BUCKET)
    with pytest.raises(exits.BadData, match="deploy/with-bucket"):
        placeholders.bring([MODEL])
    assert placeholders.among([FEATURES, MODEL]) == [FEATURES, MODEL]
    assert os.listdir(os.path.dirname(FEATURES)) == [os.path.basename(FEATURES)]
