"""The published numbers, on real months, through the whole workflow."""

import json

import pytest
from fixtures.workflow import Clone

REFERENCE = ("--configfile", "config/reference.yaml")
TARGET = ("--", "runs/green/2021-03/metrics.json")

# Validation RMSE that plain scikit-learn reached with one training month and little tuning; to be beaten.
FLOORS = {"2021-03": 5.37, "2021-04": 5.05, "2022-03": 4.94, "2022-04": 4.67, "2023-03": 4.32}
WITHIN_TARGET = {"2021-03": 61_921, "2021-04": 80_372, "2022-03": 66_097, "2022-04": 74_507, "2023-03": 62_574}


@pytest.fixture(scope="module")
def real(tlc, tmp_path_factory) -> Clone:
    return Clone(tmp_path_factory.mktemp("real") / "clone")


def metrics(clone: Clone, month: str, directory: str = ".") -> dict:
    return json.loads(clone.path(f"{directory}/runs/green/{month}/metrics.json").read_text())


@pytest.mark.parametrize(
    ("train", "published", "tolerance"),
    [
        ("{parameters: {tol: 1e-6}}", 7.7587152, 1e-4),
        ("{parameters: {tol: 1e-8}}", 7.4795136, 3e-4),
        ("{parameters: {solver: lasso, alpha: 0.01}}", 11.1672759, 1e-4),
    ],
)
def test_the_course_results_are_reproduced(real, tlc, train, published, tolerance):
    source = ("--config", f"source=file:{tlc}", f"train={train}")
    real.build("--directory", "reference", *REFERENCE, *source, *TARGET)
    errors = metrics(real, "2021-03", "reference")
    assert (errors["train_rows"], errors["rows"]) == (73_908, 61_921)
    assert errors["rmse"] == pytest.approx(published, abs=tolerance)


def test_the_course_features_have_as_many_columns(real, tlc):
    from monthwise.models import model_files

    real.build("--directory", "reference", *REFERENCE, "--config", f"source=file:{tlc}", *TARGET)
    model = model_files.load(real.path("reference/runs/green/2021-03/model.skops"), "linear")
    assert len(model["columns"].get_feature_names_out()) == 13_221


def test_the_default_recipe_beats_every_floor_on_all_rows(real, tlc):
    targets = [f"runs/green/{month}/metrics.json" for month in FLOORS]
    real.build("--config", f"source=file:{tlc}", "--", *targets)
    for month, floor in FLOORS.items():
        errors = metrics(real, month)
        assert errors["rmse"] < floor
        assert errors["rows"] >= 0.999 * WITHIN_TARGET[month]
        assert errors["recipe"] == "boosted"
        assert len(errors["months"]) == 1
        assert set(errors["by"]) == {"hour", "distance_mi", "borough"}
