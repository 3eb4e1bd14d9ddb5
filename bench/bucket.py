"""What a bucket costs beside the call itself: seconds and requests, for months of one dataset, on a real S3 server.

    .venv/bin/python bench/bucket.py --months 12

The server is OpenStack Swift on this machine (tests/servers/s3_server.py says what to install), so the network costs
nothing; what a request costs elsewhere comes on top. Months are those of the demo.
"""

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

import yaml
from measure import ROOT, user_environment  # first: it says where the package and the tests are

# isort: split
from monthwise.base import months
from servers import s3_server

FIRST = "2023-03"  # run month
BUCKET = "store:bench/kept"


class Machine:
    """A directory with nothing but a config, and the way to call there."""

    def __init__(self, folder: Path, server: s3_server.Server):
        self.folder = folder
        folder.mkdir()
        (folder / "monthwise").symlink_to(ROOT / "monthwise")
        remote = {"TYPE": "s3", "PROVIDER": "Other", "ENDPOINT": server.url}
        remote |= {"ACCESS_KEY_ID": s3_server.KEY, "SECRET_ACCESS_KEY": s3_server.SECRET}
        rclone_settings = {
            "RCLONE_LOG_FILE": str(folder / "rclone.log"),
            "RCLONE_DUMP": "headers",
            "RCLONE_LOG_LEVEL": "DEBUG",
        }
        named = {f"RCLONE_CONFIG_STORE_{key}": value for key, value in remote.items()}
        named = rclone_settings | {f"RCLONE_CONFIG_STORE_{key}": value for key, value in remote.items()}
        self.environment = user_environment(named | {"MLFLOW_TRACKING_URI": f"sqlite:///{folder.parent}/mlflow.db"})
        self.environment.pop("AWS_CA_BUNDLE", None)  # rclone 1.60 ends at it, and the server speaks http

    def call(self, label: str, last: str, *before: str) -> None:
        """Run everything up to the run month `last`, behind what stands `before` the command; print what it took."""
        config = {"source": "demo", "datasets": ["green"], "begin": {"green": FIRST}}
        config["demo"] = {"first": months.shift(FIRST, -2), "last": months.shift(last, -1)}
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))
        log = self.folder / "rclone.log"
        log.write_text("")
        begin = time.perf_counter()
        command = [*before, "./monthwise", "run", "--configfile", "config.yaml"]
        ended = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        seconds = time.perf_counter() - begin
        if ended.returncode:
            raise SystemExit(f"{label}: {ended.stdout}{ended.stderr}")
        requests = log.read_text().count("HTTP REQUEST")
        print(f"{label:44}{seconds:8.1f} s{requests:8,} requests   {ended.stdout.splitlines()[-1][:60]}", flush=True)

    def size(self, *options: str) -> str:
        """Return what rclone counts in the bucket, one of the two directories."""
        side = self._said("rclone", "cat", f"{BUCKET}/current").split()[0]
        return " ".join(self._said("rclone", "size", f"{BUCKET}/{side}", *options).split())

    def _said(self, *command: str) -> str:
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--months", type=int, default=12, help="run months")
    options = parser.parse_args()
    last = months.shift(FIRST, options.months - 1)
    with tempfile.TemporaryDirectory() as scratch, s3_server.serving(Path(scratch, "swift")) as server:
        server.client().create_bucket(Bucket="bench")
        with_bucket = (os.fspath(ROOT / "deploy/with-bucket"), BUCKET)
        one = Machine(Path(scratch, "one"), server)
        one.call("all months", last, *with_bucket)
        one.call("up to date, without the bucket", last)
        one.call("up to date", last, *with_bucket)
        other = Machine(Path(scratch, "other"), server)
        other.call("another machine, up to date", last, *with_bucket)
        other.call("again", last, *with_bucket)
        third = Machine(Path(scratch, "third"), server)
        third.call("another machine, one new month", months.shift(last, 1), *with_bucket)
        print("in the bucket, twice:", third.size())
        print("of it small:", third.size("--exclude", "*.{parquet,skops}"))


if __name__ == "__main__":
    main()
