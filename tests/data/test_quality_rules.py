"""The quality rules of a single month, with the bounds of config/config.yaml."""

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.months_made import raw_month, settings, write_raw
from monthwise.base.exits import BadData
from monthwise.config.settings import Settings
from monthwise.data import cleaning, features, quality_rules, tables
from monthwise.publisher import demo
from monthwise.workflow import job_settings
from monthwise.workflow.calendar import Calendar

MONTH = "2021-02"
ROWS = 3000
TIMES = ("lpep_pickup_datetime", "lpep_dropoff_datetime")


@pytest.fixture(scope="module")
def config():
    return Settings()


@pytest.fixture
def judged(tmp_path, config):
    """Return a function that cleans a month by the settings of config, and returns its quality."""

    def run(raw, month: str = MONTH, service: str = "green"):
        if isinstance(raw, pa.Table):
            raw = write_raw(tmp_path / "raw.parquet", raw)
        cleaned = cleaning.Month(str(raw), job_settings.of_job(Calendar.read(config, service), "clean", month))
        tables.write(tmp_path / "trips.parquet", cleaning.TRIPS, cleaned.trips())
        return cleaned.quality()

    return run


def pickups(days: list[int], month: str = MONTH) -> dict[str, pa.Array]:
    """Return the time columns of ROWS trips of 10 minutes, spread over these days of a month."""
    begin = datetime.datetime.fromisoformat(f"{month}-01")
    at = [begin + datetime.timedelta(days=days[row % len(days)] - 1, seconds=25 * row) for row in range(ROWS)]
    columns = (at, [time + datetime.timedelta(minutes=10) for time in at])
    return {name: pa.array(times, pa.timestamp("us")) for name, times in zip(TIMES, columns, strict=True)}


ALL_DAYS = list(range(1, 29))


def test_a_sensible_month_passes(judged):
    quality = judged(raw_month(ROWS, **pickups(ALL_DAYS)))
    assert (quality["verdict"], quality["rule"]) == ("pass", None)
    assert quality["outside_month"] == {"rows": 0, "months": {}}


def test_a_month_without_zones_is_rejected_and_the_column_named(judged):
    nothing = pa.nulls(ROWS, pa.int64())
    quality = judged(raw_month(ROWS, **pickups(ALL_DAYS), PULocationID=nothing, DOLocationID=nothing))
    rule = {"name": "missing_zone_share_above", "number": 1.0, "bound": 0.99, "detail": "pickup_zone"}
    assert (quality["verdict"], quality["rule"]) == ("reject", rule)


def test_a_month_with_few_zones_warns(judged):
    few = pa.array([None if row % 20 else 7 for row in range(ROWS)])
    quality = judged(raw_month(ROWS, **pickups(ALL_DAYS), DOLocationID=few))
    rule = {"name": "missing_zone_share_above", "number": 0.95, "bound": 0.9, "detail": "dropoff_zone"}
    assert (quality["verdict"], quality["rule"]) == ("warn", rule)


@pytest.mark.parametrize(("days", "verdict"), [([10], "reject"), (ALL_DAYS[:13], "reject"), (ALL_DAYS[:25], "warn")])
def test_days_without_trips_are_counted(judged, days, verdict):
    quality = judged(raw_month(ROWS, **pickups(days)))
    assert quality["verdict"] == verdict
    assert quality["rule"]["name"] == "days_share_below"
    assert quality["rule"]["detail"] == f"{len(days)} of 28 days have trips"


@pytest.mark.parametrize(("month", "days"), [("2021-01", 31), ("2020-02", 29), ("2021-04", 30)])
def test_a_month_has_as_many_days_as_the_calendar_says(judged, month, days):
    assert judged(raw_month(ROWS, **pickups(list(range(1, days + 1)), month)), month)["verdict"] == "pass"


def test_the_file_of_another_month_is_rejected_and_the_month_named(judged):
    quality = judged(raw_month(ROWS, **pickups(ALL_DAYS, "2021-01")))
    assert quality["verdict"] == "reject"
    assert quality["outside_month"] == {"rows": ROWS, "months": {"2021-01": ROWS}}
    with pytest.raises(BadData, match=r"outside_month_share_above: 1, bound 0\.5 \(all 3,000 rows are of 2021-01\)"):
        features.admit(quality)


def test_the_other_month_is_named_by_whatever_rule_it_breaks(tmp_path):
    raw = write_raw(tmp_path / "raw.parquet", raw_month(ROWS, **pickups(ALL_DAYS, "2021-01")))
    cleaned = cleaning.Month(str(raw), settings(month=MONTH))
    assert sum(batch.num_rows for batch in cleaned.trips()) == 0
    assert (
        quality_rules.in_words(cleaned.quality()["rule"]) == "rows_below: 0, bound 100 (all 3,000 rows are of 2021-01)"
    )


def test_some_rows_of_another_month_warn_and_stray_dates_do_not(judged):
    whole_month, before = pickups(ALL_DAYS), pickups(ALL_DAYS, "2021-01")

    def month(others: int) -> pa.Table:
        mixed = {name: pa.concat_arrays([before[name][:others], whole_month[name][others:]]) for name in TIMES}
        return raw_month(ROWS, **mixed)

    warned = judged(month(600))
    assert (warned["verdict"], warned["rule"]["detail"]) == ("warn", "600 of 3,000 rows are of 2021-01")
    assert judged(month(6))["verdict"] == "pass"


def test_only_the_commonest_other_months_are_kept(judged):
    times = pickups(ALL_DAYS)
    stray = [datetime.datetime(1990 + row, 1, 1) for row in range(12)] + [datetime.datetime(2008, 12, 31)]
    for name in TIMES:
        times[name] = pa.concat_arrays([pa.array(stray, pa.timestamp("us")), times[name][13:]])
    outside = judged(raw_month(ROWS, **times))["outside_month"]
    assert outside["rows"] == 13
    assert list(outside["months"])[:2] == ["1990-01", "1991-01"]
    assert len(outside["months"]) == 10


def test_every_rule_may_be_switched_off_and_needs_its_role():
    day = {"distributions": {"day": {"counts": [0] * 31}}, "outside_month": {"rows": 0, "months": {}}}
    counts = {"rows_in": 200, "rows_out": 200, "duplicates": 0, "missing": {"pickup_zone": 1, "distance_mi": 1}} | day
    bounds = {"missing_zone_share_above": 0.9, "missing_distance_share_above": 0.5}
    assert quality_rules.judge(counts, {"reject": None, "warn": bounds}, MONTH, ["pickup_zone"])[0] == "warn"
    assert quality_rules.judge(counts, {"reject": None, "warn": bounds}, MONTH, ["vendor"]) == ("pass", None)
    assert quality_rules.judge(counts, {"reject": None, "warn": None}, MONTH, ["pickup_zone"]) == ("pass", None)


@pytest.mark.parametrize("service", ["green", "yellow", "fhv", "fhvhv"])
def test_the_months_of_the_demo_pass(judged, tmp_path, service):
    demo.write_month(tmp_path / "month.parquet", service, "2024-02", 20_000, 1)
    assert judged(tmp_path / "month.parquet", "2024-02", service)["verdict"] == "pass"


def test_real_months_pass(judged, tlc):
    rules = {path.stem[-7:]: judged(path, path.stem[-7:])["rule"] for path in sorted(tlc.glob("green_*.parquet"))}
    assert rules == dict.fromkeys(rules)
    assert len(rules) >= 2


def test_where_batches_are_cut_does_not_show_in_the_months(tmp_path):
    random = np.random.default_rng(1)
    at = np.datetime64("2020-11-01", "us") + random.integers(0, 120 * 86400, ROWS) * np.timedelta64(1, "s")
    table = raw_month(ROWS, **{name: pa.array(at + number) for number, name in enumerate(TIMES)})
    raw = str(write_raw(tmp_path / "raw.parquet", table))
    verdicts = []
    for rows in (97, 3000):
        cleaned = cleaning.Month(raw, settings(), batch_rows=rows)
        tables.write(tmp_path / "trips.parquet", cleaning.TRIPS, cleaned.trips())
        verdicts.append(cleaned.quality())
    assert verdicts[0] == verdicts[1]
    assert set(verdicts[0]["outside_month"]["months"]) == {"2020-11", "2020-12", "2021-02"}
    assert pq.read_metadata(tmp_path / "trips.parquet").num_rows == verdicts[0]["rows_out"]
