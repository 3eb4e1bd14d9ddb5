"""Datasets: each of the TLC's, and one of another publisher that is added by config alone."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from fixtures.marks import nightly
from fixtures.workflow import Clone
from monthwise.base import months

BIKES = """
datasets: [bikes]
begin: {bikes: 2024-03}
last: 2024-04
source: file:bikes
catalog:
  bikes:
    file: bikes-{month}.parquet
    time: started_at
    target: {until: [ended_at], unit: min, min: 2, max: 120}
    features:
      start: {kind: category, columns: [start_station_id]}
      end: {kind: category, columns: [end_station_id]}
      hour: calendar
    segments: {hour: null, start: null}
"""
STATIONS = np.array([f"JC{number:03d}" for number in range(12)])


def rides(month: str, rows: int = 3000) -> pd.DataFrame:
    """Return a month of rides between stations with names; how long a ride takes depends on its stations."""
    random = np.random.default_rng(int(month.replace("-", "")))
    start, end = random.integers(0, len(STATIONS), (2, rows))
    began = pd.Timestamp(month) + pd.to_timedelta(random.uniform(0, 27 * 24 * 60, rows), unit="min")
    minutes = 5 + 4 * np.abs(start - end) + random.normal(0, 1, rows)
    ended = began + pd.to_timedelta(minutes, unit="min")
    return pd.DataFrame(
        {"started_at": began, "ended_at": ended, "start_station_id": STATIONS[start], "end_station_id": STATIONS[end]}
    )


def test_a_bike_share_is_added_by_config_alone(tmp_path):
    clone = Clone(tmp_path / "clone")
    clone.path("bikes").mkdir()
    for month in months.span("2024-01", "2024-03"):
        rides(month).to_parquet(clone.path(f"bikes/bikes-{month}.parquet"))
    clone.path("bikes.yaml").write_text(BIKES)
    clone.build("--configfile", "bikes.yaml")
    for month in ("2024-03", "2024-04"):
        metrics = json.loads(clone.path(f"runs/bikes/{month}/metrics.json").read_text())
        assert metrics["rows"] == 3000
        assert metrics["rmse"] < 2  # the noise is 1, the rides themselves vary by 13
        assert metrics["rmse"] < metrics["baseline"]["rmse"]  # which knows one of the two stations
        assert (metrics["metric"], metrics["unit"]) == ("rmse", "min")
        assert {kind: len(segments) for kind, segments in metrics["by"].items()} == {"hour": 24, "start": 12}
        assert metrics["places"] == {}
        training = json.loads(clone.path(f"runs/bikes/{month}/training.json").read_text())
        assert training["columns"] == ["start", "end", "hour"]
        assert set(training["categories"]["start"]) == set(STATIONS)
        assert clone.path(f"runs/bikes/{month}/tracking.json").exists()


@nightly
@pytest.mark.parametrize("dataset", ["yellow", "fhv", "fhvhv"])
def test_every_dataset_of_the_tlc_is_cleaned_and_trained(dataset, tmp_path):
    clone = Clone(tmp_path / "clone")
    config = {"source": "demo", "datasets": [dataset], "begin": {}, "demo": {"rows": 4000, "last": "2023-12"}}
    clone.path("mine.yaml").write_text(yaml.safe_dump(config))
    clone.build("--configfile", "mine.yaml", "--until", "evaluate")
    metrics = json.loads(clone.path(f"runs/{dataset}/2024-01/metrics.json").read_text())
    assert metrics["rmse"] < metrics["baseline"]["rmse"]
