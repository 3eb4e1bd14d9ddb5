"""Services: each of the TLC's, and one of another publisher that is added by config alone."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from fixtures.workflow import Clone
from monthwise.base import months

BIKES = """
services: [bikes]
begin: {bikes: 2024-03}
last: 2024-04
source: file:bikes
catalog:
  bikes:
    file: bikes-{month}.parquet
    duration: {min: 2, max: 120}
    columns:
      pickup_time: [started_at]
      dropoff_time: [ended_at]
      pickup_zone: [start_station_id]
      dropoff_zone: [end_station_id]
"""


def ride(month: str, rows: int = 3000) -> pd.DataFrame:
    """A month of rides between stations with names; how long a ride takes depends on its stations."""
    random = np.random.default_rng(int(month.replace("-", "")))
    stations = np.array([f"JC{number:03d}" for number in range(12)])
    start, end = random.integers(0, 12, (2, rows))
    began = pd.Timestamp(month) + pd.to_timedelta(random.uniform(0, 27 * 24 * 60, rows), unit="min")
    minutes = 5 + 4 * np.abs(start - end) + random.normal(0, 1, rows)
    ended = began + pd.to_timedelta(minutes, unit="min")
    return pd.DataFrame(
        {"started_at": began, "ended_at": ended, "start_station_id": stations[start], "end_station_id": stations[end]}
    )


def test_a_bike_share_is_added_by_config_alone(tmp_path):
    clone = Clone(tmp_path / "clone")
    clone.path("bikes").mkdir()
    for month in months.span("2024-01", "2024-03"):
        ride(month).to_parquet(clone.path(f"bikes/bikes-{month}.parquet"))
    clone.path("bikes.yaml").write_text(BIKES)
    clone.build("--configfile", "bikes.yaml")
    for month in ("2024-03", "2024-04"):
        metrics = json.loads(clone.path(f"runs/bikes/{month}/metrics.json").read_text())
        assert metrics["rows"] == 3000
        assert metrics["rmse_min"] < 2  # the noise is 1, the rides themselves vary by 13
        assert set(metrics["by"]) == {"hour", "distance_mi"}
        training = json.loads(clone.path(f"runs/bikes/{month}/training.json").read_text())
        assert training["parameters"] == {"zones": "codes"}
        assert clone.path(f"runs/bikes/{month}/tracking.json").exists()


@pytest.mark.parametrize("service", ["yellow", "fhv", "fhvhv"])
def test_every_service_of_the_tlc_is_cleaned_and_trained(service, tmp_path):
    clone = Clone(tmp_path / "clone")
    config = {"source": "demo", "services": [service], "begin": {}, "demo": {"rows": 4000, "last": "2023-12"}}
    clone.path("mine.yaml").write_text(yaml.safe_dump(config))
    clone.build("--configfile", "mine.yaml", "--until", "evaluate")
    metrics = json.loads(clone.path(f"runs/{service}/2024-01/metrics.json").read_text())
    assert metrics["rmse_min"] < metrics["baseline_rmse_min"]
