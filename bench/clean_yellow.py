"""How fast `clean` and `featurize` are on a large generated month of yellow taxis, against pyarrow alone.

    PYTHONPATH=scripts python bench/clean_yellow.py --rows 20_000_000 --folder /tmp/bench

Pyarrow alone reads the columns that `clean` reads and writes them with the settings of tables.py. Each run is a process
of its own, so that start-up counts and memory is its peak; of `--repeats` runs the fastest counts.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
import yaml
from monthwise import tables
from monthwise.publisher import demo

ROOT = Path(__file__).resolve().parent.parent
MONTH = "2023-03"


def settings() -> dict:
    """Return what the rule of `clean` would pass on, from the configuration as it stands."""
    service = yaml.safe_load((ROOT / "config/services.yaml").read_text())["catalog"]["yellow"]
    quality = yaml.safe_load((ROOT / "config/config.yaml").read_text())["quality"]
    return {
        "service": "yellow",
        "month": MONTH,
        "waiver": None,
        "quality": {key: value for key, value in quality.items() if key != "waive"},
        **{key: service[key] for key in ("columns", "distance_unit", "duration")},
    }


def copy(raw: str, copied: str) -> None:
    """Read the columns that `clean` reads and write them, with pyarrow and nothing in between."""
    file = pq.ParquetFile(raw)
    names = [name for name in file.schema_arrow.names if [name] in settings()["columns"].values()]
    options = tables.writer_options(file.schema_arrow.names, [name for name in names if name.endswith("datetime")])
    schema = file.read_row_group(0, columns=names).schema
    with pq.ParquetWriter(copied, schema, **options) as writer:
        for batch in file.iter_batches(batch_size=tables.GROUP_ROWS, columns=names):
            writer.write_batch(batch, row_group_size=tables.GROUP_ROWS)


def measure(command: list[str]) -> tuple[float, float, float]:
    """Run a command and return its seconds, its seconds of CPU and its peak memory in MB."""
    begin = time.perf_counter()
    process = os.posix_spawn(sys.executable, [sys.executable, str(ROOT / command[0]), *command[1:]], os.environ)
    _, status, usage = os.wait4(process, 0)
    if status:
        sys.exit(f"failed: {' '.join(command)}")
    return time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Make the month where it is not there yet, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the month is made and kept; a temporary one by default")
    parser.add_argument("--group", type=int, default=1 << 20, help="rows of a row group of the generated month")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        raw, trips, quality, features, copied = (
            str(folder / name)
            for name in (
                f"raw-{options.rows}-{options.group}.parquet",
                "trips.parquet",
                "quality.json",
                "features.parquet",
                "copied.parquet",
            )
        )
        if not Path(raw).exists():  # in a process of its own: the peak of a child starts at that of its parent
            measure(["bench/clean_yellow.py", "--make", raw + ".part", str(options.rows), str(options.group)])
            os.replace(raw + ".part", raw)
        clean = ["scripts/clean.py", "--raw", raw, "--settings", json.dumps(settings())]
        featurize = ["scripts/featurize.py", "--zones", str(ROOT / "config/zones/new-york.csv")]
        runs = {
            "pyarrow alone": ["bench/clean_yellow.py", "--copy", raw, copied],
            "clean": [*clean, "--trips", trips, "--quality", quality],
            "featurize": [*featurize, "--trips", trips, "--quality", quality, "--features", features],
        }
        taken = [{name: measure(run) for name, run in runs.items()} for _ in range(options.repeats)]  # in turns: fair
        best = {name: min(turn[name] for turn in taken) for name in runs}
        rows = json.loads(Path(quality).read_text())["rows_in"]
        print(f"{'':15}{'seconds':>9}{'cpu':>8}{'rows/s':>13}{'ratio':>8}{'peak MB':>9}   ({rows:,} rows)")
        for name, (seconds, cpu, peak) in best.items():
            ratio = best["pyarrow alone"][0] / seconds
            print(f"{name:15}{seconds:9.2f}{cpu:8.2f}{rows / seconds:13,.0f}{ratio:8.2f}{peak:9.0f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--copy"]:
        copy(*sys.argv[2:])
    elif sys.argv[1:2] == ["--make"]:
        demo.write_month(sys.argv[2], "yellow", MONTH, int(sys.argv[3]), seed=1, group=int(sys.argv[4]))
    else:
        main()
