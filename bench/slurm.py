"""How long a job on Slurm takes beyond its own work: from being sent until Snakemake knows that it is done.

    .venv/bin/python bench/slurm.py --months 3 --asked-every 5

The cluster is a real one on this machine with two nodes (tests/servers/slurm_cluster.py says what to install, `make
slurm` brings the executor), the months are those of the demo, the profile is profiles/slurm, but for how
often Slurm is asked. Jobs that travel in a group, or run where the call runs, are left out.
"""

import argparse
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import yaml
from measure import ROOT, user_environment  # first: it says where the package and the tests are

# isort: split
from monthwise.base import months
from servers import slurm_cluster

FIRST = "2023-03"  # run month
ALONE = ("train", "evaluate", "track", "compare", "score", "drift")
TIME, RULE = re.compile(r"^\[(.+)\]$"), re.compile(r"^(local)?rule (\w+):$")
JOB, FINISHED = re.compile(r"^    jobid: (\d+)$"), re.compile(r"^Finished jobid: (\d+) ")
WILDCARDS = re.compile(r"^    wildcards: dataset=(\w+), month=([\d-]+)$")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--months", type=int, default=3, help="run months")
    parser.add_argument("--asked-every", type=int, default=5, help="seconds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, slurm_cluster.cluster(Path(scratch, "slurm")) as cluster:
        profile, folder = Path(scratch, "profile"), Path(scratch, "months")
        for path in (profile, folder):
            path.mkdir()
        config = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
        for key in ("slurm-init-seconds-before-status-checks", "seconds-between-status-checks"):
            config[key] = options.asked_every
        (profile / "config.yaml").write_text(yaml.safe_dump(config))
        last = months.shift(FIRST, options.months - 1)
        demo = {"first": months.shift(FIRST, -2), "last": months.shift(last, -1)}
        config = {"source": "demo", "datasets": ["green"], "begin": {"green": FIRST}, "demo": demo}
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        environment = user_environment({"SNAKEMAKE_PROFILE": str(profile)})
        command = [str(ROOT / "monthwise"), "run", "--configfile", "config.yaml"]
        begin = time.perf_counter()
        process = cluster.start(*command, cwd=folder, env=environment)
        output, _ = process.communicate()
        if process.returncode:
            raise SystemExit(output)
        print(output.splitlines()[-1])
        print(f"asked every {options.asked_every} s: {time.perf_counter() - begin:.0f} s in all")
        report(folder)


def report(folder: Path) -> None:
    """Print what jobs took beyond what benchmarks/ says of their work."""
    beyond, work = [], []
    for rule, dataset, month, seconds in times(next((folder / "logs/run").glob("*.log")).read_text().splitlines()):
        benchmark = (folder / f"benchmarks/{rule}/{dataset}/{month}.tsv").read_text().splitlines()[1]
        work.append(float(benchmark.split("\t")[0]))
        beyond.append(seconds - work[-1])
    print(f"{len(beyond)} jobs of {min(work):.1f} to {max(work):.1f} s of work took beyond it")
    print(f"{min(beyond):.1f} to {max(beyond):.1f} s, median {statistics.median(beyond):.1f} s")


def times(lines: list[str]) -> Iterator[tuple[str, str, str, float]]:
    """Yield rule, dataset, month and seconds of each job that was sent alone, from what Snakemake printed."""
    when, rule, number = None, "", ""
    sent: dict[str, tuple[datetime, str, str, str]] = {}
    for line in lines:
        if match := TIME.match(line):
            when = datetime.strptime(match[1], "%a %b %d %H:%M:%S %Y")
        elif match := RULE.match(line):
            rule = "" if match[1] else match[2]
        elif match := JOB.match(line):
            number = match[1]
        elif (match := WILDCARDS.match(line)) and rule in ALONE:
            sent[number] = (when, rule, *match.groups())
        elif (match := FINISHED.match(line)) and match[1] in sent:
            began, *job = sent.pop(match[1])
            yield (*job, (when - began).total_seconds())


if __name__ == "__main__":
    main()
