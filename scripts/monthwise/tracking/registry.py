"""Make the MLflow registry agree with the files: a version per run month and content, aliases, decisions, live errors.

The files lead. What somebody edited there by hand is put right; what agrees is not written again.
"""

import time
from pathlib import Path
from typing import NamedTuple

from ..base import files, redact, suggest
from ..base.exits import BadData
from ..base.months import is_month
from ..state import decisions
from . import experiments, installation, mlflow_store, store_errors, uris

DECISION, REASON, SUPERSEDED = "monthwise.decision", "monthwise.reason", "monthwise.superseded"
CHAMPION, RUN = "champion", "run-"  # aliases
# Live errors: name in MLflow, name in live.json.
LIVE = {f"champion_live_{name}": name for name in ("rmse_min", "mae_min", "bias_min", "p90_abs_min")}
LIVE |= {"baseline_live_rmse_min": "baseline_rmse_min", "live_rows": "rows"}
FIRST_LIVE = next(iter(LIVE))


class RunMonth(NamedTuple):
    """What the files say about a run month; what it does not have is None."""

    champion: dict | None
    tracking: dict | None
    live: dict | None


def read(folder: Path, begin: str) -> dict[str, RunMonth]:
    """Return the run months of a service that are decided, in order, and those whose models they name."""
    found = {path.parent.name: _run_month(path.parent) for path in sorted(folder.glob("*/champion.json"))}
    found = {month: told for month, told in found.items() if month >= begin}
    named = {told.champion["champion"]["month"] for told in found.values()}
    return {month: _run_month(folder / month) for month in sorted(named - found.keys())} | found


def _run_month(folder: Path) -> RunMonth:
    paths = [folder / name for name in ("champion.json", "tracking.json", "live.json")]
    return RunMonth(*(files.read_json(path) if path.exists() else None for path in paths))


class Registry:
    """The registered model of a service, as the store has it; call it under the lock."""

    def __init__(self, client, name: str, service: str, uri: str):
        """Find the model, or create it; raises WrongConfig if it belongs to another installation."""
        self.client, self.name = client, name
        self.model = self._find() or self._create()
        found = _all(lambda token: client.search_model_versions(f"name = '{name}'", page_token=token))
        self.versions = sorted(found, key=lambda version: int(version.version))

        has_own_runs = experiments.versions_known_by(service, self.versions)
        here = installation.claim(f"registered model {name}", self.model.tags, uri, has_own_runs)
        if not here.is_named_by(self.model.tags):
            for key, value in here.tags().items():
                client.set_registered_model_tag(name, key, value)

    def _find(self):
        found = self.client.search_registered_models(f"name = '{self.name}'")
        return found[0] if found else None

    def _create(self):
        from mlflow.exceptions import MlflowException

        try:
            return self.client.create_registered_model(self.name, tags=installation.current().tags())
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return self._find()

    def version(self, month: str, tracked: dict) -> str:
        """Return the one version of a month and content; makes it, and takes away others that say they are it."""
        wanted = {mlflow_store.MONTH: month, mlflow_store.CONTENT: tracked["content"]}
        same = [version for version in self.versions if wanted.items() <= version.tags.items()]
        right = [version for version in same if _is_of(version, tracked)]
        for version in same:
            if version not in right[:1]:
                self.client.delete_model_version(self.name, version.version)
                self.versions.remove(version)
        if not right:
            tags = wanted | {mlflow_store.SERVICE: tracked["service"]}
            source = {"source": tracked["model_uri"], "run_id": tracked["run_id"], "model_id": tracked["model_id"]}
            right = [self.client.create_model_version(self.name, tags=tags, **source)]
            self.versions += right
        return str(right[0].version)

    def tag(self, version: str, tags: dict[str, str | None]) -> None:
        """Set tags of a version, or take away those that are None."""
        has = next(each.tags for each in self.versions if str(each.version) == version)
        for key, value in tags.items():
            if value is None and key in has:
                self.client.delete_model_version_tag(self.name, version, key)
            elif value is not None and has.get(key) != value:
                self.client.set_model_version_tag(self.name, version, key, value)

    def supersede(self, current: dict[str, str]) -> None:
        """Say on the versions of a month which one is current, by month."""
        for version in self.versions:
            newer = current.get(version.tags.get(mlflow_store.MONTH, ""))
            if newer:
                self.tag(str(version.version), {SUPERSEDED: newer if newer != str(version.version) else None})

    def alias(self, wanted: dict[str, str]) -> None:
        """Let the aliases of this project be these; others stay."""
        has = {alias: str(version) for alias, version in self.model.aliases.items()}
        for alias in has.keys() - wanted.keys():
            if alias == CHAMPION or (alias.startswith(RUN) and is_month(alias.removeprefix(RUN))):
                self.client.delete_registered_model_alias(self.name, alias)
        for alias, version in wanted.items():
            if has.get(alias) != version:
                self.client.set_registered_model_alias(self.name, alias, version)

    def describe(self, champion: str) -> None:
        """Say at the registered model who serves."""
        if self.model.tags.get("monthwise.champion") != champion:
            self.client.set_registered_model_tag(self.name, "monthwise.champion", champion)


def _is_of(version, tracked: dict) -> bool:
    model = version.model_id or version.source.removeprefix("models:/")
    return (version.run_id, model) == (tracked["run_id"], tracked["model_id"])


def _all(page) -> list:
    found, token = [], None
    while True:
        part = page(token)
        found, token = found + list(part), part.token
        if not token:
            return found


def log_live_errors(client, run_id: str, live_by_month: dict[str, dict]) -> None:
    """Write the live errors of a model to its run: one step (202403) for each month in which it was champion."""
    from mlflow.entities import Metric

    values = sorted(client.get_metric_history(run_id, FIRST_LIVE), key=lambda metric: metric.timestamp)
    has = {metric.step: metric.value for metric in values}
    for month, live in live_by_month.items():
        step, now = int(month.replace("-", "")), int(time.time() * 1000)
        if has.get(step) != float(live[LIVE[FIRST_LIVE]]):
            client.log_batch(run_id, [Metric(metric, float(live[name]), now, step) for metric, name in LIVE.items()])


def lives_by_model(months: dict[str, RunMonth]) -> dict[str, dict[str, dict]]:
    """Return the live errors of each model, by the run month that trained it, then by the month it was champion in."""
    found: dict[str, dict[str, dict]] = {}
    for month, told in months.items():
        if told.live and told.champion and told.champion["champion"]["kind"] == "model":
            found.setdefault(told.champion["champion"]["month"], {})[month] = told.live
    return found


def find_runs(client, service: str, experiment: str, tracked: dict[str, dict], served: str | None) -> dict:
    """Return all runs of a service by id; restores those that somebody deleted and that are still whole.

    Raises BadData if the run of a month is lost, or the model of `served`, the month whose model is champion.
    """
    query = f"tags.`{mlflow_store.SERVICE}` = '{service}'"
    runs = {
        run.info.run_id: run for run in _all(lambda token: client.search_runs([experiment], query, page_token=token))
    }
    lost = []
    for month, record in tracked.items():
        run = runs.get(record["run_id"]) or _restored(client, record, experiment)
        if run is None or (month == served and not mlflow_store.has_model(client, record["model_id"])):
            lost.append(month)
        else:
            runs[record["run_id"]] = run
    if lost:
        raise BadData(
            f"{', '.join(lost)}: the MLflow run or its model is missing in the tracking store;"
            f" `{suggest.command('track', service=service)}` writes it again from the files"
        )
    return runs


def _restored(client, record: dict, experiment: str):
    """Return a run that was deleted, and is visible again now; None if it is gone, or not whole."""
    run = mlflow_store.get_run(client, record["run_id"])
    if run is None or run.info.experiment_id != experiment or not mlflow_store.is_whole(run):
        return None
    if not mlflow_store.has_model(client, record["model_id"]):
        return None
    client.restore_run(run.info.run_id)
    return run


def supersede_runs(client, runs: dict, current: dict[str, str]) -> None:
    """Say on the runs of a month which one is current, by month."""
    for run in runs.values():
        newer = current.get(run.data.tags.get(mlflow_store.MONTH, ""))
        tag = run.data.tags.get(SUPERSEDED)
        if newer == run.info.run_id and tag:
            client.delete_tag(run.info.run_id, SUPERSEDED)
        elif newer and newer not in (run.info.run_id, tag):
            client.set_tag(run.info.run_id, SUPERSEDED, newer)


def register(client, service: str, experiment: str, name: str, months: dict[str, RunMonth], uri: str) -> dict:
    """Make the store agree with the files of a service; return champion and version by month (registry/*.json)."""
    tracked = {month: told.tracking for month, told in months.items() if told.tracking}
    newest = max(month for month, told in months.items() if told.champion)
    champion, since = months[newest].champion["champion"], months[newest].champion["since"]
    served = champion["month"] if champion["kind"] == "model" else None
    runs = find_runs(client, service, experiment, tracked, served)

    registry = Registry(client, name, service, uri)
    versions = {month: registry.version(month, record) for month, record in tracked.items()}
    for month, version in versions.items():
        if decided := months[month].champion:
            registry.tag(version, {DECISION: decided["decision"], REASON: decided["reason"]})
    for month, lives in lives_by_model(months).items():
        if month in tracked:
            log_live_errors(client, tracked[month]["run_id"], lives)
    registry.supersede(versions)
    supersede_runs(client, runs, {month: record["run_id"] for month, record in tracked.items()})

    aliases = {f"{RUN}{month}": version for month, version in versions.items()}
    serving = None
    if served:
        if served not in versions:
            raise BadData(
                f"the champion of {newest} is the model of {served}, which is not in MLflow: run"
                f" .venv/bin/snakemake --cores 1 -- runs/{service}/{served}/tracking.json"
            )
        serving = {"month": served, "version": versions[served]}
        aliases[CHAMPION] = serving["version"]
    registry.alias(aliases)
    registry.describe(f"{decisions.name(champion)} since {since}")
    return {
        "champion": serving,
        "decided": newest,
        "versions": {
            month: {"version": version} | {key: tracked[month][key] for key in ("run_id", "model_id", "content")}
            for month, version in versions.items()
        },
    }


def main(job) -> str:
    settings = job.settings
    service, name = settings["service"], settings["model"]
    # All that is decided on disk: a narrow request must not move the alias back.
    months = read(Path(job.champions[0]).parent.parent, settings["begin"])
    uri = uris.store_uri(settings)
    mlflow_store.prepare()
    with store_errors.in_one_line(uri, service), mlflow_store.locked(uri):
        client = mlflow_store.connect(uri)
        experiment = experiments.find_or_create(client, settings, uri)
        made = register(client, service, experiment, name, months, uri)
    about = {"service": service, "model": name, "uri": redact.public(uri)}
    files.write_json(job.registry, made | about)
    serving = made["champion"]
    who = f"version {serving['version']} (the model of {serving['month']})" if serving else "the naive baseline"
    return (
        f"{service}: {name} has {len(made['versions'])} versions of run months, champion of {made['decided']} is {who}"
    )
