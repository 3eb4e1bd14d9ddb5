"""The calendar: which months, from settings, a listing and today."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from monthwise.base import months
from monthwise.base.exits import WrongConfig, WrongUsage
from monthwise.config.settings import Settings
from monthwise.workflow.calendar import Calendar
from monthwise.workflow.listing import Listing

MONTHS = st.builds("{:04d}-{:02d}".format, st.integers(1990, 2090), st.integers(1, 12))
DEMO = Settings(overrides={"source": "demo"})
HTTPS = Settings(overrides={"source": "https", "begin": {"green": "2024-01"}})


def calendar_of(settings: Settings, dataset: str = "green", today: str = "2024-06", **known) -> Calendar:
    return Calendar(settings, dataset, Listing(**known), today)


@given(MONTHS, st.sets(st.integers(-12, 0), max_size=6), st.integers(1, 4))
def test_no_window_reads_the_future_or_a_skipped_month(month, back, length):
    skipped = [months.shift(month, count) for count in back]
    # The month before `begin` must not be skipped, so `begin` is after all of MONTHS.
    later = {"begin": {"green": "2099-01"}}
    settings = DEMO.changed(later | {"skip": {"green": skipped}, "window": {"length": length}})
    calendar = calendar_of(settings)
    window = calendar.training_months(month)
    assert len(window) == length
    assert window == sorted(set(window))
    assert window[-1] <= months.shift(month, -2)
    assert not set(window) & set(skipped)
    left_out = set(months.span(window[0], months.shift(month, -2))) - set(window)
    assert left_out <= set(skipped)
    validation = calendar.validation_month(month)
    assert validation == (None if months.shift(month, -1) in skipped else months.shift(month, -1))


def test_newest_is_the_month_after_the_newest_published_one():
    https, demo = Settings(overrides={"source": "https"}), Settings(overrides={"source": "demo"})
    assert calendar_of(https).run_months[-1] == "2024-04"
    assert calendar_of(https, located=["2024-01", "2024-04"]).run_months[-1] == "2024-05"
    assert calendar_of(demo, today="2030-01").run_months == months.span("2024-01", "2024-03")


def test_begin_of_a_folder_is_the_first_month_with_a_whole_window(tmp_path):
    for month in months.span("2021-01", "2021-06"):
        (tmp_path / f"yellow_tripdata_{month}.parquet").touch()
    settings = Settings(overrides={"source": f"file:{tmp_path}", "datasets": ["yellow"], "window": {"length": 2}})
    assert Calendar.read(settings, "yellow").run_months == months.span("2021-04", "2021-07")


def test_a_window_gets_longer_from_the_month_of_a_change_on():
    longer = {"from": "2024-05", "reason": "r", "window": {"length": 2}}
    calendar = calendar_of(HTTPS.changed({"changes": [longer]}))
    assert calendar.windows("2024-04") == (["2024-02"], "2024-03")
    assert calendar.windows("2024-05") == (["2024-02", "2024-03"], "2024-04")


def test_a_month_is_scored_once_it_is_published_unless_it_is_skipped():
    calendar = calendar_of(HTTPS.changed({"skip": {"green": ["2024-02"]}}), located=["2024-04"])
    assert [month for month in months.span("2023-12", "2024-06") if calendar.is_scored(month)] == [
        "2024-01",
        "2024-03",
        "2024-04",
    ]


def test_a_run_month_reads_its_window_its_validation_month_and_itself_once_published():
    calendar = calendar_of(HTTPS.changed({"skip": {"green": ["2024-02"]}}), located=["2024-04"])
    assert calendar.data_months("2024-04") == ["2024-01", "2024-03", "2024-04"]
    assert calendar.data_months("2024-05") == ["2024-03", "2024-04"]
    assert calendar.data_months("2024-03") == ["2024-01", "2024-03"]  # trains nothing; its drift needs the window
    assert calendar.data_months("2024-05", "2024-04") == ["2024-01", "2024-03", "2024-04"]
    with pytest.raises(WrongUsage, match="its validation month 2024-02 is skipped"):
        calendar.windows("2024-03")


def test_the_chain_of_champions_starts_at_begin():
    calendar = calendar_of(HTTPS)
    assert (calendar.champion_before("2024-01"), calendar.champion_before("2024-02")) == (None, "2024-01")
    with pytest.raises(WrongUsage, match="has no champion: the first one serves in 2024-01"):
        calendar.champion_before("2023-12")


def test_a_data_month_is_closed_when_no_open_run_month_reads_it():
    longer = {"from": "2024-06", "reason": "r", "window": {"length": 3}}
    closed = HTTPS.changed({"history": {"closed_before": "2024-05"}, "changes": [longer]})
    calendar = calendar_of(closed, today="2024-12")
    assert [calendar.is_closed_run(month) for month in ("2024-04", "2024-05")] == [True, False]
    assert [calendar.is_closed_data(month) for month in ("2024-01", "2024-02", "2024-03")] == [True, False, False]
    assert calendar.open_run_months[0] == "2024-05"
    assert not calendar_of(HTTPS).is_closed_data("1990-01")


def test_before_the_first_month_is_published_there_is_no_run_month():
    calendar = calendar_of(HTTPS, today="2023-12")
    assert calendar.open_run_months == []
    with pytest.raises(WrongConfig, match="is after last"):
        assert calendar.run_months
