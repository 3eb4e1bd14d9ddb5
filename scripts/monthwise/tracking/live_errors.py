"""Log live errors to MLflow: in the run of the model that was champion, one step for each month."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient

# Name in MLflow, name in live.json.
LIVE = {f"champion_live_{name}": name for name in ("rmse_min", "mae_min", "bias_min", "p90_abs_min")}
LIVE |= {"baseline_live_rmse_min": "baseline_rmse_min", "live_rows": "rows"}


def log(client: MlflowClient, run_id: str, live_by_month: Mapping[str, Mapping[str, Any]]) -> None:
    """Log the live errors of a model to its run: one step (202403) for each month in which it was champion.

    Values that are already logged are not written again.
    """
    from mlflow.entities import Metric

    logged = {metric: _logged_by_step(client, run_id, metric) for metric in LIVE}
    for month, live in live_by_month.items():
        step, now = int(month.replace("-", "")), int(time.time() * 1000)
        # A live.json from an older version, such as that of a closed month, lacks the errors added since.
        measured = {metric: float(live[name]) for metric, name in LIVE.items() if name in live}
        outdated = {metric: value for metric, value in measured.items() if logged[metric].get(step) != value}
        if outdated:
            client.log_batch(run_id, [Metric(metric, value, now, step) for metric, value in outdated.items()])


def _logged_by_step(client: MlflowClient, run_id: str, metric: str) -> dict[int, float]:
    """Return the value of a metric that was logged last, by step."""
    history = sorted(client.get_metric_history(run_id, metric), key=lambda entry: entry.timestamp)
    return {entry.step: entry.value for entry in history}
