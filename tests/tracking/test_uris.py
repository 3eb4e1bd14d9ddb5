"""URIs of a store and its models: any path, in the form that MLflow, SQLAlchemy and SQLite each understand."""

import os
from pathlib import Path

import mlflow
import pytest
from monthwise.base import exits
from monthwise.tracking import experiments, mlflow_store, uris

GREEN = {"experiment": "green", "dataset": "green"}
NAMES = ("a%20b", "100%", "a?b=c", "a#b", "a b", 'it\'s "x"', "ü", "{a}", ":a/:b", "u:p@h", "a\\b", "a\nb", "a+b;c&d")


@pytest.fixture
def workdir(tmp_path, monkeypatch, request):
    folder = tmp_path / request.param
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "")
    return folder


def log(client, experiment: str) -> None:
    run = client.create_run(experiment).info.run_id
    Path("note.txt").write_text("a", encoding="utf-8")
    client.log_artifact(run, "note.txt")


@pytest.mark.parametrize("workdir", NAMES, indirect=True)
@pytest.mark.parametrize("settings", [{}, {"artifacts": True}], ids=["default", "artifacts"])
def test_store_and_models_lie_where_the_results_are(workdir, settings, tmp_path):
    settings = GREEN | ({"artifacts": (workdir / "models").as_uri()} if settings else {})
    for _ in range(2):
        with mlflow_store.locked("sqlite:///mlflow.db"):
            client = mlflow_store.connect("sqlite:///mlflow.db")
            experiment = experiments.find_or_create(client, settings, "sqlite:///mlflow.db")
        log(client, experiment)
    top = "models" if "artifacts" in settings else "mlruns"
    assert len(list(workdir.glob(f"{top}/green/*/artifacts/note.txt"))) == 2
    assert {path.name for path in workdir.iterdir()} == {"mlflow.db", "mlflow.db.lock", "registry", top, "note.txt"}
    assert len(list(tmp_path.rglob("note.txt"))) == 3
    assert [listed.name for listed in client.search_experiments()] == ["green", "Default"]


@pytest.mark.parametrize("workdir", ["a"], indirect=True)
def test_an_experiment_whose_place_mlflow_chose_stays(workdir):
    uri = f"sqlite:///{workdir}/mlflow.db"
    experiment_id = mlflow.MlflowClient(uri).create_experiment("green")  # as older versions had it made
    assert (
        mlflow.MlflowClient(uri).get_experiment(experiment_id).artifact_location == f"{workdir}/mlruns/{experiment_id}"
    )
    assert experiments.find_or_create(mlflow_store.connect(uri), GREEN, uri) == experiment_id


@pytest.mark.parametrize("workdir", ["a%20b"], indirect=True)
def test_an_experiment_whose_models_mlflow_would_put_elsewhere_is_put_aside(workdir):
    uri = f"sqlite:///{workdir}/mlflow.db"
    experiment_id = mlflow.MlflowClient(uri).create_experiment("green")
    client = mlflow_store.connect(uri)
    ours = experiments.find_or_create(client, GREEN, uri)
    assert ours != experiment_id
    assert client.get_experiment(ours).artifact_location == (workdir / "mlruns/green").as_uri()


@pytest.mark.parametrize("workdir", ["results"], indirect=True)
def test_a_store_outside_the_results_has_one_experiment(workdir, tmp_path):
    uri = f"sqlite:///{tmp_path}/team.db"
    client = mlflow_store.connect(uri)
    first, second = (experiments.find_or_create(client, GREEN, uri) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("artifacts", "place"),
    [
        ("s3://bucket", "s3://bucket/green"),
        ("s3://bucket/path/", "s3://bucket/path/green"),
        ("s3://bucket/path?region=x", "s3://bucket/path/green?region=x"),
        ("file:///srv/a%20b", "file:///srv/a%20b/green"),
    ],
)
def test_models_lie_under_a_url_of_config(artifacts, place):
    assert uris.place_of_models("green", artifacts, "http://store") == place


def test_options_of_an_sqlite_store_stay_what_the_user_wrote():
    assert uris.absolute("sqlite:////srv/x.db?timeout=60") == "sqlite:////srv/x.db?timeout=60"
    assert uris.sqlite_file("sqlite+pysqlite:///file:/srv/a%3Fb.db?uri=true") == Path("/srv/a?b.db")


def test_a_folder_that_is_not_utf8_is_one_line(tmp_path, monkeypatch):
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    monkeypatch.chdir(os.fsdecode(folder))
    with pytest.raises(exits.WrongConfig, match=r"caf\\xe9: MLflow keeps no models .* not UTF-8; rename it"):
        uris.insist_on_uris("sqlite:///mlflow.db", None)
    uris.insist_on_uris("sqlite:///mlflow.db", "s3://bucket")


def test_a_database_without_room_for_the_path_of_models_is_one_line(tmp_path, monkeypatch):
    (tmp_path / ("x" * 200)).mkdir()
    monkeypatch.chdir(tmp_path / ("x" * 200))
    with pytest.raises(exits.WrongConfig, match=r"no room for the path of models .* set tracking.artifacts"):
        uris.insist_on_uris("postgresql://host/db", None)
    uris.insist_on_uris("http://host", None)
