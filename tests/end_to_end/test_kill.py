"""A backfill that is killed at random moments and rerun ends like an undisturbed one."""

import os
import random
import sqlite3
import subprocess
import time

from fixtures.equal_builds import assert_equal, built_files
from fixtures.killing import below, kill, kill_group, started
from fixtures.shared_months import DATASETS, FIRST, LAST
from fixtures.workflow import Clone, wait_for
from monthwise.base import months

KILLS = 30 if "MONTHWISE_NIGHTLY" in os.environ else 4
RUN = ("./monthwise", "run", "--jobs", "2")


def kill_call(clone: Clone, call: subprocess.Popen) -> int:
    return kill([call.pid])


def kill_snakemake(clone: Clone, call: subprocess.Popen) -> int:
    killed = 0
    while call.poll() is None:  # one that was at its end already stops no call: the next one is killed
        killed += kill(below(clone, "snakemake"))
        time.sleep(0.05)
    return killed


def kill_warm(clone: Clone, call: subprocess.Popen) -> int:
    """Kill one warm process; the call goes on, so it is killed a little later."""
    killed, count = kill(below(clone, "warm/process.py")[:1]), len(built_files(clone))
    wait_for(lambda: len(built_files(clone)) > count + 3 or call.poll() is not None)
    return killed + kill_group(clone, call)


WAYS = {"whole group": kill_group, "run alone": kill_call, "Snakemake alone": kill_snakemake, "warm": kill_warm}


def test_killed_in_every_way_and_asked_again_a_backfill_equals_an_undisturbed_one(unbuilt, built, tmp_path):
    clone = Clone(tmp_path / "clone", like=unbuilt)
    in_the_end, choice = len(built_files(built)), random.Random(KILLS)
    print(f"\n{'kill':>4}  {'way':16} {'processes':>9} {'files':>6}  code of the call")
    for number in range(KILLS):
        way = list(WAYS)[number % len(WAYS)]
        call = started(clone, RUN)
        wanted = in_the_end * (number + choice.random()) / (KILLS + 1)
        wait_for(lambda: len(built_files(clone)) >= wanted or call.poll() is not None, seconds=600)  # noqa: B023
        time.sleep(choice.random() / 5)
        assert call.poll() is None, clone.path("killed.log").read_text()[-4000:]
        killed, count = WAYS[way](clone, call), len(built_files(clone))
        code = call.wait(timeout=600)
        print(f"{number + 1:4}  {way:16} {killed:9} {count:6}  {code}")

    began = time.monotonic()
    ended = clone.run(*RUN)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    print(f"the next call: {time.monotonic() - began:.1f} s, {ended.stdout.splitlines()[-1]}")
    assert_equal(clone, built)
    assert clone.run(*RUN).stdout == "up to date\n"
    with sqlite3.connect(clone.path("mlflow.db")) as store:
        runs = store.execute("SELECT name, status FROM runs WHERE lifecycle_stage = 'active' ORDER BY name").fetchall()
    assert runs == [(f"{dataset} {month}", "FINISHED") for dataset in DATASETS for month in months.span(FIRST, LAST)]
