"""The quality rules of a single month, with the bounds of config/config.yaml."""

import datetime

import numpy as np
import pyarrow as pa
import pytest
from fixtures.months_made import clean_file, clean_table, of_job, raw_month, settings, write_raw
from monthwise.base.exits import BadData
from monthwise.data import features, quality_rules
from monthwise.prepare.taxi import demo

MONTH = "2021-02"
ROWS = 3000
TIMES = ("lpep_pickup_datetime", "lpep_dropoff_datetime")


@pytest.fixture
def judged(tmp_path):
    """Return a function that cleans a month by the settings of config, and returns its quality."""

    def run(raw, month: str = MONTH, dataset: str = "green"):
        if isinstance(raw, pa.Table):
            raw = write_raw(tmp_path / "raw.file", raw)
        return clean_file(raw, tmp_path / "rows.parquet", of_job("clean", dataset) | {"month": month})[1]

    return run


def pickups(days: list[int], month: str = MONTH) -> dict[str, pa.Array]:
    """Return the time columns of ROWS rows of 10 and 11 minutes, spread over these days of a month."""
    begin = datetime.datetime.fromisoformat(f"{month}-01")
    at = [begin + datetime.timedelta(days=days[row % len(days)] - 1, seconds=25 * row) for row in range(ROWS)]
    columns = (at, [time + datetime.timedelta(minutes=10 + row % 2) for row, time in enumerate(at)])
    return {name: pa.array(times, pa.timestamp("us")) for name, times in zip(TIMES, columns, strict=True)}


ALL_DAYS = list(range(1, 29))


def test_a_sensible_month_passes(judged):
    quality = judged(raw_month(ROWS, **pickups(ALL_DAYS)))
    assert (quality["verdict"], quality["rule"]) == ("pass", None)
    assert quality["outside_month"] == {"rows": 0, "months": {}}


def test_a_month_without_zones_is_rejected_and_the_column_named(judged):
    nothing = pa.nulls(ROWS, pa.int64())
    quality = judged(raw_month(ROWS, **pickups(ALL_DAYS), PULocationID=nothing, DOLocationID=nothing))
    rule = {"name": "missing_share_above", "number": 1.0, "bound": 0.99, "detail": "pickup_zone"}
    assert (quality["verdict"], quality["rule"]) == ("reject", rule)


def test_a_month_with_few_zones_warns(judged):
    few = pa.array([None if row % 20 else 7 for row in range(ROWS)])
    quality = judged(raw_month(ROWS, **pickups(ALL_DAYS), DOLocationID=few))
    rule = {"name": "missing_share_above", "number": 0.95, "bound": 0.9, "detail": "dropoff_zone"}
    assert (quality["verdict"], quality["rule"]) == ("warn", rule)


@pytest.mark.parametrize(("days", "verdict"), [([10], "reject"), (ALL_DAYS[:13], "reject"), (ALL_DAYS[:25], "warn")])
def test_days_without_rows_are_counted(judged, days, verdict):
    quality = judged(raw_month(ROWS, **pickups(days)))
    assert quality["verdict"] == verdict
    assert quality["rule"]["name"] == "days_share_below"
    assert quality["rule"]["detail"] == f"{len(days)} of 28 days have rows"


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
    table = raw_month(ROWS, **pickups(ALL_DAYS, "2021-01"))
    rows, quality = clean_table(tmp_path, table, settings(month=MONTH))
    assert rows.num_rows == 0
    assert quality_rules.in_words(quality["rule"]) == "rows_below: 0, bound 100 (all 3,000 rows are of 2021-01)"


def test_a_month_without_targets_says_so(tmp_path):
    nothing = pa.nulls(ROWS, pa.timestamp("us"))
    _, quality = clean_table(tmp_path, raw_month(ROWS, lpep_dropoff_datetime=nothing), settings())
    assert quality_rules.in_words(quality["rule"]) == "rows_below: 0, bound 100 (3,000 of 3,000 rows have no target)"


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


def counts_of(**changed) -> dict:
    """Return counts of a month of 200 sensible rows, some of them changed."""
    return {
        "rows_in": 200, "rows_out": 200, "duplicates": 0, "missing": {"store": 1, "price": 0.2}, "drops": {},
        "distributions": {"day": {"counts": [7] * 31}}, "outside_month": {"rows": 0, "months": {}},
        "target": {"min": 0, "max": 1, "other_values": {}}, **changed,
    }  # fmt: skip


def test_every_rule_may_be_switched_off_and_a_feature_may_be_optional():
    rules = {"reject": {}, "warn": {"missing_share_above": 0.9}}
    rule = {"name": "missing_share_above", "number": 1, "bound": 0.9, "detail": "store"}
    assert quality_rules.judge(counts_of(), rules, MONTH) == ("warn", rule)
    assert quality_rules.judge(counts_of(), rules, MONTH, ["price"]) == ("warn", rule)
    assert quality_rules.judge(counts_of(), rules, MONTH, ["store"]) == ("pass", None)
    assert quality_rules.judge(counts_of(), {"reject": {}, "warn": {}}, MONTH) == ("pass", None)
    assert quality_rules.judge(counts_of(missing={}), rules, MONTH) == ("pass", None)


def test_one_target_for_all_rows_is_rejected_and_the_values_named_that_the_file_has():
    target = {"min": 0, "max": 0, "other_values": {"Yes": 150, "no": 50}}
    verdict, rule = quality_rules.judge(counts_of(target=target), {"reject": {}, "warn": {}}, MONTH)
    assert verdict == "reject"
    assert quality_rules.in_words(rule) == (
        "target_values_below: 1, bound 2 (all 200 rows have the target 0; other values are 'Yes', 'no')"
    )


@pytest.mark.parametrize("dataset", ["green", "yellow", "fhv", "fhvhv"])
def test_the_months_of_the_demo_pass(judged, tmp_path, dataset):
    demo.write_month(tmp_path / "month.parquet", dataset, "2024-02", 20_000, 1)
    assert judged(tmp_path / "month.parquet", "2024-02", dataset)["verdict"] == "pass"


def test_real_months_pass(judged, tlc):
    rules = {path.stem[-7:]: judged(path, path.stem[-7:])["rule"] for path in sorted(tlc.glob("green_*.parquet"))}
    assert rules == dict.fromkeys(rules)
    assert len(rules) >= 2


def test_where_batches_are_cut_does_not_show_in_the_months(tmp_path):
    random = np.random.default_rng(1)
    at = np.datetime64("2020-11-01", "us") + random.integers(0, 120 * 86400, ROWS) * np.timedelta64(1, "s")
    later = (10 + random.integers(0, 3, ROWS)) * np.timedelta64(60, "s")
    columns = zip(TIMES, (pa.array(at), pa.array(at + later)), strict=True)
    raw = write_raw(tmp_path / "raw.file", raw_month(ROWS, **dict(columns)))
    verdicts = []
    for rows in (97, 3000):
        table, quality = clean_file(raw, tmp_path / "rows.parquet", settings(), batch_rows=rows)
        verdicts.append(quality)
    assert verdicts[0] == verdicts[1]
    assert set(quality["outside_month"]["months"]) == {"2020-11", "2020-12", "2021-02"}
    assert table.num_rows == quality["rows_out"] > 500
