"""The settings of a job: they change only where a job would write something else."""

import json

import pytest
from monthwise.base.exits import WrongUsage
from monthwise.config.settings import Settings
from monthwise.workflow import stages
from monthwise.workflow.calendar import Calendar
from monthwise.workflow.job_settings import of_job
from monthwise.workflow.listing import Listing

# The data month is neither trained on nor measured in the run month, so that changes of one do not show in the other.
DATA_MONTH, RUN_MONTH = "2023-11", "2024-02"
BASE = {"source": "demo", "begin": {"green": "2024-01"}}
ERRORS = {"evaluate", "compare", "score"}


def settings_of_jobs(settings: Settings) -> dict[str, str]:
    """Return the settings of one job of each stage, as rules pass them on; `evidence` only collects the others."""
    calendar = Calendar(settings, "green", Listing(located=[RUN_MONTH]), "2024-06")
    month = {"data": DATA_MONTH, "run": RUN_MONTH, "registry": None}
    names = [name for name in stages.STAGES if name != "evidence"]
    return {name: json.dumps(of_job(calendar, name, month[stages.STAGES[name].kind]), sort_keys=True) for name in names}


def green(**keys) -> dict:
    """Return a layer of config that changes keys of the entry of green."""
    return {"catalog": {"green": keys}}


BEFORE = settings_of_jobs(Settings(overrides=BASE))


@pytest.mark.parametrize(
    ("layer", "changed"),
    [
        (green(description="other words"), set()),
        (green(url="https://example.org"), set()),
        ({"datasets": ["green", "yellow"], "begin": {"yellow": "2024-01"}}, set()),
        ({"alerts": {"late_days": 1}, "run": {"max_rebuild": 1}}, set()),
        ({"demo": {"rows": 5}}, {"locate", "ingest"}),
        (green(features={"distance_mi": {"max": 50}}), {"clean"}),
        (green(features={"distance_mi": {"columns": ["trip_distance", "distance"]}}), {"clean"}),
        (green(quality={"reject": {"rows_below": 5}}), {"clean"}),
        ({"quality": {"time_in_month": False}}, {"clean"}),
        ({"quality": {"waive": {"green": {DATA_MONTH: "checked"}}}}, {"clean"}),
        ({"quality": {"waive": {"green": {"2023-12": "checked"}}}}, set()),
        (green(target={"max": 30}), {"clean"}),
        (green(target={"unit": "h"}), {"clean", "promote"} | ERRORS),
        (green(features={"fare": "number"}), {"clean", "featurize", "drift"}),
        (green(features={"week": "calendar"}), {"featurize", "drift"}),
        (green(features={"tip": {"kind": "category"}}), {"clean", "featurize", "train", "drift"}),
        (green(files={"names": "config/zones/new-york.csv"}), {"clean", "featurize"}),
        (green(group=["customer"]), {"clean", "compare"}),
        (green(model=["weekday", "pair"]), {"train"}),
        ({"train": {"features": ["weekday", "pair"]}}, {"train"}),
        ({"train": {"parameters": {"max_iter": 5}}}, {"train"}),
        (green(baseline=["hour"]), {"train", "drift"}),
        (green(segments={"weekday": None}), ERRORS),
        (green(map={"feature": "dropoff_zone"}), {"evaluate", "score"}),
        (green(metric="mae"), {"promote"} | ERRORS),
        ({"promotion": {"margin": 0.5}}, {"promote"}),
        ({"window": {"length": 2}}, {"train", "track", "drift"}),
        ({"tracking": {"name": "other"}}, {"track", "register"}),
        ({"changes": [{"from": "2024-04", "reason": "later", "window": {"length": 2}}]}, set()),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_a_key_changes_the_settings_of_the_jobs_that_use_it_and_no_others(layer, changed):
    after = settings_of_jobs(Settings(overrides=BASE).changed(layer))
    assert {name for name in after if after[name] != BEFORE[name]} == changed


def test_a_month_that_has_no_such_job_is_refused():
    calendar = Calendar(Settings(overrides=BASE | {"skip": {"green": ["2024-03"]}}), "green", Listing(), "2024-06")
    with pytest.raises(WrongUsage, match="green 2024-01 compares nothing: it is the first month that has a champion"):
        of_job(calendar, "compare", "2024-01")
    with pytest.raises(WrongUsage, match="green 2024-03 is not scored: the month is skipped"):
        of_job(calendar, "score", "2024-03")


def test_evidence_has_the_settings_of_every_job_of_its_month():
    calendar = Calendar(Settings(overrides=BASE), "green", Listing(located=[RUN_MONTH]), "2024-06")
    collected = of_job(calendar, "evidence", RUN_MONTH)
    assert collected["scored"]
    assert set(collected["stages"]) == set(stages.EVIDENCE)
    assert collected["stages"]["clean"].keys() == {"2023-12", "2024-01", "2024-02"}
    assert collected["stages"]["train"] == {RUN_MONTH: of_job(calendar, "train", RUN_MONTH)}
