"""Fit the recipe of a run month, and the naive baseline, on the features of its training window."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from monthwise import files, models, program, recipes
from monthwise.baseline import PairMean
from monthwise.exits import BadData
from sklearn.pipeline import Pipeline

NOT_FEATURES = ("trip", "duration_min")


def sample(features: pa.Table, max_rows: int, seed: int) -> pa.Table:
    """Return at most `max_rows` rows, drawn without replacement by `seed` and left in their order."""
    if features.num_rows <= max_rows:
        return features
    rows = np.random.default_rng(seed).choice(features.num_rows, max_rows, replace=False)
    return features.take(np.sort(rows))


def fit(features: pd.DataFrame, recipe: str, parameters: dict) -> tuple[Pipeline, PairMean]:
    """Return the fitted pipeline of `recipe` and the fitted baseline; `features` holds the target `duration_min`."""
    columns = features.drop(columns=list(NOT_FEATURES))
    target = features["duration_min"]
    with models.one_blas_thread():
        return recipes.build(recipe, parameters).fit(columns, target), PairMean().fit(columns, target)


def main(job) -> str:
    settings = job.settings
    where = f"{settings['service']} {settings['month']}"
    window = pa.concat_tables([pq.read_table(path) for path in job.features])
    if not window.num_rows:
        raise BadData(f"{where}: no trip in {', '.join(settings['months'])} to train on; look at their quality.json")
    features = sample(window, settings["max_rows"], settings["seed"]).to_pandas()
    try:
        pipeline, baseline = fit(features, settings["recipe"], settings["parameters"])
    except ValueError as error:
        raise BadData(
            f"{where}: recipe {settings['recipe']} cannot be fitted on {len(features):,} trips of"
            f" {', '.join(settings['months'])}: {' '.join(str(error).split())}; look at train.parameters"
        ) from error
    models.dump(pipeline, job.model)
    models.dump(baseline, job.baseline)
    training = {key: settings[key] for key in ("service", "month", "months", "recipe", "parameters", "seed")}
    training["columns"] = [name for name in features.columns if name not in NOT_FEATURES]
    training["rows_available"] = window.num_rows
    training["train_rows"] = len(features)
    files.write_json(job.training, training)
    return f"{where}: trained {settings['recipe']} on {len(features):,} trips of {', '.join(settings['months'])}"


if __name__ == "__main__":
    program.run(main, inputs=("features",), outputs=("model", "baseline", "training"), many=("features",))
