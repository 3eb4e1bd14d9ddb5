"""The choice of the champion, from numbers alone."""

import copy

import pytest
from promote import Candidate, decide

RULES = {"policy": "challenge", "margin": 0.01, "floor": 0.9, "interval": True, "segments": {}, "pin": None}
MONTH = "2021-06"


def challenger(month: str = MONTH, rmse: float = 5.0, baseline: float = 8.0) -> Candidate:
    metrics = {"metric": "rmse", "unit": "min", "rmse": rmse, "baseline": {"rmse": baseline}}
    metrics |= {"validation_month": "2021-05", "rows": 900}
    return Candidate(month, metrics, {"recipe": "boosted", "columns": ["hour"]})


PREVIOUS = {
    "champion": {"month": "2021-03", "kind": "model", "recipe": "linear", "columns": ["pair"]},
    "since": "2021-03",
    "decision": "first",
    "reason": "",
    "compared": None,
    "metric": "rmse",
    "unit": "min",
    "validation_error": 5.5,
    "validation_month": "2021-02",
    "validation_rows": 800,
}


def comparison(difference: float = 0.05, interval: tuple = (0.02, 0.08), segments: dict | None = None) -> dict:
    return {
        "metric": "rmse",
        "unit": "min",
        "champion_month": "2021-03",
        "challenger": {"rmse": 5.0},
        "champion": {"rmse": 5.2},
        "difference": difference,
        "interval": list(interval),
        "rows": 900,
        "redrawn": "days",
        "units": 31,
        "validation_month": "2021-05",
        "by": segments or {},
    }


def decided(rules: dict | None = None, **changed) -> dict:
    arguments = {"challenger": challenger(), "comparison": comparison(), "previous": PREVIOUS} | changed
    return decide(MONTH, RULES | (rules or {}), **arguments)


def test_a_challenger_that_is_better_by_more_than_margin_and_chance_takes_over():
    decision = decided()
    assert decision["decision"] == "promoted"
    assert decision["champion"] == {"month": MONTH, "kind": "model", "recipe": "boosted", "columns": ["hour"]}
    assert decision["since"] == MONTH
    assert decision["validation_error"] == 5.0
    assert decision["reason"] == "the challenger's error is 5.00% smaller than the champion's on 900 rows of 2021-05"


@pytest.mark.parametrize(
    ("rules", "changed", "reason"),
    [
        ({}, {"comparison": comparison(0.005)}, "0.50% smaller than the champion's, less than the margin of 1.0%"),
        ({}, {"comparison": comparison(-0.2)}, "20.00% larger than the champion's, less than the margin"),
        ({}, {"comparison": comparison(0.05, (-0.01, 0.1))}, "that may be chance (-1.0% to 10.0%)"),
        ({}, {"challenger": challenger(rmse=7.9)}, "98.8% of the naive baseline's, more than the floor of 90.0%"),
        ({"policy": "never"}, {}, "policy is `never`"),
    ],
)
def test_a_challenger_that_misses_one_rule_leaves_the_champion_in_service(rules, changed, reason):
    decision = decided(rules, **changed)
    assert decision["decision"] == "kept"
    assert decision["champion"] == PREVIOUS["champion"]
    assert decision["since"] == "2021-03"
    assert reason in decision["reason"]
    assert (decision["validation_error"], decision["validation_month"], decision["validation_rows"]) == (
        5.2,
        "2021-05",
        900,
    )


def test_a_segment_that_gets_worse_stops_it_if_it_is_large_enough():
    segments = {"hour": {"08": {"rows": 100, "challenger_error": 6.0, "champion_error": 5.0}}}
    bound = {"segments": {"rows": 100, "worse": 0.1}}
    assert (
        "worse where hour is 08: 6.000 min instead of 5.000"
        in decided(bound, comparison=comparison(segments=segments))["reason"]
    )
    assert (
        decided({"segments": {"rows": 101, "worse": 0.1}}, comparison=comparison(segments=segments))["decision"]
        == "promoted"
    )
    assert (
        decided({"segments": {"rows": 100, "worse": 0.2}}, comparison=comparison(segments=segments))["decision"]
        == "promoted"
    )


def test_without_the_interval_the_margin_alone_decides():
    assert decided({"interval": False}, comparison=comparison(0.05, (-0.1, 0.2)))["decision"] == "promoted"


def test_policy_always_takes_the_newest_model():
    decision = decided({"policy": "always"}, comparison=comparison(-0.3))
    assert (decision["decision"], decision["champion"]["month"]) == ("promoted", MONTH)


def test_the_first_month_asks_for_the_floor_alone():
    decision = decided(comparison=None, previous=None)
    assert (decision["decision"], decision["since"]) == ("first", MONTH)


def test_a_first_challenger_under_the_floor_leaves_the_naive_baseline_in_service():
    decision = decided(comparison=None, previous=None, challenger=challenger(rmse=7.9))
    assert decision["decision"] == "baseline"
    assert decision["champion"] == {"month": MONTH, "kind": "baseline", "recipe": None, "columns": []}
    assert decision["validation_error"] == 8.0
    assert "so the naive baseline serves" in decision["reason"]


def test_a_baseline_that_serves_is_replaced_by_the_newest_one_until_a_model_is_promoted():
    previous = PREVIOUS | {"champion": {"month": "2021-03", "kind": "baseline", "recipe": None, "columns": []}}
    decision = decided(previous=previous, challenger=challenger(rmse=7.9))
    assert (decision["decision"], decision["since"], decision["validation_error"]) == ("baseline", MONTH, 8.0)
    assert decision["champion"] == {"month": MONTH, "kind": "baseline", "recipe": None, "columns": []}
    assert decision["reason"].startswith("the challenger's error is 98.8% of the naive baseline's, more than the floor")
    assert decision["reason"].endswith("; the naive baseline serves on, now that of 2021-06")
    assert decided(previous=previous)["decision"] == "promoted"
    assert decided({"policy": "never"}, previous=previous)["decision"] == "kept"


def test_without_a_challenger_the_champion_stays_with_its_last_validation_error():
    decision = decided(comparison=None, challenger=None)
    assert decision["decision"] == "no challenger"
    assert decision["champion"] == PREVIOUS["champion"]
    assert (decision["validation_error"], decision["validation_month"]) == (5.5, "2021-02")


def test_a_pin_serves_whatever_the_numbers_say_and_gives_its_reason():
    pinned = challenger("2021-01", rmse=9.0)
    decision = decided({"pin": "2021-01", "pin_reason": "complaints of May"}, pinned=pinned)
    assert (decision["decision"], decision["champion"]["month"], decision["since"]) == ("pinned", "2021-01", MONTH)
    assert decision["reason"] == "config pins the model of 2021-01: complaints of May"


def test_a_pin_to_the_champion_keeps_the_champion_and_its_since():
    pinned = Candidate("2021-03", challenger().metrics, {"recipe": "linear", "columns": ["pair"]})
    decision = decided({"pin": "2021-03", "pin_reason": "sure is sure"}, pinned=pinned)
    assert (decision["decision"], decision["since"], decision["validation_error"]) == ("pinned", "2021-03", 5.2)


def test_nothing_that_was_given_is_changed():
    previous, measured = copy.deepcopy(PREVIOUS), comparison()
    decided(previous=previous, comparison=measured)
    assert (previous, measured) == (PREVIOUS, comparison())


LOSS = {"metric": "log_loss", "unit": ""}


def test_a_decision_uses_the_metric_that_decides_and_no_other():
    metrics = LOSS | {"log_loss": 0.6, "brier": 0.4, "baseline": {"log_loss": 0.5, "brier": 0.9}}
    worse = Candidate(MONTH, metrics | {"validation_month": "2021-05", "rows": 900}, challenger().training)
    decision = decided(comparison=None, previous=None, challenger=worse)
    assert (decision["decision"], decision["metric"], decision["unit"]) == ("baseline", "log_loss", "")
    assert decision["validation_error"] == 0.5
    assert "the first challenger's error is 120.0% of the naive baseline's" in decision["reason"]


def test_a_champion_that_stays_has_the_error_that_decides_in_the_comparison():
    errors = {"challenger": {"log_loss": 0.41, "brier": 0.1}, "champion": {"log_loss": 0.4, "brier": 0.2}}
    decision = decided({"policy": "never"}, comparison=comparison() | LOSS | errors)
    assert (decision["validation_error"], decision["metric"]) == (0.4, "log_loss")
    assert decision["compared"] == {
        "champion_month": "2021-03",
        "challenger_error": 0.41,
        "champion_error": 0.4,
        "difference": 0.05,
        "interval": [0.02, 0.08],
        "rows": 900,
        "redrawn": "days",
        "units": 31,
        "validation_month": "2021-05",
    }


def test_a_loss_has_no_unit_in_a_reason():
    segments = {"store": {"a": {"rows": 100, "challenger_error": 0.6, "champion_error": 0.5}}}
    errors = {"challenger": {"log_loss": 0.4}, "champion": {"log_loss": 0.5}}
    measured = comparison(segments=segments) | LOSS | errors | {"unit": "EUR"}
    reason = decided({"segments": {"rows": 100, "worse": 0.1}}, comparison=measured)["reason"]
    assert reason.endswith("worse where store is a: 0.600 instead of 0.500 on 100 rows")
