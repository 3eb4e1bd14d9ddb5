"""Types of the JSON files of a run month, up to the decision."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from .doc import Doc, RunMonth, Service, ValidationMonth


class Training(TypedDict):
    """How the challenger was trained: runs/{service}/{month}/training.json."""

    service: Service
    month: RunMonth
    months: Annotated[list[str], Doc("the training window")]
    recipe: Annotated[str, Doc("the recipe")]
    parameters: Annotated[dict[str, Any], Doc("the parameters of the recipe")]
    seed: Annotated[int, Doc("the seed of the sample")]
    columns: Annotated[list[str], Doc("the features of the model, in order")]
    rows_available: Annotated[int, Doc("rows of the training window", "rows")]
    train_rows: Annotated[int, Doc("rows it was trained on: all, or a sample", "rows")]
    categories: NotRequired[Annotated[dict[str, dict[str, int]], Doc("rows by category and value", "rows")]]


class Errors(TypedDict):
    """Errors of predictions: prediction minus target."""

    rows: Annotated[int, Doc("predicted trips", "rows")]
    rmse_min: Annotated[float, Doc("root mean square error", "min")]
    mae_min: Annotated[float, Doc("mean absolute error", "min")]
    bias_min: Annotated[float, Doc("mean error; above 0: predicted too long", "min")]
    p90_abs_min: Annotated[float, Doc("90th percentile of the absolute error", "min")]


class ZoneError(TypedDict):
    """The error in one pick-up zone."""

    rows: Annotated[int, Doc("predicted trips", "rows")]
    rmse_min: Annotated[float, Doc("root mean square error", "min")]


class PredictedReal(TypedDict):
    """Predicted against real durations."""

    width_min: Annotated[float, Doc("the width of a bin, from 0 on", "min")]
    counts: Annotated[list[list[int]], Doc("trips by bin of the prediction and bin of the real duration", "rows")]


class Evaluation(Errors):
    """The errors of a model on the trips of one month."""

    baseline_rmse_min: Annotated[float, Doc("RMSE of the model's baseline on the same trips", "min")]
    unseen_pairs: Annotated[int, Doc("trips between zones that no training trip connects", "rows")]
    by: Annotated[dict[str, dict[str, Errors]], Doc("errors by kind of segment and segment")]
    predicted_real: PredictedReal
    zones: Annotated[dict[str, ZoneError], Doc("errors by pick-up zone; empty without a zone file")]


class Difference(TypedDict):
    """A difference between the trips of training and validation that evaluate warns about."""

    feature: Annotated[str, Doc("the category")]
    kind: Annotated[str, Doc("`never seen` or `unlike`")]
    number: Annotated[float, Doc("share of trips, or Jensen-Shannon distance", "0 to 1")]
    bound: Annotated[float, Doc("the bound that the number exceeds", "0 to 1")]
    text: Annotated[str, Doc("the warning in words")]


class Metrics(Evaluation):
    """The challenger's validation errors: runs/{service}/{month}/metrics.json."""

    service: Service
    month: RunMonth
    validation_month: ValidationMonth
    months: Annotated[list[str], Doc("the training window")]
    recipe: Annotated[str, Doc("the recipe")]
    rows_available: Annotated[int, Doc("rows of the training window", "rows")]
    train_rows: Annotated[int, Doc("rows it was trained on", "rows")]
    warnings: NotRequired[Annotated[list[Difference], Doc("how the trips differ from the training trips")]]


class SegmentErrors(TypedDict):
    """The errors of challenger and champion in one segment."""

    rows: Annotated[int, Doc("trips that both predict", "rows")]
    challenger_rmse_min: Annotated[float, Doc("RMSE of the challenger", "min")]
    champion_rmse_min: Annotated[float, Doc("RMSE of the current champion", "min")]


class Unpaired(TypedDict):
    """Trips that only one of two models predicts."""

    challenger: Annotated[int, Doc("trips that only the challenger predicts", "rows")]
    champion: Annotated[int, Doc("trips that only the champion predicts", "rows")]


class Paired(TypedDict):
    """Challenger and current champion on the same trips."""

    challenger: Annotated[Errors, Doc("errors of the challenger")]
    champion: Annotated[Errors, Doc("errors of the current champion")]
    rows: Annotated[int, Doc("trips that both predict", "rows")]
    days: Annotated[int, Doc("days with such trips", "days")]
    difference: Annotated[float, Doc("by how much the challenger's RMSE is smaller, as a share of the champion's")]
    interval: Annotated[list[float], Doc("its 95 % interval: lower and upper bound (bootstrap over days)")]
    by: Annotated[dict[str, dict[str, SegmentErrors]], Doc("errors by kind of segment and segment")]


class Comparison(Paired):
    """Challenger and current champion on the validation month: runs/{service}/{month}/comparison.json."""

    service: Service
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
    challenger_rmse_min: Annotated[float, Doc("RMSE of the challenger", "min")]
    champion_rmse_min: Annotated[float, Doc("RMSE of the champion before", "min")]
    difference: Annotated[float, Doc("by how much the challenger's RMSE is smaller, as a share of the champion's")]
    interval: Annotated[list[float], Doc("its 95 % interval: lower and upper bound")]
    rows: Annotated[int, Doc("trips that both predict", "rows")]
    days: Annotated[int, Doc("days with such trips", "days")]
    validation_month: ValidationMonth


class Promised(TypedDict):
    """The validation error of a champion: its last measured error before its month."""

    promised_rmse_min: Annotated[float, Doc("the validation error of the champion", "min")]
    promised_on: Annotated[str, Doc("the month that it was measured on")]
    promised_rows: Annotated[int, Doc("the trips that it was measured on", "rows")]


class Decision(Promised):
    """Which model is champion, and why."""

    champion: Model
    decision: Annotated[str, Doc("first, promoted, kept, pinned, baseline or no challenger")]
    reason: Annotated[str, Doc("the reason in words")]
    since: Annotated[str, Doc("the run month since which this model is champion")]
    compared: Annotated[Compared | None, Doc("the comparison, if there was one")]


class Champion(Decision):
    """The decision of a run month: runs/{service}/{month}/champion.json."""

    service: Service
    month: RunMonth


class Server(TypedDict):
    """The champion that live errors are about."""

    month: Annotated[str, Doc("the run month that trained it")]
    kind: Annotated[Kind, Doc("the model, or its baseline")]


class Live(Evaluation):
    """The champion's live errors: runs/{service}/{month}/live.json."""

    service: Service
    month: RunMonth
    champion: Server
    promised_rmse_min: Annotated[float, Doc("the validation error of the champion", "min")]
    promised_on: Annotated[str, Doc("the month that it was measured on")]
    off: Annotated[float, Doc("live excess: live error / validation error - 1")]


class FeatureDrift(TypedDict):
    """How far one feature has moved from the training window."""

    name: Annotated[str, Doc("the feature, or the target")]
    distance: Annotated[float, Doc("Jensen-Shannon distance, base 2", "0 to 1")]
    noise: Annotated[float, Doc("95th percentile of the distances between redrawn days of the window", "0 to 1")]
    ratio: Annotated[float, Doc("distance / noise")]
    drifted: Annotated[bool, Doc("whether the ratio is above drifted_above")]
    is_target: Annotated[bool, Doc("whether it is the target")]


class Drift(TypedDict):
    """The drift of the month from the training window: runs/{service}/{month}/drift.json."""

    service: Service
    month: RunMonth
    training_months: Annotated[list[str], Doc("the training window")]
    ranked: Annotated[list[FeatureDrift], Doc("features by ratio, highest first")]
    drifted_above: Annotated[float, Doc("the ratio above which a feature counts as drifted")]
    unseen_pairs_share: Annotated[float, Doc("share of trips between zones that no window trip connects", "0 to 1")]
    rows: Annotated[int, Doc("trips of the month", "rows")]
    training_rows: Annotated[int, Doc("trips of the window", "rows")]
