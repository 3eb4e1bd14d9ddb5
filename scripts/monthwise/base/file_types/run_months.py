"""Types of the JSON files of a run month, up to the decision."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from .doc import Dataset, Doc, RunMonth, ValidationMonth


class Difference(TypedDict):
    """A warning of evaluate: a difference between the rows of training and validation, or a leak."""

    feature: Annotated[str, Doc("the feature")]
    kind: Annotated[str, Doc("`never seen`, `unlike` or `leak`")]
    number: Annotated[float, Doc("share of rows, Jensen-Shannon distance, or share of the variance", "0 to 1")]
    bound: Annotated[float, Doc("the bound that the number exceeds", "0 to 1")]
    text: Annotated[str, Doc("the warning in words")]


class Training(TypedDict):
    """How the challenger was trained: runs/{dataset}/{month}/training.json."""

    dataset: Dataset
    month: RunMonth
    months: Annotated[list[str], Doc("the training window")]
    task: Annotated[str, Doc("regression, binary or multiclass")]
    recipe: Annotated[str, Doc("the recipe")]
    parameters: Annotated[dict[str, Any], Doc("the parameters of the recipe")]
    seed: Annotated[int, Doc("the seed of the sample")]
    columns: Annotated[list[str], Doc("the features of the model, in order")]
    rows_available: Annotated[int, Doc("rows of the training window", "rows")]
    train_rows: Annotated[int, Doc("rows it was trained on: all, or a sample", "rows")]
    leaks: Annotated[list[Difference], Doc("features that predict the target nearly perfectly by themselves")]
    categories: Annotated[dict[str, dict[str, int]], Doc("rows by category and value", "rows")]


UNIT = "of target"


class Errors(TypedDict):
    """Errors of predictions: prediction minus target. Which ones depends on the task; undefined ones are missing."""

    rows: Annotated[int, Doc("predicted rows", "rows")]
    rmse: NotRequired[Annotated[float, Doc("root mean square error", UNIT)]]
    mae: NotRequired[Annotated[float, Doc("mean absolute error", UNIT)]]
    bias: NotRequired[Annotated[float, Doc("mean error; above 0: predicted too much", UNIT)]]
    p90_abs: NotRequired[Annotated[float, Doc("90th percentile of the absolute error", UNIT)]]
    r2: NotRequired[Annotated[float, Doc("share of the variance of the target that is explained")]]
    log_loss: NotRequired[Annotated[float, Doc("mean of -log(probability of the actual class)", "nats")]]
    brier: NotRequired[Annotated[float, Doc("mean square of probability minus 1 or 0; of more classes, their sum")]]
    accuracy: NotRequired[Annotated[float, Doc("share of the rows whose class is predicted", "0 to 1")]]
    roc_auc: NotRequired[Annotated[float, Doc("area under the ROC curve; two classes only", "0 to 1")]]
    average_precision: NotRequired[Annotated[float, Doc("area under precision by recall; two classes only", "0 to 1")]]


class PlaceError(TypedDict):
    """The error in one place of the map."""

    rows: Annotated[int, Doc("predicted rows", "rows")]
    error: Annotated[float, Doc("the error that decides", UNIT)]


class PredictedActual(TypedDict):
    """Predicted against actual targets."""

    first: Annotated[float, Doc("the lower edge of the first bin", UNIT)]
    width: Annotated[float, Doc("the width of a bin", UNIT)]
    counts: Annotated[list[list[int]], Doc("rows by bin of the prediction and bin of the target", "rows")]


class Calibration(TypedDict):
    """A bin of predicted probabilities, a tenth wide."""

    rows: Annotated[int, Doc("predicted rows", "rows")]
    predicted: Annotated[float, Doc("their mean probability", "0 to 1")]
    actual: Annotated[float, Doc("the share that is positive; of more classes, that is predicted right", "0 to 1")]


class Evaluation(Errors):
    """The errors of a model on the rows of one month."""

    task: Annotated[str, Doc("regression, binary or multiclass")]
    metric: Annotated[str, Doc("the error that decides")]
    unit: Annotated[str, Doc("the unit of the target")]
    baseline: Annotated[Errors, Doc("errors of the model's baseline on the same rows")]
    unseen_rows: Annotated[int, Doc("rows whose value of the baseline's first feature is in no training row", "rows")]
    by: Annotated[dict[str, dict[str, Errors]], Doc("errors by kind of segment and segment")]
    places: Annotated[dict[str, PlaceError], Doc("errors by place; empty without a map")]
    predicted_actual: NotRequired[PredictedActual]
    classes: NotRequired[Annotated[list[str], Doc("the names of the classes")]]
    calibration: NotRequired[
        Annotated[list[Calibration], Doc("by predicted probability; bins without rows are left out")]
    ]
    confusion: NotRequired[Annotated[list[list[int]], Doc("rows by predicted class and actual class", "rows")]]


class Metrics(Evaluation):
    """The challenger's validation errors: runs/{dataset}/{month}/metrics.json."""

    dataset: Dataset
    month: RunMonth
    validation_month: ValidationMonth
    months: Annotated[list[str], Doc("the training window")]
    recipe: Annotated[str, Doc("the recipe")]
    rows_available: Annotated[int, Doc("rows of the training window", "rows")]
    train_rows: Annotated[int, Doc("rows it was trained on", "rows")]
    warnings: Annotated[list[Difference], Doc("how the rows differ from the training rows")]


class SegmentErrors(TypedDict):
    """The errors of challenger and champion in one segment."""

    rows: Annotated[int, Doc("rows that both predict", "rows")]
    challenger_error: Annotated[float, Doc("the error of the challenger", UNIT)]
    champion_error: Annotated[float, Doc("the error of the current champion", UNIT)]


class Unpaired(TypedDict):
    """Rows that only one of two models predicts."""

    challenger: Annotated[int, Doc("rows that only the challenger predicts", "rows")]
    champion: Annotated[int, Doc("rows that only the champion predicts", "rows")]


RedrawnBy = Annotated[Literal["days", "groups", "rows"], Doc("what was redrawn for the interval")]


class Paired(TypedDict):
    """Challenger and current champion on the same rows."""

    metric: Annotated[str, Doc("the error that decides")]
    unit: Annotated[str, Doc("the unit of the target")]

    challenger: Annotated[Errors, Doc("errors of the challenger")]
    champion: Annotated[Errors, Doc("errors of the current champion")]
    rows: Annotated[int, Doc("rows that both predict", "rows")]
    redrawn: RedrawnBy
    units: Annotated[int, Doc("how many units were redrawn for the interval; more are packed into 1,000")]
    difference: Annotated[float, Doc("by how much the challenger's error is smaller, as a share of the champion's")]
    interval: Annotated[list[float], Doc("its 95 % interval: lower and upper bound (bootstrap)")]
    by: Annotated[dict[str, dict[str, SegmentErrors]], Doc("errors by kind of segment and segment")]


class Comparison(Paired):
    """Challenger and current champion on the validation month: runs/{dataset}/{month}/comparison.json."""

    dataset: Dataset
    month: RunMonth
    validation_month: ValidationMonth
    champion_month: Annotated[str, Doc("the run month of the current champion")]
    unpaired: Unpaired


Kind = Literal["model", "baseline"]


class Model(TypedDict):
    """The model that predicts in a run month."""

    month: Annotated[str, Doc("the run month that trained it")]
    kind: Annotated[Kind, Doc("the model, or its baseline")]
    recipe: Annotated[str | None, Doc("the recipe; null for a baseline")]
    columns: Annotated[list[str], Doc("its features, in order; empty for a baseline")]


class Compared(TypedDict):
    """The comparison that a decision used."""

    champion_month: Annotated[str, Doc("the run month of the champion before")]
    challenger_error: Annotated[float, Doc("the error of the challenger", UNIT)]
    champion_error: Annotated[float, Doc("the error of the champion before", UNIT)]
    difference: Annotated[float, Doc("by how much the challenger's error is smaller, as a share of the champion's")]
    interval: Annotated[list[float], Doc("its 95 % interval: lower and upper bound")]
    rows: Annotated[int, Doc("rows that both predict", "rows")]
    redrawn: RedrawnBy
    units: Annotated[int, Doc("how many units were redrawn for the interval")]
    validation_month: ValidationMonth


class LastError(TypedDict):
    """The validation error of a champion: its last measured error before its month."""

    metric: Annotated[str, Doc("the error that decides")]
    unit: Annotated[str, Doc("the unit of the target")]
    validation_error: Annotated[float, Doc("the validation error of the champion", UNIT)]
    validation_month: Annotated[str, Doc("the month that it was measured on")]
    validation_rows: Annotated[int, Doc("the rows that it was measured on", "rows")]


class Decision(LastError):
    """Which model is champion, and why."""

    champion: Model
    decision: Annotated[str, Doc("first, promoted, kept, pinned, baseline or no challenger")]
    reason: Annotated[str, Doc("the reason in words")]
    since: Annotated[str, Doc("the run month since which this model is champion")]
    compared: Annotated[Compared | None, Doc("the comparison, if there was one")]


class Champion(Decision):
    """The decision of a run month: runs/{dataset}/{month}/champion.json."""

    dataset: Dataset
    month: RunMonth


class Server(TypedDict):
    """The champion that live errors are about."""

    month: Annotated[str, Doc("the run month that trained it")]
    kind: Annotated[Kind, Doc("the model, or its baseline")]


class Live(Evaluation):
    """The champion's live errors: runs/{dataset}/{month}/live.json."""

    dataset: Dataset
    month: RunMonth
    champion: Server
    validation_error: Annotated[float, Doc("the validation error of the champion", UNIT)]
    validation_month: Annotated[str, Doc("the month that it was measured on")]
    live_excess: Annotated[float, Doc("live excess: live error / validation error - 1")]


class FeatureDrift(TypedDict):
    """How far one feature has moved from the training window."""

    name: Annotated[str, Doc("the feature, or the target")]
    distance: Annotated[float, Doc("Jensen-Shannon distance, base 2", "0 to 1")]
    noise: Annotated[float, Doc("95th percentile of the distances between redrawn days of the window", "0 to 1")]
    ratio: Annotated[float, Doc("distance / noise")]
    drifted: Annotated[bool, Doc("whether the ratio is above drifted_above")]
    is_target: Annotated[bool, Doc("whether it is the target")]


class Drift(TypedDict):
    """The drift of the month from the training window: runs/{dataset}/{month}/drift.json."""

    dataset: Dataset
    month: RunMonth
    training_months: Annotated[list[str], Doc("the training window")]
    ranked: Annotated[list[FeatureDrift], Doc("features by ratio, highest first")]
    drifted_above: Annotated[float, Doc("the ratio above which a feature counts as drifted")]
    unseen_rows_share: Annotated[
        float, Doc("share of rows whose value of the baseline's first feature is in no window row", "0 to 1")
    ]
    rows: Annotated[int, Doc("rows of the month", "rows")]
    training_rows: Annotated[int, Doc("rows of the window", "rows")]
