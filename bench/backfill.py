"""What a backfill costs, side by side: Monthwise, warm and not, and the plain script that does the same (plain.py).

    make bench                                                          everything, and growth.py
    .venv/bin/python bench/backfill.py --sizes green-3,green-12 --rounds 5
    .venv/bin/python bench/backfill.py --render                         the tables again, of bench/results.json

In each round every way builds the run months of a size in a new directory, then meets one scenario after the other,
all ways in turn. Every call must succeed, `again` must write nothing, and all ways must have written equal files.
"""

import argparse
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml
from measure import SNAKEMAKE, Cost, measure  # first: it says where the package and the tests are

# isort: split
import pyarrow.parquet as pq
import report
from fixtures.equal_builds import assert_equal, built_files
from monthwise.base import months
from monthwise.prepare.taxi import demo
from report import AGAIN, COLD, MONTH, OFF, PLAIN, RECIPE, RESTATED, SKIPPING, WARM

EACH = (SKIPPING, WARM, OFF)
ALL = {COLD: (PLAIN, WARM, OFF), AGAIN: (PLAIN, *EACH), RESTATED: EACH, RECIPE: EACH, MONTH: EACH}
# Where a whole pass takes minutes.
LARGE = dict.fromkeys(ALL, (SKIPPING, WARM)) | {COLD: (PLAIN, WARM, OFF)}


class Size(NamedTuple):
    """How much is built, how often, and which ways meet which scenarios, in this order."""

    dataset: str
    rows: int  # of a month
    run_months: int
    rounds: int
    scenarios: dict[str, tuple[str, ...]]
    until_track: bool = True  # else with champions, scores and evidence


SIZES = {
    "green-3": Size("green", 75_000, 3, 3, ALL),
    "green-12": Size("green", 75_000, 12, 3, ALL),
    "green-12-champions": Size("green", 75_000, 12, 3, ALL, until_track=False),
    "green-60": Size("green", 75_000, 60, 1, LARGE),
    "yellow-3": Size("yellow", 3_000_000, 3, 1, LARGE),
    "yellow-12": Size("yellow", 3_000_000, 12, 1, LARGE),
}
FIRST = "2019-03"  # run month
# A fit of a third of a second: what is compared is what surrounds the fits, and large trees would hide it.
TRAIN = {"parameters": {"max_iter": 100, "max_leaf_nodes": 31}}
CHANGED = {"parameters": {"max_iter": 100, "max_leaf_nodes": 63}}
GROUP_ROWS = 1 << 20  # as in the publisher's files
COMPARE_MODELS_ROWS = 100_000  # above that, a model is compared by validation.parquet alone: its predictions


class Built(NamedTuple):
    """A directory that one way has built, for equal_builds.py."""

    folder: Path

    def path(self, name: str) -> Path:
        return self.folder / name

    def times(self) -> dict[str, int]:
        """Return when each file of data and run months was written."""
        return {name: self.path(name).stat().st_mtime_ns for name in built_files(self)}


class Publisher:
    """A folder of generated months, kept from round to round."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir()

    def publish(self, size: Size, month: str, seed: int = 1) -> None:
        demo.write_month(self._file(size, month), size.dataset, month, size.rows, seed, group=GROUP_ROWS)

    def publish_all(self, size: Size) -> None:
        """Publish what is not there yet; one month more than the run months need."""
        for month in data_months(size):
            if not self._file(size, month).exists():
                self.publish(size, month)

    def describe(self, size: Size) -> str:
        """Return bytes a row and row groups of the months, and of the real ones where there are some."""
        description = f"generated: {_shape([self._file(size, month) for month in data_months(size)])}"
        real = sorted(Path(os.environ.get("TLC_MIRROR", "nowhere")).glob(f"{size.dataset}_tripdata_*.parquet"))
        return f"{description}; the TLC's: {_shape(real)}" if real else description

    def _file(self, size: Size, month: str) -> Path:
        return self.folder / f"{size.dataset}_tripdata_{month}.parquet"


def _shape(paths: list[Path]) -> str:
    footers = [pq.read_metadata(path) for path in paths]
    a_row = [path.stat().st_size / footer.num_rows for path, footer in zip(paths, footers, strict=True)]
    groups = {footer.num_row_groups for footer in footers}
    return f"{min(a_row):.1f} to {max(a_row):.1f} bytes a row, row groups {', '.join(map(str, sorted(groups)))}"


def data_months(size: Size) -> list[str]:
    return months.span(months.shift(FIRST, -2), months.shift(FIRST, size.run_months - 1))


def restated_month(size: Size) -> str:
    """Return a data month in the middle, which one run month trains on and one is measured on."""
    return months.shift(FIRST, size.run_months // 2 - 1)


class Round:
    """One round of a size: a directory for each way, and what the user has done so far."""

    def __init__(self, size: Size, publisher: Publisher, scratch: Path):
        self.size, self.publisher, self.scratch = size, publisher, scratch
        self.config = scratch / "config.yaml"
        publisher.publish_all(size)

    def costs(self) -> Iterator[tuple[str, str, Cost]]:
        """Yield scenario, way and cost of each call; the scenarios follow each other in the same directories."""
        for scenario, ways in self.size.scenarios.items():
            self._prepare(scenario)
            written = {}
            for way in ways:
                built = self._built(way)
                before = built.times()
                os.sync()  # what the last call wrote must not burden the next one
                cost, _ = measure(self._command(way, scenario), {"MONTHWISE_WARM": "0"} if way == OFF else {})
                written[way] = {name for name, time in built.times().items() if before.get(name) != time}
                yield scenario, way, cost
            self._insist(scenario, written)
        if RESTATED in self.size.scenarios:
            self.publisher.publish(self.size, restated_month(self.size))  # as it was at first

    def _prepare(self, scenario: str) -> None:
        if scenario == RESTATED:
            self.publisher.publish(self.size, restated_month(self.size), seed=2)
        reached = list(self.size.scenarios).index(scenario)
        is_past = dict.fromkeys(list(self.size.scenarios)[: reached + 1], True).get
        config = {
            "source": f"file:{self.publisher.folder}",
            "datasets": [self.size.dataset],
            "begin": {self.size.dataset: FIRST},
            "last": months.shift(FIRST, self.size.run_months - (0 if is_past(MONTH) else 1)),
            "train": CHANGED if is_past(RECIPE) else TRAIN,
        }
        self.config.write_text(yaml.safe_dump(config))

    def _command(self, way: str, scenario: str) -> list[str]:
        place = ["--directory", str(self._built(way).folder), "--configfile", str(self.config)]
        if way in (PLAIN, SKIPPING):
            skip = ["--skip-existing"] if way == SKIPPING else []
            until = ["--until-track"] if self.size.until_track else []
            return [".venv/bin/python", "bench/plain.py", *place, *skip, *until]
        until = ["--until", "track"] if self.size.until_track else []
        build = [*SNAKEMAKE, *place, "--quiet", "all", *until]
        if scenario != RESTATED:
            return build
        locate = ["./monthwise", "locate", restated_month(self.size), *place]
        return ["sh", "-c", f"{shlex.join(locate)} && {shlex.join(build)}"]

    def _built(self, way: str) -> Built:
        # Built from nothing both are the same call.
        name = {PLAIN: "plain", SKIPPING: "plain", WARM: "warm", OFF: "off"}[way]
        return Built(self.scratch / name)

    def _insist(self, scenario: str, written: dict[str, set[str]]) -> None:
        """Exit if the ways did not do the same."""
        redone = {way: names for way, names in written.items() if way != PLAIN or scenario == COLD}
        wanted = set() if scenario == AGAIN else redone[WARM]
        for way, names in redone.items():
            if names != wanted or (not names and scenario != AGAIN):
                sys.exit(
                    f"{scenario}, {way}: wrote {len(names)} files: {sorted(names ^ wanted)[:10]} should not differ"
                )
        if scenario == COLD:
            for way in written:
                _assert_same(self._built(PLAIN), self._built(way), self.size.rows <= COMPARE_MODELS_ROWS)


def _assert_same(one: Built, other: Built, with_models: bool) -> None:
    if with_models:
        assert_equal(one, other)
        return
    for name in built_files(one):
        if name.endswith((".parquet", ".json")) and not name.endswith("tracking.json"):
            assert one.path(name).read_bytes() == other.path(name).read_bytes(), f"{name} differs"


def measure_size(name: str, size: Size, publisher: Publisher, scratch: Path) -> dict:
    """Return the entry of results.json for a size."""
    costs = {scenario: {way: [] for way in ways} for scenario, ways in size.scenarios.items()}
    for number in range(1, size.rounds + 1):
        folder = scratch / "round"
        folder.mkdir()
        for scenario, way, cost in Round(size, publisher, folder).costs():
            costs[scenario][way].append(cost)
            print(f"{name}, round {number}: {scenario}, {way}: {cost.seconds:.2f} s", flush=True)
        shutil.rmtree(folder)
    facts = {key: getattr(size, key) for key in ("dataset", "rows", "run_months", "until_track")}
    return {"about": report.conditions(), **facts, "files": publisher.describe(size), "costs": costs}


def measure_all(sizes: dict[str, Size], scratch: Path, results: Path) -> None:
    # Thrown away: afterwards all programs and libraries have bytecode, and their files are in memory.
    tiny = Size("green", 1_000, 1, 1, {COLD: ALL[COLD], AGAIN: EACH, RESTATED: EACH})
    measure_size("to warm up", tiny, Publisher(scratch / "tiny"), scratch)
    publisher = Publisher(scratch / "published")
    for name, size in sizes.items():
        report.save(results, "backfill", {name: measure_size(name, size, publisher, scratch)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=",".join(SIZES), help=f"of {', '.join(SIZES)}; all by default")
    parser.add_argument("--rounds", type=int, help="of each size; else what SIZES says")
    parser.add_argument("--rows", type=int, help="of each month, to try this program; else what SIZES says")
    report.add_options(parser)
    options = parser.parse_args()
    if not options.render:
        changed = {key: getattr(options, key) for key in ("rounds", "rows") if getattr(options, key)}
        sizes = {name: SIZES[name]._replace(**changed) for name in options.sizes.split(",")}
        with tempfile.TemporaryDirectory() as temporary:
            measure_all(sizes, Path(temporary), options.results)
    report.render(options.results)


if __name__ == "__main__":
    main()
