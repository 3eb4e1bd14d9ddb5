"""The MLflow experiment of a dataset: one for each installation, wherever the store and the models are."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from . import installation, mlflow_store, uris

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment
    from mlflow.entities.model_registry import ModelVersion


def find_or_create(client: "MlflowClient", settings: Mapping[str, str], uri: str) -> str:
    """Return the id of the settings' `experiment`; creates it if it is missing, restores it if it was deleted.

    Its models lie under `artifacts` where the settings have it. MLflow keeps that place with the experiment: one that
    names another place, or that of an installation that has moved, is renamed and deleted, or runs would go there.
    Raises WrongConfig if it belongs to another installation. Call it under the lock.
    """
    name, artifacts = settings["experiment"], settings.get("artifacts")
    place = uris.place_of_models(name, artifacts, uri)
    found = client.get_experiment_by_name(name)
    if found is None:
        uris.insist_on_models(uri, artifacts)
        found = _create_experiment(client, name, place)
    here = claim_experiment(client, found, settings["service"], uri)
    former = installation.owner(found.tags)
    moved = uris.has_moved(found.artifact_location, uri, former.path if former else None)
    if not uris.is_at(found.artifact_location, place) if artifacts else moved:
        uris.insist_on_models(uri, artifacts)
        client.rename_experiment(found.experiment_id, f"{name} (moved {found.experiment_id})")
        if found.lifecycle_stage != "deleted":
            client.delete_experiment(found.experiment_id)
        found = _create_experiment(client, name, place)
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    if not here.is_named_by(found.tags):
        for key, value in here.tags().items():
            client.set_experiment_tag(found.experiment_id, key, value)
    return found.experiment_id


def _create_experiment(client: "MlflowClient", name: str, place: str | None) -> "Experiment":
    """Create an experiment that belongs to this installation, unless a job elsewhere has just created it."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_experiment(name, place, tags=installation.current().tags())
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    return client.get_experiment_by_name(name)


def claim_experiment(client: "MlflowClient", found: "Experiment", service: str, uri: str) -> installation.Installation:
    """Return this installation if the experiment is its own; raises WrongConfig otherwise."""
    return installation.claim(f"experiment {found.name}", found.tags, uri, _runs_known_by(client, service, found))


def insist_on_own_names(client: "MlflowClient", name: str, service: str, uri: str) -> None:
    """Raise WrongConfig if the experiment or the registered model of a name belongs to another installation.

    Writes nothing, neither here nor in the store.
    """
    here = installation.look()
    if found := client.get_experiment_by_name(name):
        known = _runs_known_by(client, service, found)
        installation.as_owner(here, f"experiment {name}", found.tags, uri, known)
    for model in client.search_registered_models(f"name = '{name}'"):
        known = versions_known_by(service, client.search_model_versions(f"name = '{name}'"))
        installation.as_owner(here, f"registered model {name}", model.tags, uri, known)


def _runs_known_by(client: "MlflowClient", service: str, found: "Experiment") -> Callable[[], bool | None]:
    """Return a function for `has_own_runs` of installation.claim."""
    from mlflow.entities import ViewType

    def has_own_runs() -> bool | None:
        if not client.search_runs([found.experiment_id], run_view_type=ViewType.ALL, max_results=1):
            return None
        return any(_is_in(client, run, found.experiment_id) for run in installation.named_runs(service))

    return has_own_runs


def versions_known_by(service: str, versions: Iterable["ModelVersion"]) -> Callable[[], bool | None]:
    """Return a function for `has_own_runs` of installation.claim."""
    return lambda: installation.knows_any(service, (version.run_id for version in versions))


def _is_in(client: "MlflowClient", run_id: str, experiment: str) -> bool:
    run = mlflow_store.get_run(client, run_id)
    return run is not None and run.info.experiment_id == experiment


def take_over(client: "MlflowClient", name: str) -> None:
    """Let the experiment and the registered model of a name belong to this installation, whoever wrote them.

    Call it under the lock.
    """
    tags = installation.current().tags()
    if found := client.get_experiment_by_name(name):
        for key, value in tags.items():
            client.set_experiment_tag(found.experiment_id, key, value)
    if client.search_registered_models(f"name = '{name}'"):
        for key, value in tags.items():
            client.set_registered_model_tag(name, key, value)
