"""What months of 20 million rows take, stage by stage, and what training on a sample of them costs in RMSE.

    .venv/bin/python bench/large_month.py --rows 20_000_000 --samples 1_000_000,5_000_000,20_000_000
    .venv/bin/python bench/large_month.py --dataset sales --rows 20_000_000 --samples 5_000_000

Generated months of `fhvhv`, or of `sales`, a table of 12 columns; two run months, one job at a time, started cold so
that the memory of a job is its own. Then, for each size of sample, the second run month again; of `sales`, also what
pyarrow takes to read and write the columns of a month. Takes 15 GB of disk and, with 20 million rows, half an hour.
"""

import argparse
import csv
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from measure import ROOT, measure  # first: it says where the package and the tests are

# isort: split
from monthwise.base import months
from monthwise.config.settings import Settings
from monthwise.workflow import job_settings, stages, targets
from monthwise.workflow.calendar import Calendar

FIRST, LAST = "2024-02", "2024-03"  # run months
MONTHS = months.span(months.shift(FIRST, -2), months.shift(LAST, -1))  # published; the run month itself is not
CATEGORIES = {"product": 5_000, "store": 3_000, "city": 200, "channel": 12}
NUMBERS = ("price", "stock", "discount", "temperature", "rain", "distance")
PYTHON = str(ROOT / ".venv/bin/python")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=("fhvhv", "sales"), default="fhvhv")
    parser.add_argument("--rows", type=int, default=20_000_000, help="rows in a month")
    parser.add_argument("--samples", default="1_000_000,5_000_000,20_000_000", help="rows to train on")
    parser.add_argument("--folder", type=Path, help="where all is made, and kept; a temporary one by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        config = {"datasets": [options.dataset], "begin": {options.dataset: FIRST}}
        config |= of_sales(folder, options.rows) if options.dataset == "sales" else of_demo(options.rows)
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        call = ["./monthwise", "run", "--directory", str(folder), "--configfile", str(folder / "config.yaml")]
        output = measure([*call, "--jobs", "1"], {"MONTHWISE_WARM": "0", "OMP_NUM_THREADS": "1"})[1]
        print(output.splitlines()[-1])
        os.chdir(folder)
        print_stages()
        if options.dataset == "sales":
            print_copy(targets.data_file("sales", MONTHS[-1], "raw.file"))
        settings = Settings([folder / "config.yaml"], {})
        print(f"\n{'trained on':>12}{'RMSE':>11}{'baseline':>10}{'train, s':>10}{'MB':>8}")
        for rows in map(int, options.samples.split(",")):
            print_sample(Calendar.read(settings, options.dataset), rows)


def of_demo(rows: int) -> dict:
    """Return the config of generated trips."""
    return {"source": "demo", "demo": {"first": MONTHS[0], "last": MONTHS[-1], "rows": rows}}


def of_sales(folder: Path, rows: int) -> dict:
    """Write the months of `sales`; return their config."""
    for seed, month in enumerate(MONTHS):
        write_sales(folder / f"published/sales_{month}.parquet", month, rows, np.random.default_rng(seed))
    kinds = dict.fromkeys(CATEGORIES, "category") | dict.fromkeys(NUMBERS, "number")
    entry = {"file": "sales_{month}.parquet", "time": "sold_at", "target": "sales", "features": kinds}
    return {"source": f"file:{folder}/published", "catalog": {"sales": entry}}


def write_sales(path: Path, month: str, rows: int, rng: np.random.Generator) -> None:
    """Write a month of sales: a time, a target, four categories, six numbers; a million rows at a time."""
    path.parent.mkdir(exist_ok=True)
    writer = None
    for first in range(0, rows, 1_000_000):
        count = min(1_000_000, rows - first)
        codes = {name: rng.integers(0, number, count) for name, number in CATEGORIES.items()}
        columns = {name: rng.normal(size=count) for name in NUMBERS}
        effects = sum(np.sin(codes[name] * 1.7) for name in CATEGORIES)
        columns["sales"] = 10 + 3 * effects + columns["price"] * 2 + columns["stock"] + rng.normal(size=count)
        seconds = np.sort(rng.integers(0, 28 * 86_400, count)).astype("timedelta64[s]")
        columns["sold_at"] = np.datetime64(month, "us") + seconds
        texts = {name: pa.array([f"{name}-{i}" for i in range(number)]) for name, number in CATEGORIES.items()}
        columns |= {name: texts[name].take(pa.array(codes[name])) for name in CATEGORIES}
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    writer.close()


def print_copy(raw: str) -> None:
    """Print what pyarrow takes to read a published month batch by batch and to write it again."""
    script = """import sys, pyarrow.parquet as pq
file = pq.ParquetFile(sys.argv[1])
with pq.ParquetWriter(sys.argv[2], file.schema_arrow) as writer:
    for batch in file.iter_batches(batch_size=1 << 17, use_threads=False):
        writer.write_batch(batch)
"""
    cost = measure([PYTHON, "-c", script, os.path.abspath(raw), os.path.abspath("copy.parquet")])[0]
    os.remove("copy.parquet")
    print(f"{'pyarrow':12}{cost.seconds:9.1f}{cost.rss_mb:8,.0f}")


def print_stages() -> None:
    """Print the most that a job of each stage took, from benchmarks/."""
    print(f"{'stage':12}{'seconds':>9}{'MB':>8}")
    for stage in (*stages.DATA, *stages.RUN):
        rows = [row for path in Path("benchmarks", stage).rglob("*.tsv") for row in _table(path)]
        if rows:
            seconds, peak = (max(_number(row[name]) for row in rows) for name in ("s", "max_rss"))
            print(f"{stage:12}{seconds:9.1f}{peak:8,.0f}")


def _table(path: Path) -> list[dict]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def _number(text: str) -> float:
    return 0.0 if text == "NA" else float(text)


def print_sample(calendar: Calendar, rows: int) -> None:
    """Train the last run month on at most `rows` rows, measure it, print a line."""
    windows, dataset = calendar.windows(LAST), calendar.dataset
    training = [targets.data_file(dataset, month, "features.parquet") for month in windows.training]
    with tempfile.TemporaryDirectory(dir=".") as made:
        paths = {name: os.path.join(made, name) for name in ("model", "baseline", "training", "validation", "metrics")}
        job = job_settings.of_job(calendar, "train", LAST) | {"max_rows": rows}
        outputs = ("model", "baseline", "training")
        cost = program("train", {"features": training}, job, {name: paths[name] for name in outputs}, made)
        inputs = {name: [paths[name]] for name in outputs}
        inputs |= {"features": [targets.data_file(dataset, windows.validation, "features.parquet")]}
        job = job_settings.of_job(calendar, "evaluate", LAST)
        program("evaluate", inputs, job, {name: paths[name] for name in ("validation", "metrics")}, made)
        drawn = json.loads(Path(paths["training"]).read_text())["train_rows"]
        metrics = json.loads(Path(paths["metrics"]).read_text())
    errors = f"{metrics['rmse']:11.3f}{metrics['baseline']['rmse']:10.3f}"
    print(f"{drawn:12,}{errors}{cost.seconds:10.0f}{cost.rss_mb:8,.0f}", flush=True)


def program(stage: str, inputs: dict[str, list[str]], job: dict, outputs: dict[str, str], made: str):
    """Call the program of a stage as its rule does; return what that cost."""
    command = [PYTHON, str(ROOT / f"scripts/{stage}.py"), "--settings", json.dumps(job)]
    for name, paths in inputs.items():
        command += [f"--{name}", *map(os.path.abspath, paths)]
    for name, path in (outputs | {"provenance": os.path.join(made, "provenance")}).items():
        command += [f"--{name}", os.path.abspath(path)]
    return measure(command, {"OMP_NUM_THREADS": "1"})[0]


if __name__ == "__main__":
    sys.exit(main())
