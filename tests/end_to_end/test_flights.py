"""examples/flights: real flights, as regression and as classes, against the naive baseline."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from fixtures.equal_builds import assert_equal, built_files
from fixtures.killing import kill_group, started
from fixtures.marks import nightly
from fixtures.shared_months import publish
from fixtures.workflow import REPOSITORY, Clone, wait_for
from monthwise.base import months

CONFIG = ("--configfile", "examples/flights/flights.yaml")
# Plain scikit-learn boosting, trained on one month and tested on the next (run month: error).
RMSE = {"2013-03": 18.6, "2013-07": 25.3, "2013-10": 18.5}
LOG_LOSS = {"2013-03": 0.285, "2013-07": 0.303, "2013-10": 0.193}
BOTH = {"datasets": ["delay", "late", "green"], "begin": {"green": "2013-03"}, "last": "2013-12"}
ROC_AUC = {"2013-03": 0.890, "2013-07": 0.913, "2013-10": 0.924}


@pytest.fixture(scope="module")
def flights(tmp_path_factory) -> Clone:
    return with_flights(tmp_path_factory.mktemp("flights") / "clone")


def with_flights(folder: Path) -> Clone:
    """Return a clone with the published flights of each month."""
    clone = Clone(folder)
    shutil.copytree(REPOSITORY / "examples", clone.path("examples"), ignore=shutil.ignore_patterns("months"))
    subprocess.run([sys.executable, clone.path("examples/flights/get.py")], check=True)
    return clone


def metrics(clone: Clone, dataset: str, month: str, name: str = "metrics.json") -> dict:
    return json.loads(Path(clone.folder, "runs", dataset, month, name).read_text())


def test_known_at_push_back_the_errors_of_plain_boosting_are_reached(flights):
    targets = [f"runs/{dataset}/2013-03/metrics.json" for dataset in ("delay", "late")]
    flights.build(*CONFIG, "--", *targets)
    assert metrics(flights, "delay", "2013-03")["rmse"] < RMSE["2013-03"]
    late = metrics(flights, "late", "2013-03")
    assert late["log_loss"] < LOG_LOSS["2013-03"]
    assert late["roc_auc"] > ROC_AUC["2013-03"]
    assert sum(entry["rows"] for entry in late["calibration"]) == late["rows"] == sum(map(sum, late["confusion"]))


def test_known_when_booked_the_baseline_stays(flights):
    flights.build(*CONFIG, "--", "runs/booked/2013-03/champion.json")
    booked = metrics(flights, "booked", "2013-03")
    assert booked["log_loss"] > booked["baseline"]["log_loss"]
    champion = metrics(flights, "booked", "2013-03", "champion.json")
    assert (champion["decision"], champion["champion"]["kind"]) == ("baseline", "baseline")
    assert "the naive baseline serves" in champion["reason"]


@nightly
def test_ten_run_months_of_three_datasets(flights):
    ended = flights.monthwise("run", *CONFIG)
    assert ended.returncode == 0, ended.stdout[-3000:]
    for month in RMSE:
        assert metrics(flights, "delay", month)["rmse"] < RMSE[month]
        assert metrics(flights, "late", month)["log_loss"] < LOG_LOSS[month]
        assert metrics(flights, "late", month)["roc_auc"] > ROC_AUC[month]
    for dataset in ("delay", "late", "booked"):
        for number in range(3, 13):
            live = metrics(flights, dataset, f"2013-{number:02d}", "live.json")
            assert live["rows"] > 20_000
    assert "ok" in flights.monthwise("verify", "2013-03..2013-04", "--rebuild", *CONFIG).stdout


@nightly
def test_twelve_months_of_green_and_flights_killed_in_the_middle_equal_an_undisturbed_build(tmp_path):
    undisturbed = with_flights(tmp_path / "undisturbed")
    for month in months.span("2013-01", "2013-12"):
        publish(undisturbed.path("examples/flights/months"), "green", month)
    undisturbed.path("both.yaml").write_text(yaml.safe_dump(BOTH))
    killed = Clone(tmp_path / "killed", like=undisturbed)
    run = ("run", *CONFIG, "both.yaml")
    assert undisturbed.monthwise(*run).returncode == 0
    in_the_end = len(built_files(undisturbed))
    for share in (0.2, 0.5, 0.8):
        call = started(killed, ("./monthwise", *run))
        wait_for(lambda: len(built_files(killed)) > share * in_the_end, seconds=900)  # noqa: B023
        assert call.poll() is None
        kill_group(killed, call)
        assert call.wait(timeout=60) != 0
    ended = killed.monthwise(*run)
    assert ended.returncode == 0, ended.stdout[-3000:]
    assert_equal(undisturbed, killed)
    assert killed.monthwise(*run).stdout == "up to date\n"
