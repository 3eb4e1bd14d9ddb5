"""Log live errors to MLflow: in the run of the model that was champion, one step for each month."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..base import metric_values

if TYPE_CHECKING:
    from mlflow import MlflowClient


def numbers_of(live: Mapping[str, Any]) -> dict[str, float]:
    """Return the errors in live.json by their name in MLflow."""
    numbers = {"live_rows": float(live["rows"])}
    numbers |= {f"champion_live_{name}": float(live[name]) for name in metric_values.NAMES if name in live}
    metric = live["metric"]
    return numbers | {f"baseline_live_{metric}": float(live["baseline"][metric])}


def log(client: MlflowClient, run_id: str, live_by_month: Mapping[str, Mapping[str, Any]]) -> None:
    """Log the live errors of a model to its run: one step (202403) for each month in which it was champion.

    Values that are already logged are not written again.
    """
    from mlflow.entities import Metric

    logged: dict[str, dict[int, float]] = {}
    for month, live in live_by_month.items():
        step, now = int(month.replace("-", "")), int(time.time() * 1000)
        measured = numbers_of(live)
        for metric in measured.keys() - logged.keys():
            logged[metric] = _logged_by_step(client, run_id, metric)
        outdated = {metric: value for metric, value in measured.items() if logged[metric].get(step) != value}
        if outdated:
            client.log_batch(run_id, [Metric(metric, value, now, step) for metric, value in outdated.items()])


def _logged_by_step(client: MlflowClient, run_id: str, metric: str) -> dict[int, float]:
    """Return the value of a metric that was logged last, by step."""
    history = sorted(client.get_metric_history(run_id, metric), key=lambda entry: entry.timestamp)
    return {entry.step: entry.value for entry in history}
