"""Installations that share a store: each keeps to its names, a copy is noticed, a lost file is no new installation."""

import os
import shutil
from pathlib import Path

import pytest
from monthwise.base import files
from monthwise.base.exits import WrongConfig
from monthwise.tracking import experiments, installation, mlflow_store

os.environ.update(mlflow_store.SILENCE)  # mlflow reads it while it is imported

from monthwise.tracking import registry

SETTINGS = {"dataset": "green", "experiment": "monthwise-green"}


@pytest.fixture(autouse=True)
def _no_store_of_the_environment(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")  # and back, after mlflow.set_tracking_uri has set it
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "")


class Place:
    """A results folder whose store is `uri`; the default lies in it."""

    def __init__(self, folder: Path, uri: str = "sqlite:///mlflow.db"):
        self.folder, self.uri = folder, uri
        folder.mkdir(parents=True, exist_ok=True)

    def track(self, month: str = "2024-01") -> str:
        """Log a run; return the id of its experiment."""
        os.chdir(self.folder)
        with mlflow_store.locked(self.uri):
            client = mlflow_store.connect(self.uri)
            experiment = experiments.find_or_create(client, SETTINGS, self.uri)
            run = client.create_run(experiment, tags={mlflow_store.DATASET: "green", mlflow_store.MONTH: month})
            client.log_text(run.info.run_id, month, "note.txt")
        record = {"month": month, "run_id": run.info.run_id}
        path = self.folder / f"runs/green/{month}/tracking.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_json(path, record)
        return experiment

    def register(self) -> registry.Registry:
        os.chdir(self.folder)
        return registry.Registry(mlflow_store.connect(self.uri), "monthwise-green", "green", self.uri)

    def check(self) -> None:
        """Check the names as `./monthwise check` does, which writes nothing."""
        os.chdir(self.folder)
        client = mlflow_store.connect(self.uri)
        before = [path.read_bytes() for path in self.folder.rglob("*.json")]
        try:
            experiments.insist_on_own_names(client, "monthwise-green", "green", self.uri)
        finally:
            assert [path.read_bytes() for path in self.folder.rglob("*.json")] == before

    def id(self) -> str:
        return files.read_json(self.folder / installation.FILE)["id"]

    def copy(self, folder: Path) -> "Place":
        shutil.copytree(self.folder, folder)
        return Place(folder, self.uri)


@pytest.fixture
def original(tmp_path, monkeypatch) -> Place:
    """An installation with a run in a store that others use too."""
    monkeypatch.chdir(tmp_path)
    place = Place(tmp_path / "here", f"sqlite:///{tmp_path}/team.db")
    place.track()
    return place


def refused(place: Place) -> str:
    lines = []
    for act in (place.check, place.track, place.register):
        with pytest.raises(WrongConfig) as end:
            act()
        lines.append(str(end.value).partition(" in tracking store ")[2])
    assert lines[0] == lines[1] == lines[2]
    assert "\n" not in lines[0]
    return lines[0]


def test_another_installation_is_refused_until_it_takes_over(original, tmp_path):
    original.register()
    other = Place(tmp_path / "other", original.uri)
    line = refused(other)
    assert f"belongs to the installation in {original.folder} on " in line
    assert "`tracking: {name: monthwise-2}`" in line
    assert "./monthwise track --take-over" in line
    experiments.take_over(mlflow_store.connect(original.uri), "monthwise-green")
    other.track()
    other.register()
    assert str(other.folder) in refused(original)


def test_a_copy_is_refused_while_the_original_is_there_and_a_moved_folder_goes_on(original, tmp_path):
    first = original.track()
    original.register()
    copy = original.copy(tmp_path / "copy")
    with pytest.raises(WrongConfig, match=rf"copy is a copy of {original.folder}, .* delete registry/installation"):
        copy.track()
    with pytest.raises(WrongConfig, match="is a copy of"):
        copy.register()
    original.track()
    shutil.rmtree(original.folder)
    moved = copy.track()
    assert moved != first  # its models lie where the folder is now
    client = mlflow_store.connect(copy.uri)
    assert client.get_experiment(moved).artifact_location == (copy.folder / "mlruns/monthwise-green").as_uri()
    assert client.get_experiment(moved).tags[installation.PATH] == str(copy.folder)
    copy.register()


def test_with_the_store_inside_a_copy_is_an_installation_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    original = Place(tmp_path / "here")
    original.track()
    first = original.track()
    copy = original.copy(tmp_path / "copy")
    before = {path: path.stat().st_mtime_ns for path in original.folder.rglob("*")}
    assert copy.track("2024-02") == first
    copy.register()
    assert copy.id() != original.id()
    assert {path: path.stat().st_mtime_ns for path in original.folder.rglob("*")} == before
    for run in mlflow_store.connect(copy.uri).search_runs([first]):
        assert run.info.artifact_uri.startswith((copy.folder / "mlruns/monthwise-green").as_uri())
    assert len(list(copy.folder.glob("mlruns/monthwise-green/*/artifacts/note.txt"))) == 3


@pytest.mark.parametrize("has_files", [True, False])
def test_a_name_without_tags_belongs_to_the_installation_whose_files_know_its_runs(original, tmp_path, has_files):
    client = mlflow_store.connect(original.uri)
    experiment = client.get_experiment_by_name("monthwise-green")
    for key in (installation.ID, installation.HOST, installation.PATH):
        client._tracking_client.store.delete_experiment_tag(experiment.experiment_id, key)
    if has_files:
        assert original.track() == experiment.experiment_id
        return
    with pytest.raises(WrongConfig, match=r"has runs that no file in .*other names"):
        Place(tmp_path / "other", original.uri).track()


def test_a_lost_id_is_read_from_the_store(original):
    before = original.id()
    (original.folder / installation.FILE).unlink()
    original.track()
    assert original.id() == before


def test_aliases_that_a_person_set_are_left_alone(original):
    registered = original.register()
    original.track()
    version = registered.client.create_model_version("monthwise-green", f"file:{original.folder}")
    for alias in ("run-as-before", "champion-2023", "run-2023-01", "champion"):
        registered.client.set_registered_model_alias("monthwise-green", alias, version.version)
    original.register().alias({"run-2024-01": version.version})
    aliases = registered.client.get_registered_model("monthwise-green").aliases
    assert set(aliases) == {"run-as-before", "champion-2023", "run-2024-01"}
