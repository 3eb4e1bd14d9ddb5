"""Large files that are in a bucket alone: a stub, empty and with their time stamp, stands for each until it is read.

`deploy/with-bucket` lays stubs out instead of pulling large files; programs (program.py) and commands bring what they
read. Time stamps are all that Snakemake asks of a file that nothing reads.
"""

import datetime
import glob
import json
import os
import subprocess
import sys
from collections.abc import Iterable

from ..base import exits, files

LARGE = (".parquet", ".skops")
KNOWN = ".bucket.known"  # only a directory that was pulled has stubs
BUCKET = "MONTHWISE_BUCKET"  # names the directory in the bucket, as rclone does


def among(paths: Iterable[str]) -> list[str]:
    """Return which of the files are stubs."""
    return [path for path in paths if path.endswith(LARGE) and _is_empty(path) and os.path.exists(KNOWN)]


def _is_empty(path: str) -> bool:
    try:
        return os.stat(path).st_size == 0
    except OSError:
        return False


def bring(paths: Iterable[str]) -> None:
    """Put the files of the bucket in the place of those that are stubs, each at one stroke.

    Raises BadData outside of deploy/with-bucket, Unreachable where rclone does not bring a file.
    """
    for path in among(paths):
        if BUCKET not in os.environ:
            raise exits.BadData(f"{path} is in the bucket alone; put deploy/with-bucket BUCKET before the command")
        part = files.part_of(path)
        command = ["rclone", "copyto", f"{os.environ[BUCKET]}/{path}", str(part), "--retries", "2"]
        try:
            ended = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
            if ended.returncode:
                said = ended.stderr.strip().splitlines()
                why = said[-1][:300] if said else "no message from rclone"
                raise exits.Unreachable(
                    f"{path} could not be downloaded from the bucket ({why}); check it, then rerun the command"
                )
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def lay_out(listing: list[dict]) -> None:
    """Let the large files here be those of the bucket: what is not the same becomes a stub, what is not there goes.

    `listing`: what `rclone lsjson --recursive --files-only` says, `Path`, `Size` in bytes and `ModTime`.
    """
    there = {entry["Path"]: entry for entry in listing}
    here = {path for folder in ("data", "runs") for path in glob.glob(f"{folder}/**", recursive=True)}
    for path in here.difference(there):
        if path.endswith(LARGE):
            os.unlink(path)
    for path, entry in there.items():
        microseconds = round(datetime.datetime.fromisoformat(entry["ModTime"]).timestamp() * 1e6)
        if path not in here or not _is_same(path, entry["Size"], microseconds):
            part = files.part_of(path)
            part.touch()
            os.utime(part, ns=(microseconds * 1000, microseconds * 1000))
            os.replace(part, path)


def _is_same(path: str, size: int, microseconds: int) -> bool:
    status = os.stat(path)
    return status.st_size in (0, size) and status.st_mtime_ns // 1000 == microseconds


def gone(listing: list[dict]) -> list[str]:
    """Return the files of the bucket that are not here any more."""
    return [entry["Path"] for entry in listing if not os.path.exists(entry["Path"])]


if __name__ == "__main__":
    told = json.load(sys.stdin)
    if sys.argv[1] == "lay-out":
        lay_out(told)
    else:
        print("\n".join(f"- /{path}" for path in gone(told)))
