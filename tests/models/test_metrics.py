"""Errors of predictions, by task: against values by hand and those of scikit-learn."""

import numpy as np
import pytest
from monthwise.base import tasks
from monthwise.models import metrics
from sklearn import metrics as sklearn_metrics

ROWS = 1_000


def binary(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities of the positive class, and targets that follow them."""
    random = np.random.default_rng(seed)
    prediction = random.beta(0.7, 1.5, ROWS)
    return prediction, (random.random(ROWS) < prediction).astype(float)


def multiclass(seed: int = 0, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Return a row of probabilities for each target."""
    random = np.random.default_rng(seed)
    prediction = random.dirichlet(np.full(classes, 0.5), ROWS)
    return prediction, np.array([random.choice(classes, p=shares) for shares in prediction], float)


def test_errors_of_numbers_are_the_textbook_ones():
    measured = metrics.errors(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 0.0, 3.0, 8.0]), "regression")
    assert measured["rmse"] == pytest.approx(np.sqrt((0 + 4 + 0 + 16) / 4))
    assert measured["mae"] == pytest.approx(1.5)
    assert measured["bias"] == pytest.approx(-0.5)
    assert measured["p90_abs"] == pytest.approx(np.quantile([0, 2, 0, 4], 0.9))
    assert measured["r2"] == pytest.approx(1 - 20 / (4 + 9 + 0 + 25))
    assert measured["rows"] == 4


def test_r2_of_a_constant_target_is_left_out():
    measured = metrics.errors(np.array([1.0, 2.0]), np.array([5.0, 5.0]), "regression")
    assert set(measured) == {"rows", "rmse", "mae", "bias", "p90_abs"}


def test_errors_of_two_classes_are_those_of_scikit_learn():
    prediction, target = binary()
    assert metrics.errors(prediction, target, "binary") == {
        "rows": ROWS,
        "log_loss": pytest.approx(sklearn_metrics.log_loss(target, prediction)),
        "brier": pytest.approx(sklearn_metrics.brier_score_loss(target, prediction)),
        "accuracy": pytest.approx(sklearn_metrics.accuracy_score(target, prediction >= 0.5)),
        "roc_auc": pytest.approx(sklearn_metrics.roc_auc_score(target, prediction)),
        "average_precision": pytest.approx(sklearn_metrics.average_precision_score(target, prediction)),
    }


def test_errors_of_two_classes_by_hand():
    measured = metrics.errors(np.array([0.9, 0.2, 0.5, 0.4]), np.array([1.0, 0.0, 1.0, 1.0]), "binary")
    assert measured["log_loss"] == pytest.approx(-np.log([0.9, 0.8, 0.5, 0.4]).mean())
    assert measured["brier"] == pytest.approx((0.01 + 0.04 + 0.25 + 0.36) / 4)
    assert measured["accuracy"] == 0.75  # 0.5 is the positive class
    assert measured["roc_auc"] == 1.0


def test_a_single_class_has_no_curves():
    for target in (np.zeros(3), np.ones(3)):
        measured = metrics.errors(np.array([0.1, 0.6, 0.9]), target, "binary")
        assert set(measured) == {"rows", "log_loss", "brier", "accuracy"}


def test_errors_of_more_classes_are_those_of_scikit_learn():
    prediction, target = multiclass()
    assert metrics.errors(prediction, target, "multiclass") == {
        "rows": ROWS,
        "log_loss": pytest.approx(sklearn_metrics.log_loss(target, prediction)),
        "brier": pytest.approx(((prediction - np.eye(4)[target.astype(int)]) ** 2).sum(axis=1).mean()),
        "accuracy": pytest.approx(sklearn_metrics.accuracy_score(target, prediction.argmax(axis=1))),
    }


def test_a_class_without_rows_takes_part_in_the_losses_of_the_others():
    prediction, target = multiclass()
    kept = target != 2
    measured = metrics.errors(prediction[kept], target[kept], "multiclass")
    expected = sklearn_metrics.log_loss(target[kept], prediction[kept], labels=range(4))
    assert measured["log_loss"] == pytest.approx(expected)


def test_a_probability_of_0_gives_a_finite_loss():
    for prediction, target in ((np.array([0.0, 1.0]), np.array([1.0, 0.0])), (np.eye(3)[:2], np.array([2.0, 0.0]))):
        assert metrics.losses("log_loss", prediction, target) == pytest.approx([-np.log(1e-15)] * 2)


@pytest.mark.parametrize(("task", "metric"), [(task, name) for task in tasks.DECIDING for name in tasks.DECIDING[task]])
def test_a_deciding_error_is_a_mean_of_losses_of_rows(task, metric):
    made = {"regression": (np.arange(5.0), np.array([0, 3, 1, 9, 4.5])), "binary": binary(), "multiclass": multiclass()}
    prediction, target = made[task]
    loss = metrics.losses(metric, prediction, target)
    assert loss.shape == target.shape
    assert metrics.error_of(metric, loss.mean()) == pytest.approx(metrics.errors(prediction, target, task)[metric])


def test_calibration_has_rows_probability_and_share_of_each_tenth():
    prediction = np.array([0.0, 0.05, 0.31, 0.39, 0.95, 1.0, 1.0])
    target = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0])
    assert metrics.calibration(prediction, target) == [
        {"rows": 2, "predicted": pytest.approx(0.025), "actual": 0.5},
        {"rows": 2, "predicted": pytest.approx(0.35), "actual": 0.5},
        {"rows": 3, "predicted": pytest.approx(2.95 / 3), "actual": pytest.approx(2 / 3)},
    ]


def test_calibration_of_more_classes_is_about_the_predicted_one():
    prediction = np.array([[0.72, 0.2, 0.08], [0.1, 0.78, 0.12], [0.3, 0.3, 0.4]])
    assert metrics.calibration(prediction, np.array([0.0, 2.0, 2.0])) == [
        {"rows": 1, "predicted": pytest.approx(0.4), "actual": 1.0},
        {"rows": 2, "predicted": pytest.approx(0.75), "actual": 0.5},
    ]


@pytest.mark.parametrize("made", [binary(), multiclass()], ids=["binary", "multiclass"])
def test_predictions_that_are_right_as_often_as_they_say_are_calibrated(made):
    for part in metrics.calibration(*made):
        noise = 4 * np.sqrt(part["predicted"] * (1 - part["predicted"]) / part["rows"]) + 0.01
        assert part["actual"] == pytest.approx(part["predicted"], abs=noise)


def test_confusion_has_predicted_classes_as_rows_and_actual_ones_as_columns():
    prediction = np.array([0.9, 0.6, 0.2, 0.5, 0.1])
    assert metrics.confusion(prediction, np.array([1.0, 0.0, 1.0, 1.0, 0.0]), 2) == [[1, 1], [1, 2]]
    shares, target = multiclass()
    expected = sklearn_metrics.confusion_matrix(target, shares.argmax(axis=1)).T
    assert metrics.confusion(shares, target, 4) == expected.tolist()
    assert metrics.confusion(shares[target != 3], target[target != 3], 4)[0][3] == 0


def test_errors_by_place_leave_out_missing_places():
    loss = np.array([1.0, 4.0, 9.0, 100.0])
    assert metrics.errors_by_place(np.array([7, 7, 3, -1]), loss, "rmse") == {
        "3": {"rows": 1, "error": 3.0},
        "7": {"rows": 2, "error": pytest.approx(np.sqrt(2.5))},
    }
    assert metrics.errors_by_place(np.array([7, 7, 3, -1]), loss, "log_loss")["7"]["error"] == 2.5
