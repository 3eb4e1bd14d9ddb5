"""Who serves: the decision, from numbers alone."""

import copy

import pytest
from promote import Candidate, decide

RULES = {"policy": "challenge", "margin": 0.01, "floor": 0.9, "interval": True, "segments": {}, "pin": None}
MONTH = "2021-06"


def challenger(month: str = MONTH, rmse: float = 5.0, baseline: float = 8.0) -> Candidate:
    metrics = {"rmse_min": rmse, "baseline_rmse_min": baseline, "validation_month": "2021-05", "rows": 900}
    return Candidate(month, metrics, {"recipe": "boosted", "columns": ["hour"]})


REIGN = {
    "champion": {"month": "2021-03", "kind": "model", "recipe": "linear", "columns": ["pair"]},
    "since": "2021-03",
    "decision": "first",
    "reason": "",
    "compared": None,
    "promised_rmse_min": 5.5,
    "promised_on": "2021-02",
    "promised_rows": 800,
}


def comparison(difference: float = 0.05, interval: tuple = (0.02, 0.08), by: dict | None = None) -> dict:
    return {
        "champion_month": "2021-03",
        "challenger": {"rmse_min": 5.0},
        "champion": {"rmse_min": 5.2},
        "difference": difference,
        "interval": list(interval),
        "rows": 900,
        "days": 31,
        "validation_month": "2021-05",
        "by": by or {},
    }


def decided(rules: dict | None = None, **changed) -> dict:
    given = {"challenger": challenger(), "comparison": comparison(), "previous": REIGN} | changed
    return decide(MONTH, RULES | (rules or {}), **given)


def test_a_challenger_that_is_better_by_more_than_margin_and_chance_takes_over():
    found = decided()
    assert found["decision"] == "promoted"
    assert found["champion"] == {"month": MONTH, "kind": "model", "recipe": "boosted", "columns": ["hour"]}
    assert found["since"] == MONTH
    assert found["promised_rmse_min"] == 5.0
    assert found["reason"] == "the challenger's error is 5.00% smaller than the champion's on 900 trips of 2021-05"


@pytest.mark.parametrize(
    ("rules", "changed", "why"),
    [
        ({}, {"comparison": comparison(0.005)}, "0.50% smaller than the champion's, less than the margin of 1.0%"),
        ({}, {"comparison": comparison(-0.2)}, "20.00% larger than the champion's, less than the margin"),
        ({}, {"comparison": comparison(0.05, (-0.01, 0.1))}, "that may be chance (-1.0% to 10.0%)"),
        ({}, {"challenger": challenger(rmse=7.9)}, "98.8% of the naive baseline's, more than the floor of 90.0%"),
        ({"policy": "never"}, {}, "policy is `never`"),
    ],
)
def test_a_challenger_that_misses_one_rule_leaves_the_champion_in_service(rules, changed, why):
    found = decided(rules, **changed)
    assert found["decision"] == "kept"
    assert found["champion"] == REIGN["champion"]
    assert found["since"] == "2021-03"
    assert why in found["reason"]
    assert (found["promised_rmse_min"], found["promised_on"], found["promised_rows"]) == (5.2, "2021-05", 900)


def test_a_segment_that_gets_worse_stops_it_if_it_is_large_enough():
    by = {"hour": {"08": {"rows": 100, "challenger_rmse_min": 6.0, "champion_rmse_min": 5.0}}}
    bound = {"segments": {"rows": 100, "worse": 0.1}}
    assert (
        "worse where hour is 08: 6.000 min instead of 5.000" in decided(bound, comparison=comparison(by=by))["reason"]
    )
    assert decided({"segments": {"rows": 101, "worse": 0.1}}, comparison=comparison(by=by))["decision"] == "promoted"
    assert decided({"segments": {"rows": 100, "worse": 0.2}}, comparison=comparison(by=by))["decision"] == "promoted"


def test_without_the_interval_the_margin_alone_decides():
    assert decided({"interval": False}, comparison=comparison(0.05, (-0.1, 0.2)))["decision"] == "promoted"


def test_policy_always_takes_the_newest_model():
    found = decided({"policy": "always"}, comparison=comparison(-0.3))
    assert (found["decision"], found["champion"]["month"]) == ("promoted", MONTH)


def test_the_first_month_asks_for_the_floor_alone():
    found = decided(comparison=None, previous=None)
    assert (found["decision"], found["since"]) == ("first", MONTH)


def test_a_first_challenger_under_the_floor_leaves_the_naive_baseline_in_service():
    found = decided(comparison=None, previous=None, challenger=challenger(rmse=7.9))
    assert found["decision"] == "baseline"
    assert found["champion"] == {"month": MONTH, "kind": "baseline", "recipe": None, "columns": []}
    assert found["promised_rmse_min"] == 8.0
    assert "so the naive baseline serves" in found["reason"]


def test_without_a_challenger_the_champion_stays_with_what_it_promised_last():
    found = decided(comparison=None, challenger=None)
    assert found["decision"] == "no challenger"
    assert found["champion"] == REIGN["champion"]
    assert (found["promised_rmse_min"], found["promised_on"]) == (5.5, "2021-02")


def test_a_pin_serves_whatever_the_numbers_say_and_gives_its_reason():
    pinned = challenger("2021-01", rmse=9.0)
    found = decided({"pin": "2021-01", "pin_reason": "complaints of May"}, pinned=pinned)
    assert (found["decision"], found["champion"]["month"], found["since"]) == ("pinned", "2021-01", MONTH)
    assert found["reason"] == "config pins the model of 2021-01: complaints of May"


def test_a_pin_to_the_champion_goes_on_with_its_reign():
    pinned = Candidate("2021-03", challenger().metrics, {"recipe": "linear", "columns": ["pair"]})
    found = decided({"pin": "2021-03", "pin_reason": "sure is sure"}, pinned=pinned)
    assert (found["decision"], found["since"], found["promised_rmse_min"]) == ("pinned", "2021-03", 5.2)


def test_nothing_that_was_given_is_changed():
    reign, measured = copy.deepcopy(REIGN), comparison()
    decided(previous=reign, comparison=measured)
    assert (reign, measured) == (REIGN, comparison())
