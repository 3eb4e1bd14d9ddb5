"""How the cost of the workflow grows with the number of run months: parse, plan, run, nothing to do.

    .venv/bin/python bench/growth.py --months 12,60 --rounds 5

Months are tiny and the recipe is linear. An empty Snakefile, measured in turn with the others, is the floor: what
Snakemake takes to start and to find one file there.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml
from measure import SNAKEMAKE, Cost, measure  # first: it says where the package and the tests are

# isort: split
import report
from fixtures.workflow import count_jobs
from monthwise.base import months
from monthwise.prepare.taxi import demo
from report import EMPTY, NOTHING, PARSE, PLAN, RUN, TOUCHED

SINGLE = (12, 60, 200, 600)  # run months of one dataset
DATASETS = ["green", "yellow", "fhv", "fhvhv"]
OF_ALL_DATASETS = 200  # run months of each, planned only
ROUNDS = 3  # of all but the run
ROWS = 300
FIRST = "1974-03"  # run month: 600 of them end in 2024
EMPTY_SNAKEFILE = 'rule all:\n    output: "done"\n    shell: "touch done"\n'


class Growing:
    """Run months of some datasets, in a directory of their own."""

    def __init__(self, folder: Path, published: Path, run_months: int, datasets: list[str]):
        self.folder, self.published = folder, published
        self.run_months, self.datasets = run_months, datasets
        folder.mkdir()
        config = {
            "source": f"file:{published}",
            "datasets": datasets,
            "begin": dict.fromkeys(datasets, FIRST),
            "last": months.shift(FIRST, run_months - 1),
            "train": {"recipe": "linear", "parameters": {"solver": "lasso"}},
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        (folder / "Snakefile").write_text(EMPTY_SNAKEFILE)
        empty = ["--workflow-profile", "none", "--snakefile", str(folder / "Snakefile")]
        self.empty = [*SNAKEMAKE, "--directory", str(folder / "empty"), *empty]
        self.built = folder / "built"
        self.call = [*SNAKEMAKE, "--directory", str(self.built), "--configfile", str(folder / "config.yaml")]

    def publish(self) -> None:
        self.published.mkdir(exist_ok=True)
        for dataset in self.datasets:
            for month in months.span(months.shift(FIRST, -2), months.shift(FIRST, self.run_months - 2)):
                path = self.published / f"{dataset}_tripdata_{month}.parquet"
                if not path.exists():
                    demo.write_month(path, dataset, month, ROWS, seed=1)

    def jobs(self) -> int:
        """Return how many jobs Snakemake plans."""
        return sum(count_jobs(measure([*self.call, "--dry-run", "--quiet", "rules", "host", "reason"])[1]).values())

    def plan(self) -> Iterator[tuple[str, Cost]]:
        """Yield the measurements of a directory where nothing is built."""
        yield PARSE, measure([*self.call, "--list-rules"])[0]
        yield PLAN, measure([*self.call, "--dry-run", "--quiet", "all"])[0]

    def run(self) -> Cost:
        return measure([*self.call, "--quiet", "all"])[0]

    def nothing(self) -> Iterator[tuple[str, Cost]]:
        """Yield the measurements of a directory where everything is built."""
        yield EMPTY, self._nothing_to_do(self.empty)
        yield NOTHING, self._nothing_to_do(self.call)
        for top in ("data", "runs"):
            for path in self.built.joinpath(top).rglob("*.*"):
                path.touch()  # every file is newer than its record, so its content is compared
        yield TOUCHED, self._nothing_to_do(self.call)

    def _nothing_to_do(self, command: list[str]) -> Cost:
        cost, output = measure(command)
        if "Nothing to be done" not in output:
            sys.exit(f"there was something to do:\n{output[-2000:]}")
        return cost


def measure_months(growing: Growing, rounds: int, build: bool) -> dict:
    """Return the entry of results.json for a number of run months."""
    growing.publish()
    jobs = growing.jobs()
    costs = {}

    def take(step: str, cost: Cost) -> None:
        costs.setdefault(step, []).append(cost)
        print(f"{growing.run_months} x {len(growing.datasets)}: {step}: {cost.seconds:.2f} s", flush=True)

    for _ in range(rounds):
        for step, cost in growing.plan():
            take(step, cost)
    if build:
        take(RUN, growing.run())
        measure(growing.empty)
        for _ in range(rounds):
            for step, cost in growing.nothing():
                take(step, cost)
    row = {"months": growing.run_months, "datasets": len(growing.datasets), "jobs": jobs}
    return {"about": report.conditions(), **row, "costs": costs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--months", default=",".join(map(str, SINGLE)), help="run months; %(default)s by default")
    parser.add_argument("--of-all", type=int, default=OF_ALL_DATASETS, help="run months of four datasets, for a plan")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of all but the run")
    report.add_options(parser)
    options = parser.parse_args()
    if not options.render:
        with tempfile.TemporaryDirectory() as temporary:
            published = Path(temporary, "published")
            for count in (int(text) for text in options.months.split(",") if text):
                growing = Growing(Path(temporary, str(count)), published, count, DATASETS[:1])
                report.save(options.results, "growth", {str(count): measure_months(growing, options.rounds, True)})
            growing = Growing(Path(temporary, "all"), published, options.of_all, DATASETS)
            measured = measure_months(growing, options.rounds, False)
            report.save(options.results, "growth", {f"{options.of_all} x {len(DATASETS)}": measured})
    report.render(options.results)


if __name__ == "__main__":
    main()
