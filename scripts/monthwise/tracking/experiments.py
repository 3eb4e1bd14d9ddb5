"""The MLflow experiment of a dataset: one per installation, wherever the store and the models are."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from ..base.exits import TryAgain
from . import installation, mlflow_store, uris

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment
    from mlflow.entities.model_registry import ModelVersion


def find_or_create(client: "MlflowClient", settings: Mapping[str, str], uri: str) -> str:
    """Return the id of the settings' `experiment`. Create it if it is missing, restore it if it was deleted.

    Its models are stored under the settings' `artifacts`, if they have it. MLflow stores the location of artifacts with
    the experiment. If that is another location, or the installation has moved, the experiment is renamed and deleted:
    otherwise new runs would go there. Raises WrongConfig if the experiment belongs to another installation.
    The caller holds the store's lock.
    """
    name, artifacts = settings["experiment"], settings.get("artifacts")
    place = uris.place_of_models(name, artifacts, uri)
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        uris.insist_on_models(uri, artifacts)
        experiment = _create_experiment(client, name, place)
    this_installation = claim_experiment(client, experiment, settings["dataset"], uri)
    last_owner = installation.owner(experiment.tags)
    if artifacts and place:
        is_outdated = not uris.is_at(experiment.artifact_location, place)
    else:
        is_outdated = uris.has_moved(experiment.artifact_location, uri, last_owner.path if last_owner else None)
    if is_outdated:
        uris.insist_on_models(uri, artifacts)
        client.rename_experiment(experiment.experiment_id, f"{name} (moved {experiment.experiment_id})")
        if experiment.lifecycle_stage != "deleted":
            client.delete_experiment(experiment.experiment_id)
        experiment = _create_experiment(client, name, place)
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    if not this_installation.is_named_by(experiment.tags):
        for key, value in this_installation.tags().items():
            client.set_experiment_tag(experiment.experiment_id, key, value)
    return experiment.experiment_id


def _create_experiment(client: "MlflowClient", name: str, place: str | None) -> "Experiment":
    """Create an experiment that belongs to this installation, unless another job has just created it."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_experiment(name, place, tags=installation.current().tags())
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        raise TryAgain(f"experiment {name} was deleted by another program; rerun the command")
    return experiment


def claim_experiment(
    client: "MlflowClient", experiment: "Experiment", dataset: str, uri: str
) -> installation.Installation:
    """Return this installation. Raises WrongConfig if the experiment does not belong to it."""
    return installation.claim(
        f"experiment {experiment.name}", experiment.tags, uri, _runs_known_by(client, dataset, experiment)
    )


def insist_on_own_names(client: "MlflowClient", name: str, dataset: str, uri: str) -> None:
    """Raise WrongConfig if the experiment or the registered model of a name belongs to another installation.

    Writes nothing, neither in the results folder nor in the store.
    """
    this_installation = installation.read()
    if experiment := client.get_experiment_by_name(name):
        has_own_runs = _runs_known_by(client, dataset, experiment)
        installation.as_owner(this_installation, f"experiment {name}", experiment.tags, uri, has_own_runs)
    for model in client.search_registered_models(f"name = '{name}'"):
        has_own_runs = versions_known_by(dataset, client.search_model_versions(f"name = '{name}'"))
        installation.as_owner(this_installation, f"registered model {name}", model.tags, uri, has_own_runs)


def _runs_known_by(client: "MlflowClient", dataset: str, experiment: "Experiment") -> Callable[[], bool | None]:
    """Return the `has_own_runs` argument of installation.claim."""
    from mlflow.entities import ViewType

    def has_own_runs() -> bool | None:
        if not client.search_runs([experiment.experiment_id], run_view_type=ViewType.ALL, max_results=1):
            return None
        return any(_is_in(client, run, experiment.experiment_id) for run in installation.named_runs(dataset))

    return has_own_runs


def versions_known_by(dataset: str, versions: Iterable["ModelVersion"]) -> Callable[[], bool | None]:
    """Return the `has_own_runs` argument of installation.claim."""
    return lambda: installation.knows_any(dataset, (version.run_id for version in versions))


def _is_in(client: "MlflowClient", run_id: str, experiment: str) -> bool:
    run = mlflow_store.get_run(client, run_id)
    return run is not None and run.info.experiment_id == experiment


def take_over(client: "MlflowClient", name: str) -> None:
    """Tag the experiment and the registered model of a name as this installation's, whoever wrote them.

    The caller holds the store's lock.
    """
    tags = installation.current().tags()
    if experiment := client.get_experiment_by_name(name):
        for key, value in tags.items():
            client.set_experiment_tag(experiment.experiment_id, key, value)
    if client.search_registered_models(f"name = '{name}'"):
        for key, value in tags.items():
            client.set_registered_model_tag(name, key, value)
