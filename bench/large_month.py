"""What months of 20 million rows take, stage by stage, and what training on a sample of them costs in RMSE.

    .venv/bin/python bench/large_month.py --rows 20_000_000 --samples 1_000_000,5_000_000,20_000_000

Months of `fhvhv`, generated; two run months, one job at a time, started cold so that the memory of a job is its own.
Then the second run month again for each size of sample. Takes 15 GB of disk and, with 20 million rows, half an hour.
"""

import argparse
import csv
import json
import os
import sys
import tempfile
from pathlib import Path

import yaml
from measure import ROOT, measure  # first: it says where the package and the tests are

# isort: split
from monthwise.base import months
from monthwise.config.settings import Settings
from monthwise.workflow import job_settings, stages, targets
from monthwise.workflow.calendar import Calendar

DATASET, FIRST, LAST = "fhvhv", "2024-02", "2024-03"  # run months
PYTHON = str(ROOT / ".venv/bin/python")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000_000, help="rows in a month")
    parser.add_argument("--samples", default="1_000_000,5_000_000,20_000_000", help="rows to train on")
    parser.add_argument("--folder", type=Path, help="where all is made, and kept; a temporary one by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        config = {"source": "demo", "datasets": [DATASET], "begin": {DATASET: FIRST}}
        config["demo"] = {"first": months.shift(FIRST, -2), "last": months.shift(LAST, -1), "rows": options.rows}
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        call = ["./monthwise", "run", "--directory", str(folder), "--configfile", str(folder / "config.yaml")]
        output = measure([*call, "--jobs", "1"], {"MONTHWISE_WARM": "0", "OMP_NUM_THREADS": "1"})[1]
        print(output.splitlines()[-1])
        os.chdir(folder)
        print_stages()
        settings = Settings([folder / "config.yaml"], {})
        print(f"\n{'trained on':>12}{'RMSE, min':>11}{'baseline':>10}{'train, s':>10}{'MB':>8}")
        for rows in map(int, options.samples.split(",")):
            print_sample(settings, rows)


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


def print_sample(settings: Settings, rows: int) -> None:
    """Train the last run month on at most `rows` rows, measure it, print a line."""
    calendar = Calendar.read(settings, DATASET)
    windows = calendar.windows(LAST)
    training = [targets.data_file(DATASET, month, "features.parquet") for month in windows.training]
    with tempfile.TemporaryDirectory(dir=".") as made:
        paths = {name: os.path.join(made, name) for name in ("model", "baseline", "training", "validation", "metrics")}
        job = job_settings.of_job(calendar, "train", LAST) | {"max_rows": rows}
        outputs = ("model", "baseline", "training")
        cost = program("train", {"features": training}, job, {name: paths[name] for name in outputs}, made)
        inputs = {name: [paths[name]] for name in outputs}
        inputs |= {"features": [targets.data_file(DATASET, windows.validation, "features.parquet")]}
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
