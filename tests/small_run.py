"""Small trained months for tests of tracking: everything that `track` reads, in a folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import skops.io
from monthwise.base.months import shift
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

REPOSITORY = Path(__file__).resolve().parent.parent
COLUMNS = ["pair", "distance_mi", "minute_of_day", "weekday"]


def features(month: str, rows: int = 300) -> pd.DataFrame:
    random = np.random.default_rng(int(month.replace("-", "")))
    frame = pd.DataFrame(
        {
            "trip": np.arange(rows),
            "pair": random.integers(0, 20, rows),
            "distance_mi": random.gamma(2, 2, rows),
            "minute_of_day": random.integers(0, 1440, rows).astype("int16"),
            "weekday": random.integers(0, 7, rows).astype("int8"),
        }
    )
    frame["duration_min"] = 3 + 4 * frame["distance_mi"] + random.normal(0, 1, rows)
    return frame


def pipeline(recipe: str) -> Pipeline:
    if recipe == "linear":
        return make_pipeline(
            make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["pair"])), LinearRegression()
        )
    encoded = make_column_transformer((TargetEncoder(cv=3), ["pair"]), remainder="passthrough")
    return make_pipeline(encoded, HistGradientBoostingRegressor(max_iter=5, early_stopping=False))


def small_run(folder: Path, month: str = "2021-05", service: str = "green", recipe: str = "boosted") -> dict:
    """Fit a run month under `folder`; return the options of `track` by name, but for settings and output."""
    run = folder / "runs" / service / month
    run.mkdir(parents=True)
    months = [shift(month, -2), shift(month, -1)]
    paths = []
    for data_month in months:
        paths.append(folder / "data" / service / data_month / "features.parquet")
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pandas(features(data_month), preserve_index=False), paths[-1])
    fitted, train = pipeline(recipe), features(months[0])
    fitted.fit(train[COLUMNS], train["duration_min"])
    skops.io.dump(fitted, run / "model.skops")
    parameters = {"max_iter": 5, "early": {"stopping": False}}
    training = {"service": service, "month": month, "months": months[:1], "recipe": recipe, "parameters": parameters}
    training |= {"columns": COLUMNS, "rows_available": 300, "train_rows": 300, "seed": 1}
    (run / "training.json").write_text(json.dumps(training))
    metrics = {
        "rmse_min": 4.25,
        "mae_min": 3.5,
        "rows": 300,
        "train_rows": 300,
        "by": {"hour": {"0": {"rmse_min": 4.0}}},
    }
    (run / "metrics.json").write_text(json.dumps(metrics | {"service": service, "month": month}))
    return {
        "model": str(run / "model.skops"),
        "training": str(run / "training.json"),
        "metrics": str(run / "metrics.json"),
        "features": [str(paths[0])],
        "validation_features": str(paths[1]),
        "tracking": str(run / "tracking.json"),
    }


def settings(uri: str, month: str = "2021-05", service: str = "green") -> dict:
    """Return the settings of a `track` job for a small run."""
    return {
        "service": service,
        "month": month,
        "uri": uri,
        "experiment": f"monthwise-{service}",
        "training_months": [shift(month, -2)],
        "validation_month": shift(month, -1),
    }


def start(folder: Path, options: dict, job: dict, **environment: str) -> subprocess.Popen:
    """Start scripts/track.py as a process in `folder`."""
    command = [sys.executable, str(REPOSITORY / "scripts/track.py"), "--settings", json.dumps(job)]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", *(value if isinstance(value, list) else [value])]
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=folder, env=inherited | environment, **pipes)
