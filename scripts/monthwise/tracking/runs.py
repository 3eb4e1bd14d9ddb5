"""Log a run month to MLflow: its parameters, errors, data, code and model. Repeated requests log it once."""

import dataclasses
import hashlib
import importlib.metadata
import json
import time
from collections.abc import Mapping, Sequence

from ..base import files, redact
from ..base.exits import WrongUsage
from ..base.resources import ROOT, resource
from ..job.provenance import code_commit
from . import experiments, mlflow_store, store_errors, uris

PACKAGES = ("scikit-learn", "skops", "numpy", "pandas")  # what a logged model needs; MLflow adds itself
EXAMPLE_ROWS = 5


def content_of(fingerprints: Mapping[str, str], training: dict, metrics: dict) -> str:
    """Return a hash of data, settings and errors that identifies a run, whenever and wherever it is written.

    `fingerprints` are the SHA-256 of features by data month. The model file is not hashed: two files of the same model
    differ in bytes, and another model has other errors.
    """
    content = json.dumps([dict(fingerprints), training, metrics], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()


def parameters_of(training: dict, validation_month: str) -> dict[str, str]:
    """Return the parameters of a run; those of the recipe have their own names with the prefix `recipe.`."""
    recipe_parameters = {f"recipe.{name}": value for name, value in _flatten(training["parameters"]).items()}
    run_parameters = {"recipe": training["recipe"], "seed": training["seed"], "window": len(training["months"])}
    run_parameters |= {"training_months": ", ".join(training["months"]), "validation_month": validation_month}
    return {name: str(value) for name, value in (run_parameters | recipe_parameters).items()}


def _flatten(nested: Mapping, prefix: str = "") -> dict[str, object]:
    flat = {}
    for name, value in nested.items():
        flat |= _flatten(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat


def numbers_of(metrics: Mapping[str, object]) -> dict[str, float]:
    """Return the plain numbers among the metrics; errors by segment stay in the artifact `metrics.json`.

    Unlike in that file, the names say whose error it is: the challenger's or the baseline's.
    """
    numbers = {name: value for name, value in metrics.items() if type(value) in (int, float)}
    return {_name_of(name): value for name, value in numbers.items()}


def _name_of(metric: str) -> str:
    if metric == "rows":
        return "validation_rows"
    if metric.startswith("baseline_"):
        return metric.replace("baseline_", "baseline_validation_", 1)
    return f"challenger_validation_{metric}" if metric.endswith("_min") else metric


def code_paths_of(trusted: Sequence[str]) -> list[str] | None:
    """Return the folder to log with a model that has classes of this project; None if the model has none."""
    return [str(resource("scripts/monthwise"))] if any(name.startswith("monthwise.") for name in trusted) else None


def dataset_of(name: str, path: str, fingerprint: str, context: str):
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


def load(model: str, features: str, training: dict) -> dict:
    """Return the arguments for MLflow's `log_model`; the first rows of `features` are the input example."""
    import pyarrow.parquet as pq
    from mlflow.models import infer_signature

    from ..models import model_files, recipes

    trusted = recipes.trusted_types(training["recipe"])
    pipeline = model_files.load(model, training["recipe"])
    columns = training["columns"]
    example = next(pq.ParquetFile(features).iter_batches(EXAMPLE_ROWS, columns=columns)).to_pandas()[columns]
    return {
        "sk_model": pipeline,
        # Without missing values, so that the signature does not depend on which trips come first: a request could
        # omit a column that is marked optional, and the pipeline would fail.
        "signature": infer_signature(example.fillna(0), pipeline.predict(example)),
        "input_example": example,
        "serialization_format": "skops",
        "skops_trusted_types": trusted,
        "pip_requirements": [f"{name}=={importlib.metadata.version(name)}" for name in PACKAGES],
        "code_paths": code_paths_of(trusted),
    }


@dataclasses.dataclass
class Record:
    """The content of an MLflow run; `metrics` were measured on the last of `datasets`."""

    name: str
    tags: dict[str, str]
    parameters: dict[str, str]
    metrics: dict[str, float]
    datasets: list
    artifacts: list[str]
    model: dict


def write(client, experiment: str, record: Record) -> None:
    """Write a run. Its status becomes FINISHED only after everything else is written."""
    import mlflow
    from mlflow.entities import Metric, Param

    run_id = client.create_run(experiment, run_name=record.name, tags=record.tags).info.run_id
    with mlflow.start_run(run_id=run_id):
        client.log_batch(run_id, params=[Param(name, value) for name, value in record.parameters.items()])
        client.log_inputs(run_id, datasets=record.datasets)
        for path in record.artifacts:
            client.log_artifact(run_id, path)
        model_id = mlflow.sklearn.log_model(name=record.name.replace(" ", "-"), **record.model).model_id
        measured_on = record.datasets[-1].dataset
        metric_fields = {"model_id": model_id, "dataset_name": measured_on.name, "dataset_digest": measured_on.digest}
        metric_fields |= {"run_id": run_id, "timestamp": int(time.time() * 1000), "step": 0}
        client.log_batch(run_id, [Metric(name, value, **metric_fields) for name, value in record.metrics.items()])


def main(job) -> str:
    settings = job.settings
    service, month, validation_month = settings["service"], settings["month"], settings["validation_month"]
    where = f"{service} {month}"
    if len(settings["training_months"]) != len(job.features):
        raise WrongUsage(f"{where}: {len(job.features)} files for the months {', '.join(settings['training_months'])}")
    months = {**dict.fromkeys(settings["training_months"], "training"), validation_month: "validation"}
    paths = dict(zip(months, [*job.features, job.validation_features], strict=True))
    fingerprints = {data_month: files.sha256(path) for data_month, path in paths.items()}
    training, metrics = files.read_json(job.training), files.read_json(job.metrics)
    content = content_of(fingerprints, training, metrics)
    uri = uris.store_uri(settings)
    mlflow_store.prepare()

    with store_errors.in_one_line(uri, where):
        with mlflow_store.locked(uri):
            client = mlflow_store.connect(uri)
            experiment = experiments.find_or_create(client, settings, uri)
            run = mlflow_store.find(client, experiment, service, month, content)
        verb = "found in" if run else "written to"
        if run is None:
            datasets = [
                dataset_of(f"{service} {data_month}", paths[data_month], fingerprints[data_month], context)
                for data_month, context in months.items()
            ]
            # Outside the lock: the imports take longer than the writing.
            record = _record(job, training, metrics, content, datasets)
            with mlflow_store.locked(uri):
                key = (client, experiment, service, month, content)
                if mlflow_store.find(*key) is None:
                    write(client, experiment, record)
                run = mlflow_store.find(*key)

    model_id = run.outputs.model_outputs[0].model_id
    tracking_record = {"service": service, "month": month, "content": content, "uri": redact.public(uri)}
    tracking_record |= {"experiment": settings["experiment"], "experiment_id": experiment, "run_id": run.info.run_id}
    tracking_record |= {"model_id": model_id, "model_uri": f"models:/{model_id}"}
    files.write_json(job.tracking, tracking_record)
    return f"{where}: run {run.info.run_id} {verb} {redact.public(uri)}, experiment {settings['experiment']}"


def _record(job, training: dict, metrics: dict, content: str, datasets: list) -> Record:
    service, month, validation_month = (job.settings[name] for name in ("service", "month", "validation_month"))
    tags = {mlflow_store.SERVICE: service, mlflow_store.MONTH: month, mlflow_store.CONTENT: content}
    return Record(
        name=f"{service} {month}",
        tags=tags | _provenance(training["months"], validation_month),
        parameters=parameters_of(training, validation_month),
        metrics=numbers_of(metrics),
        datasets=datasets,
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
