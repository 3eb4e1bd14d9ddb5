"""What the report costs for 15 years of four datasets: the first time, again, after one new month; and its first page.

    .venv/bin/python bench/pages.py

The history is made of files: copies of a built demo month with numbers of their own (tests/fixtures/long_history.py).
"""

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

import yaml
from measure import Cost, measure  # first: it says where the package and the tests are

# isort: split
from fixtures import long_history
from servers.browser import Reader, chromium

DATASETS = ["green", "yellow", "fhv", "fhvhv"]
FIRST, LAST, NEXT = "2009-03", "2024-02", "2024-03"
LIKE = "2024-02"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, help="make the history there, and leave it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch, "history")
        demo = Path(scratch, "demo")
        measure(["./monthwise", "run", "--directory", str(demo), "--configfile", "config/demo.yaml"])
        long_history.make(folder, demo, LIKE, DATASETS, FIRST, LAST)
        print_cost("first time", report(folder, LAST))
        print_cost("again", report(folder, LAST))
        long_history.make(Path(scratch, "more"), demo, LIKE, DATASETS[:1], NEXT, NEXT)
        for part in ("data", "runs", "logs", "benchmarks"):
            for path in Path(scratch, "more", part).rglob(f"*{NEXT}*"):
                goal = folder / path.relative_to(Path(scratch, "more"))
                if not goal.exists():
                    shutil.copytree(path, goal) if path.is_dir() else shutil.copy2(path, goal)
        before = time.time()
        print_cost("after one new month", report(folder, NEXT))
        pages = list((folder / "report").rglob("*.html"))
        written = [page for page in pages if os.stat(page).st_mtime >= before]
        print(f"{len(pages):,} pages, {len(written)} of them written after the new month")
        size = sum(page.stat().st_size for page in pages)
        print(f"{size / 1e6:.0f} MB, index.html {(folder / 'report/index.html').stat().st_size / 1e6:.2f} MB")
        with chromium() as browser:
            for _ in range(3):
                reader = Reader(browser)
                reader.open(folder / "report/index.html")
                timing = "performance.getEntriesByType('navigation')[0]"
                timings = reader.page.evaluate(f"[{timing}.domInteractive, {timing}.loadEventEnd]")
                begin = time.perf_counter()
                reader.page.locator("select[name=state]").select_option("b")
                filtered_ms = (time.perf_counter() - begin) * 1e3
                print(f"interactive {timings[0]:.0f} ms, loaded {timings[1]:.0f} ms, filtered {filtered_ms:.0f} ms")
                reader.context.close()


def report(folder: Path, last: str) -> Cost:
    config = {"source": "demo", "datasets": DATASETS, "begin": dict.fromkeys(DATASETS, FIRST)}
    config["demo"] = {"first": "2009-01", "last": last}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return measure(["./monthwise", "report", "--directory", str(folder), "--configfile", str(folder / "config.yaml")])[
        0
    ]


def print_cost(label: str, cost: Cost) -> None:
    print(f"{label}: {cost.seconds:.1f} s, {cost.rss_mb:.0f} MB")


if __name__ == "__main__":
    main()
