"""Log a run month to MLflow: its parameters, errors, data, code and model. Repeated requests log it once."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..base import files, metric_values, redact
from ..base.exits import WrongUsage
from ..base.resources import ROOT, resource
from ..job.provenance import code_commit
from . import experiments, mlflow_store, store_errors, uris
from .mlflow_store import Logged

if TYPE_CHECKING:
    import argparse

    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

    from ..base.file_types import Metrics, Tracking, Training

PACKAGES = ("scikit-learn", "skops", "numpy", "pandas")  # what a logged model needs; MLflow adds itself
EXAMPLE_ROWS = 5


def content_of(fingerprints: Mapping[str, str], training: Training, metrics: Metrics) -> str:
    """Return a hash of data, settings and errors that identifies a run, whenever and wherever it is written.

    `fingerprints` are the SHA-256 of features by data month. The model file is not hashed: two files of the same model
    differ in bytes, and another model has other errors.
    """
    content = json.dumps([dict(fingerprints), training, metrics], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()


def parameters_of(training: Training, validation_month: str) -> dict[str, str]:
    """Return the parameters of a run; those of the recipe have their own names with the prefix `recipe.`."""
    recipe_parameters = {f"recipe.{name}": value for name, value in _flatten(training["parameters"]).items()}
    run_parameters: dict[str, object] = {
        "recipe": training["recipe"],
        "seed": training["seed"],
        "window": len(training["months"]),
        "training_months": ", ".join(training["months"]),
        "validation_month": validation_month,
    }
    return {name: str(value) for name, value in (run_parameters | recipe_parameters).items()}


def _flatten(nested: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in nested.items():
        flat |= _flatten(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat


def numbers_of(metrics: Metrics) -> dict[str, float]:
    """Return the errors among the metrics; errors by segment stay in the artifact `metrics.json`.

    Unlike in that file, the names say whose error it is: the challenger's or the baseline's.
    """
    numbers: dict[str, float] = {
        "validation_rows": metrics["rows"],
        **{name: metrics[name] for name in ("train_rows", "rows_available", "unseen_rows")},
    }
    by_model: dict[str, Mapping[str, Any]] = {"challenger": metrics, "baseline": metrics["baseline"]}
    for whose, errors in by_model.items():
        numbers |= {f"{whose}_validation_{name}": errors[name] for name in metric_values.NAMES if name in errors}
    return numbers


def code_paths_of(trusted: Sequence[str]) -> list[str] | None:
    """Return the folder to log with a model that has classes of this project; None if the model has none."""
    return [str(resource("scripts/monthwise"))] if any(name.startswith("monthwise.") for name in trusted) else None


def logged_data(name: str, path: str, fingerprint: str, context: str) -> DatasetInput:
    """Return a data month as an input of a run, with the start of its fingerprint as digest."""
    import pyarrow.parquet as pq
    from mlflow.entities import Dataset, DatasetInput, InputTag

    footer = pq.read_metadata(path)
    columns = [{"name": f.name, "type": str(f.type), "required": True} for f in footer.schema.to_arrow_schema()]
    dataset = Dataset(
        name=name,
        digest=fingerprint[:12],
        source_type="local",
        source=json.dumps({"uri": path, "sha256": fingerprint}),
        schema=json.dumps({"mlflow_colspec": columns}),
        profile=json.dumps({"num_rows": footer.num_rows}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", context)])


def load(model: str, features: str, training: Training) -> dict[str, Any]:
    """Return the arguments for MLflow's `log_model`; the first rows of `features` are the input example."""
    import pyarrow.parquet as pq
    from mlflow.models import infer_signature

    from ..models import model_files, recipes

    trusted = recipes.trusted_types(training["recipe"])
    pipeline = model_files.load(model, training["recipe"])
    columns = training["columns"]
    example = next(pq.ParquetFile(features).iter_batches(EXAMPLE_ROWS, columns=columns)).to_pandas()[columns]
    # Without missing values, so that the signature does not depend on which rows come first: a request could omit a
    # column that is marked optional, and the pipeline would fail.
    whole = example.fillna({name: "" if example[name].dtype.kind in "OT" else 0 for name in columns})
    predict = pipeline.predict if training["task"] == "regression" else pipeline.predict_proba
    return {
        "sk_model": pipeline,
        "signature": infer_signature(whole, predict(example)),
        "pyfunc_predict_fn": predict.__name__,
        "input_example": example,
        "serialization_format": "skops",
        "skops_trusted_types": trusted,
        "pip_requirements": [f"{name}=={importlib.metadata.version(name)}" for name in PACKAGES],
        "code_paths": code_paths_of(trusted),
    }


@dataclasses.dataclass
class Record:
    """The content of an MLflow run; `metrics` were measured on the last of `data_inputs`."""

    name: str
    tags: dict[str, str]
    parameters: dict[str, str]
    metrics: dict[str, float]
    data_inputs: list[DatasetInput]
    artifacts: list[str]
    model: dict[str, Any]  # the arguments for MLflow's `log_model`


def write(client: MlflowClient, experiment: str, record: Record) -> Logged:
    """Write a run and return its ids. Its status becomes FINISHED only after everything else is written."""
    import mlflow
    from mlflow.entities import Metric, Param

    run_id = client.create_run(experiment, run_name=record.name, tags=record.tags).info.run_id
    with mlflow.start_run(run_id=run_id):
        client.log_batch(run_id, params=[Param(name, value) for name, value in record.parameters.items()])
        client.log_inputs(run_id, datasets=record.data_inputs)
        for path in record.artifacts:
            client.log_artifact(run_id, path)
        model_id = mlflow.sklearn.log_model(name=record.name.replace(" ", "-"), **record.model).model_id
        now, dataset = int(time.time() * 1000), record.data_inputs[-1].dataset
        metrics = [
            Metric(name, value, now, 0, model_id, dataset.name, dataset.digest, run_id)
            for name, value in record.metrics.items()
        ]
        client.log_batch(run_id, metrics)
    return Logged(run_id, model_id)


def main(job: argparse.Namespace) -> str:
    settings = job.settings
    dataset, month = settings["dataset"], settings["month"]
    where = f"{dataset} {month}"
    data = _data_of(job)
    training: Training = files.read_json(job.training)
    metrics: Metrics = files.read_json(job.metrics)
    content = content_of({name: item.fingerprint for name, item in data.items()}, training, metrics)
    uri = uris.store_uri(settings)
    mlflow_store.prepare()

    with store_errors.in_one_line(uri, where):
        with mlflow_store.locked(uri):
            client = mlflow_store.connect(uri)
            experiment = experiments.find_or_create(client, settings, uri)
            logged = mlflow_store.find(client, experiment, dataset, month, content)
        verb = "found in" if logged else "written to"
        if logged is None:
            data_inputs = [logged_data(f"{dataset} {data_month}", *item) for data_month, item in data.items()]
            # Outside the lock: the imports take longer than the writing.
            record = _record(job, training, metrics, content, data_inputs)
            with mlflow_store.locked(uri):
                logged = mlflow_store.find(client, experiment, dataset, month, content)
                logged = logged or write(client, experiment, record)

    tracking: Tracking = {
        "dataset": dataset,
        "month": month,
        "content": content,
        "uri": redact.public(uri),
        "experiment": settings["experiment"],
        "experiment_id": experiment,
        "run_id": logged.run_id,
        "model_id": logged.model_id,
        "model_uri": f"models:/{logged.model_id}",
    }
    files.write_json(job.tracking, tracking)
    return f"{where}: run {logged.run_id} {verb} {redact.public(uri)}, experiment {settings['experiment']}"


class _Data(NamedTuple):
    """The features of a data month: their file, its SHA-256, and what they are for (training or validation)."""

    path: str
    fingerprint: str
    context: str


def _data_of(job: argparse.Namespace) -> dict[str, _Data]:
    """Return the features that a job reads, by data month. Raises WrongUsage if a file is missing or left over."""
    training_months, validation_month = job.settings["training_months"], job.settings["validation_month"]
    if len(training_months) != len(job.features):
        where = f"{job.settings['dataset']} {job.settings['month']}"
        raise WrongUsage(f"{where}: {len(job.features)} files for the months {', '.join(training_months)}")
    contexts = {**dict.fromkeys(training_months, "training"), validation_month: "validation"}
    pairs = zip(contexts.items(), [*job.features, job.validation_features], strict=True)
    return {month: _Data(path, files.sha256(path), context) for (month, context), path in pairs}


def _record(
    job: argparse.Namespace, training: Training, metrics: Metrics, content: str, data_inputs: list[DatasetInput]
) -> Record:
    dataset, month, validation_month = (job.settings[name] for name in ("dataset", "month", "validation_month"))
    tags = {mlflow_store.DATASET: dataset, mlflow_store.MONTH: month, mlflow_store.CONTENT: content}
    return Record(
        name=f"{dataset} {month}",
        tags=tags | _provenance(training["months"], validation_month),
        parameters=parameters_of(training, validation_month),
        metrics=numbers_of(metrics),
        data_inputs=data_inputs,
        artifacts=[job.metrics, job.training],
        model=load(job.model, job.features[-1], training),
    )


def _provenance(training_months: Sequence[str], validation_month: str) -> dict[str, str]:
    commit, clean = code_commit(ROOT)
    return {
        "monthwise.commit": commit,
        "monthwise.clean": clean,
        **({} if commit == "unknown" else {"mlflow.source.git.commit": commit}),
        "mlflow.source.name": "monthwise",
        "mlflow.source.type": "LOCAL",
        "mlflow.note.content": f"Trained on {', '.join(training_months)}, validated on {validation_month}.",
    }
