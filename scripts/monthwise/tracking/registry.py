"""Update the MLflow registry from the files: a version per run month and content, aliases, decisions, live errors.

The files are authoritative. Manual edits in the registry are corrected; values that already agree are not rewritten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ..base import files, redact, suggest
from ..base.exits import BadData
from ..base.months import is_month
from ..state import decisions
from . import experiments, installation, live_errors, mlflow_store, store_errors, uris

if TYPE_CHECKING:
    import argparse

    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel
    from mlflow.store.entities import PagedList

    from ..base import file_types
    from ..base.file_types import Champion, ChampionVersion, Live, Registration, Tracking

Entry = TypeVar("Entry")

DECISION, REASON, SUPERSEDED = "monthwise.decision", "monthwise.reason", "monthwise.superseded"
CHAMPION, RUN = "champion", "run-"  # aliases


class RunMonth(NamedTuple):
    """The content of a run month's files; None for a file that does not exist."""

    champion: Champion | None
    tracking: Tracking | None
    live: Live | None


def read(folder: Path, begin: str) -> dict[str, RunMonth]:
    """Return the decided run months of a dataset in order, and those that trained the champions they name."""
    decided = {path.parent.name: _run_month(path.parent) for path in sorted(folder.glob("*/champion.json"))}
    decided = {month: run_month for month, run_month in decided.items() if month >= begin}
    named = {run_month.champion["champion"]["month"] for run_month in decided.values() if run_month.champion}
    return {month: _run_month(folder / month) for month in sorted(named - decided.keys())} | decided


def _run_month(folder: Path) -> RunMonth:
    return RunMonth(_read(folder / "champion.json"), _read(folder / "tracking.json"), _read(folder / "live.json"))


def _read(path: Path) -> Any:
    return files.read_json(path) if path.exists() else None


class Registry:
    """The registered model of a dataset in the store. The caller holds the store's lock."""

    def __init__(self, client: MlflowClient, name: str, dataset: str, uri: str):
        """Find the model, or create it. Raises WrongConfig if it belongs to another installation."""
        self.client, self.name = client, name
        self.model = self._find() or self._create()
        versions = _all(lambda token: client.search_model_versions(f"name = '{name}'", page_token=token))
        self.versions = sorted(versions, key=lambda version: int(version.version))

        has_own_runs = experiments.versions_known_by(dataset, self.versions)
        this_installation = installation.claim(f"registered model {name}", self.model.tags, uri, has_own_runs)
        if not this_installation.is_named_by(self.model.tags):
            for key, value in this_installation.tags().items():
                client.set_registered_model_tag(name, key, value)

    def _find(self) -> RegisteredModel | None:
        models = self.client.search_registered_models(f"name = '{self.name}'")
        return models[0] if models else None

    def _create(self) -> RegisteredModel:
        from mlflow.exceptions import MlflowException

        try:
            return self.client.create_registered_model(self.name, tags=installation.current().tags())
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return self.client.get_registered_model(self.name)

    def version(self, month: str, tracked: Tracking) -> str:
        """Return the version of a month and content. Create it if it is missing, and delete its duplicates."""
        key_tags = {mlflow_store.MONTH: month, mlflow_store.CONTENT: tracked["content"]}
        candidates = [version for version in self.versions if key_tags.items() <= version.tags.items()]
        matching = [version for version in candidates if _is_of(version, tracked)]
        for version in candidates:
            if version not in matching[:1]:
                self.client.delete_model_version(self.name, version.version)
                self.versions.remove(version)
        if not matching:
            tags = key_tags | {mlflow_store.DATASET: tracked["dataset"]}
            run_id, model_id = tracked["run_id"], tracked["model_id"]
            matching = [
                self.client.create_model_version(
                    self.name, tracked["model_uri"], run_id=run_id, tags=tags, model_id=model_id
                )
            ]
            self.versions += matching
        return str(matching[0].version)

    def tag(self, version: str, tags: dict[str, str | None]) -> None:
        """Set tags of a version; delete those whose value is None."""
        present = next(model_version.tags for model_version in self.versions if str(model_version.version) == version)
        for key, value in tags.items():
            if value is None and key in present:
                self.client.delete_model_version_tag(self.name, version, key)
            elif value is not None and present.get(key) != value:
                self.client.set_model_version_tag(self.name, version, key, value)

    def supersede(self, current: dict[str, str]) -> None:
        """Tag outdated versions with the current version of their month; remove the tag from current versions.

        `current` holds the current version by month.
        """
        for version in self.versions:
            latest = current.get(version.tags.get(mlflow_store.MONTH, ""))
            if latest:
                self.tag(str(version.version), {SUPERSEDED: latest if latest != str(version.version) else None})

    def alias(self, wanted: dict[str, str]) -> None:
        """Set the aliases of this project to `wanted` (versions by alias); other aliases stay unchanged."""
        present = {alias: str(version) for alias, version in self.model.aliases.items()}
        for alias in present.keys() - wanted.keys():
            if alias == CHAMPION or (alias.startswith(RUN) and is_month(alias.removeprefix(RUN))):
                self.client.delete_registered_model_alias(self.name, alias)
        for alias, version in wanted.items():
            if present.get(alias) != version:
                self.client.set_registered_model_alias(self.name, alias, version)

    def describe(self, champion: str) -> None:
        """Tag the registered model with the name of the current champion."""
        if self.model.tags.get("monthwise.champion") != champion:
            self.client.set_registered_model_tag(self.name, "monthwise.champion", champion)


def _is_of(version: ModelVersion, tracked: Tracking) -> bool:
    return (version.run_id, mlflow_store.model_id_of(version)) == (tracked["run_id"], tracked["model_id"])


def _all(page: Callable[[str | None], PagedList[Entry]]) -> list[Entry]:
    answer = page(None)
    entries = list(answer)
    while answer.token:
        answer = page(answer.token)
        entries += answer
    return entries


def lives_by_model(months: Mapping[str, RunMonth]) -> dict[str, dict[str, Live]]:
    """Return the live errors of each model, by the run month that trained it, then by the month it was champion in."""
    lives: dict[str, dict[str, Live]] = {}
    for month, run_month in months.items():
        if run_month.live and run_month.champion and run_month.champion["champion"]["kind"] == "model":
            lives.setdefault(run_month.champion["champion"]["month"], {})[month] = run_month.live
    return lives


def find_runs(
    client: MlflowClient, dataset: str, experiment: str, tracked: Mapping[str, Tracking], served: str | None
) -> dict[str, Run]:
    """Return all runs of a dataset by id. Restore runs that were deleted and are still complete.

    Raises BadData if the run of a month is missing, or the model of `served`, the month that trained the champion.
    """
    query = f"tags.`{mlflow_store.DATASET}` = '{dataset}'"
    runs = {
        run.info.run_id: run for run in _all(lambda token: client.search_runs([experiment], query, page_token=token))
    }
    missing_months = []
    for month, record in tracked.items():
        run = runs.get(record["run_id"]) or _restored(client, record, experiment)
        if run is None or (month == served and not mlflow_store.has_model(client, record["model_id"])):
            missing_months.append(month)
        else:
            runs[record["run_id"]] = run
    if missing_months:
        raise BadData(
            f"{', '.join(missing_months)}: the MLflow run or its model is missing in the tracking store;"
            f" `{suggest.command('track', dataset=dataset)}` writes it again from the files"
        )
    return runs


def _restored(client: MlflowClient, record: Tracking, experiment: str) -> Run | None:
    """Restore a deleted run and return it; None if it is missing or incomplete."""
    run = mlflow_store.get_run(client, record["run_id"])
    if run is None or run.info.experiment_id != experiment or not mlflow_store.logged(run):
        return None
    if not mlflow_store.has_model(client, record["model_id"]):
        return None
    client.restore_run(run.info.run_id)
    return run


def supersede_runs(client: MlflowClient, runs: Mapping[str, Run], current: Mapping[str, str]) -> None:
    """Tag outdated runs with the current run of their month; remove the tag from current runs.

    `current` holds the id of the current run by month.
    """
    for run in runs.values():
        current_run = current.get(run.data.tags.get(mlflow_store.MONTH, ""))
        superseded_by = run.data.tags.get(SUPERSEDED)
        if current_run == run.info.run_id and superseded_by:
            client.delete_tag(run.info.run_id, SUPERSEDED)
        elif current_run and current_run not in (run.info.run_id, superseded_by):
            client.set_tag(run.info.run_id, SUPERSEDED, current_run)


def register(
    client: MlflowClient, dataset: str, experiment: str, name: str, months: Mapping[str, RunMonth], uri: str
) -> Registration:
    """Update the store from the files of a dataset; return champion and version by month."""
    tracked = {month: run_month.tracking for month, run_month in months.items() if run_month.tracking}
    decided = {month: run_month.champion for month, run_month in months.items() if run_month.champion}
    newest = max(decided)
    champion, since = decided[newest]["champion"], decided[newest]["since"]
    champion_month = champion["month"] if champion["kind"] == "model" else None
    runs = find_runs(client, dataset, experiment, tracked, champion_month)

    registry = Registry(client, name, dataset, uri)
    versions = {month: registry.version(month, record) for month, record in tracked.items()}
    for month, version in versions.items():
        if decision := decided.get(month):
            registry.tag(version, {DECISION: decision["decision"], REASON: decision["reason"]})
    for month, lives in lives_by_model(months).items():
        if month in tracked:
            live_errors.log(client, tracked[month]["run_id"], lives)
    registry.supersede(versions)
    supersede_runs(client, runs, {month: record["run_id"] for month, record in tracked.items()})

    aliases = {f"{RUN}{month}": version for month, version in versions.items()}
    champion_version: ChampionVersion | None = None
    if champion_month:
        if champion_month not in versions:
            raise BadData(
                f"the champion of {newest} is the model of {champion_month}, which is not in MLflow: run"
                f" .venv/bin/snakemake --cores 1 -- runs/{dataset}/{champion_month}/tracking.json"
            )
        champion_version = {"month": champion_month, "version": versions[champion_month]}
        aliases[CHAMPION] = champion_version["version"]
    registry.alias(aliases)
    registry.describe(f"{decisions.name(champion)} since {since}")
    return {
        "champion": champion_version,
        "decided": newest,
        "versions": {month: _entry(version, tracked[month]) for month, version in versions.items()},
    }


def _entry(version: str, record: Tracking) -> file_types.ModelVersion:
    run_id, model_id, content = record["run_id"], record["model_id"], record["content"]
    return {"version": version, "run_id": run_id, "model_id": model_id, "content": content}


def main(job: argparse.Namespace) -> str:
    settings = job.settings
    dataset, name = settings["dataset"], settings["model"]
    # Every decision on disk: a request for a few months must not move the alias back.
    months = read(Path(job.champions[0]).parent.parent, settings["begin"])
    uri = uris.store_uri(settings)
    mlflow_store.prepare()
    with store_errors.in_one_line(uri, dataset), mlflow_store.locked(uri):
        client = mlflow_store.connect(uri)
        experiment = experiments.find_or_create(client, settings, uri)
        registered = register(client, dataset, experiment, name, months, uri)
    content: file_types.Registry = {**registered, "dataset": dataset, "model": name, "uri": redact.public(uri)}
    files.write_json(job.registry, content)
    champion = registered["champion"]
    holder = f"version {champion['version']} (the model of {champion['month']})" if champion else "the naive baseline"
    return (
        f"{dataset}: {name} has {len(registered['versions'])} versions of run months, champion of"
        f" {registered['decided']} is {holder}"
    )
