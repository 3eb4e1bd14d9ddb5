"""How fast `clean` and `featurize` are on a large generated month of yellow taxis, against pyarrow alone.

    PYTHONPATH=scripts python bench/clean_yellow.py --rows 20_000_000 --folder /tmp/bench

`clean` is compared with pyarrow reading the columns of the raw month that `clean` reads and writing them, `featurize`
with pyarrow reading features.parquet and writing it again: the same writing, but 18 columns to read instead of 8, of
which the additional ones were computed by `featurize`. Both with the settings of tables.py and nothing in between. Each
run is a process of its own, so that start-up counts and memory is its peak; runs take turns, and of `--repeats` the
fastest counts. The ratio is pyarrow's time through ours. The CPU ratio matters where other jobs keep all cores busy;
OMP_NUM_THREADS=1 in front of the command limits pyarrow as Snakemake does in a job.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
from monthwise.config.settings import Settings
from monthwise.data import tables
from monthwise.prepare.taxi import demo
from monthwise.workflow import job_settings
from monthwise.workflow.calendar import Calendar

ROOT = Path(__file__).resolve().parent.parent
MONTH = "2023-03"


def settings(stage: str) -> dict:
    """Return what the rule of a stage would pass on, from the configuration as it stands."""
    return job_settings.of_job(Calendar.read(Settings(), "yellow"), stage, MONTH)


def call(stage: str) -> list[str]:
    """Return the call of the program of a stage as far as it is the same for all months."""
    yellow = Settings().describe("yellow")
    command = [f"scripts/{stage}.py", "--settings", json.dumps(settings(stage))]
    for name, paths in (("prepare", yellow.module_paths()), ("files", yellow.files.values())):
        command += [f"--{name}", *(str(ROOT / path) for path in paths)]
    return command


def copy_raw(raw: str, copied: str) -> None:
    """Read the columns that `clean` reads and write them."""
    spellings = settings("clean")["columns"].values()
    names = [name for name in pq.read_schema(raw).names if [name] in spellings]
    copy(raw, copied, names, [name for name in names if name.endswith("datetime")])


def copy_features(features: str, copied: str) -> None:
    """Read what `featurize` made and write it."""
    names = pq.read_schema(features).names
    copy(features, copied, names, [name for name in tables.RISING if name in names])


def copy(path: str, copied: str, names: list[str], rising: list[str]) -> None:
    """Read columns and write them, with pyarrow and nothing in between."""
    file = pq.ParquetFile(path)
    schema = file.read_row_group(0, columns=names).schema
    with pq.ParquetWriter(copied, schema, **tables.writer_options(names, rising)) as writer:
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
        raw, rows, quality, features, copied = (
            str(folder / name)
            for name in (
                f"raw-{options.rows}-{options.group}.parquet",
                "rows.parquet",
                "quality.json",
                "features.parquet",
                "copied.parquet",
            )
        )
        if not Path(raw).exists():  # in a process of its own: the peak of a child starts at that of its parent
            measure(["bench/clean_yellow.py", "--make", raw + ".part", str(options.rows), str(options.group)])
            os.replace(raw + ".part", raw)
        runs = {
            "copy of raw": ["bench/clean_yellow.py", "--copy-raw", raw, copied],
            "clean": [*call("clean"), "--raw", raw, "--rows", rows, "--quality", quality],
            "featurize": [*call("featurize"), "--rows", rows, "--quality", quality, "--features", features],
            "copy of features": ["bench/clean_yellow.py", "--copy-features", features, copied],
        }
        costs = [{name: measure(run) for name, run in runs.items()} for _ in range(options.repeats)]  # in turns: fair
        best = {name: [min(numbers) for numbers in zip(*(turn[name] for turn in costs), strict=True)] for name in runs}
        rows_in = json.loads(Path(quality).read_text())["rows_in"]
    print_table(best, rows_in)


def print_table(best: dict[str, list[float]], rows: int) -> None:
    """Print each stage and both together beside pyarrow's copies; `best` is seconds, CPU and MB of each run."""
    both = {
        name: [best[one][0] + best[two][0], best[one][1] + best[two][1], max(best[one][2], best[two][2])]
        for name, one, two in (("both", "clean", "featurize"), ("both copies", "copy of raw", "copy of features"))
    }
    best = best | both
    print(f"{f'{rows:,} rows':18}{'seconds':>9}{'cpu':>8}{'ratio':>8}{'cpu ratio':>11}{'peak MB':>9}")
    for name, copied in (("clean", "copy of raw"), ("featurize", "copy of features"), ("both", "both copies")):
        (seconds, cpu, peak), (least, least_cpu, least_peak) = best[name], best[copied]
        print(f"{copied:18}{least:9.2f}{least_cpu:8.2f}{'':19}{least_peak:9.0f}")
        print(f"{name:18}{seconds:9.2f}{cpu:8.2f}{least / seconds:8.2f}{least_cpu / cpu:11.2f}{peak:9.0f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--copy-raw"]:
        copy_raw(*sys.argv[2:])
    elif sys.argv[1:2] == ["--copy-features"]:
        copy_features(*sys.argv[2:])
    elif sys.argv[1:2] == ["--make"]:
        demo.write_month(sys.argv[2], "yellow", MONTH, int(sys.argv[3]), seed=1, group=int(sys.argv[4]))
    else:
        main()
