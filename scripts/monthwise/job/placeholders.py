"""Large files that are only in a bucket: until it is read, each is a stub, an empty file with the same time stamp.

`deploy/with-bucket` creates stubs instead of downloading large files. Programs (command_line.py) and commands download
the files that they read. Of a file that nothing reads, Snakemake needs only the time stamp.
"""

from __future__ import annotations

import datetime
import glob
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..base import exits, files

if TYPE_CHECKING:
    from typing import TypedDict

    class BucketFile(TypedDict):
        """A file of the bucket, as `rclone lsjson` describes it."""

        Path: str
        Size: int  # bytes
        ModTime: str


LARGE = (".parquet", ".skops", "/raw.file")
KNOWN = ".bucket.known"  # only a directory that was pulled from a bucket has stubs
BUCKET = "MONTHWISE_BUCKET"  # names the directory in the bucket, in rclone's notation


def among(paths: Iterable[str]) -> list[str]:
    """Return the files that are stubs."""
    return [path for path in paths if path.endswith(LARGE) and _is_empty(path) and os.path.exists(KNOWN)]


def _is_empty(path: str) -> bool:
    try:
        return os.stat(path).st_size == 0
    except OSError:
        return False


def bring(paths: Iterable[str]) -> None:
    """Replace stubs with the files of the bucket, each atomically.

    Raises BadData outside of deploy/with-bucket, and Unreachable if rclone cannot download a file.
    """
    for path in among(paths):
        if BUCKET not in os.environ:
            raise exits.BadData(f"{path} is in the bucket alone; put deploy/with-bucket BUCKET before the command")
        part = files.part_of(path)
        command = ["rclone", "copyto", f"{os.environ[BUCKET]}/{path}", str(part), "--retries", "2"]
        try:
            process = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
            if process.returncode:
                error_lines = process.stderr.strip().splitlines()
                reason = error_lines[-1][:300] if error_lines else "no message from rclone"
                raise exits.Unreachable(
                    f"{path} could not be downloaded from the bucket ({reason}); check it, then rerun the command"
                )
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def lay_out(listing: list[BucketFile]) -> None:
    """Update the local large files from the bucket: replace changed files with stubs, delete files not in the bucket.

    `listing` is the output of `rclone lsjson --recursive --files-only`: `Path`, `Size` in bytes and `ModTime`.
    """
    entries_by_path = {entry["Path"]: entry for entry in listing}
    local_paths = {path for folder in ("data", "runs") for path in glob.glob(f"{folder}/**", recursive=True)}
    for path in local_paths.difference(entries_by_path):
        if path.endswith(LARGE):
            os.unlink(path)
    for path, entry in entries_by_path.items():
        microseconds = round(datetime.datetime.fromisoformat(entry["ModTime"]).timestamp() * 1e6)
        if path not in local_paths or not _is_same(path, entry["Size"], microseconds):
            part = files.part_of(path)
            part.touch()
            os.utime(part, ns=(microseconds * 1000, microseconds * 1000))
            os.replace(part, path)


def _is_same(path: str, size: int, microseconds: int) -> bool:
    status = os.stat(path)
    return status.st_size in (0, size) and status.st_mtime_ns // 1000 == microseconds


def gone(listing: list[BucketFile]) -> list[str]:
    """Return the files of the bucket that no longer exist locally."""
    return [entry["Path"] for entry in listing if not os.path.exists(entry["Path"])]


if __name__ == "__main__":
    listing: list[BucketFile] = json.load(sys.stdin)
    if sys.argv[1] == "lay-out":
        lay_out(listing)
    else:
        print("\n".join(f"- /{path}" for path in gone(listing)))
