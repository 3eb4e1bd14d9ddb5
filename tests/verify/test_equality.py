"""Which files of two builds are equal."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.shop import TASKS, shop
from monthwise.base import files
from monthwise.models import frames, model_files
from monthwise.models.baseline import GroupMean
from monthwise.verify import equality


@pytest.fixture
def two(tmp_path):
    """Write two contents; return how the first differs from the second."""

    def call(rebuilt, recorded, is_exact: bool = True) -> str | None:
        kind, write = (".json", files.write_json) if isinstance(rebuilt, dict) else (".parquet", _write_table)
        paths = [tmp_path / f"{name}{kind}" for name in ("made", "recorded")]
        for path, content in zip(paths, (rebuilt, recorded), strict=True):
            write(path, content)
        return equality.difference(*paths, is_exact)

    return call


def _write_table(path, table: pa.Table) -> None:
    pq.write_table(table, path)


def test_json_names_the_first_key_that_differs(two):
    nested = {"by": {"hour": [{"rmse": 1.5}]}, "rows": 2}
    assert two(nested, nested) is None
    assert two(nested, {**nested, "rows": 3}) == "rows is 3, but the rebuilt value is 2"
    assert (
        two(nested, {**nested, "by": {"hour": [{"rmse": 2}]}}) == "by.hour[0].rmse is 2, but the rebuilt value is 1.5"
    )
    assert two(nested, {**nested, "more": 1}) == "more is missing in the rebuilt file"
    assert two({**nested, "more": 1}, nested) == "more appears only in the rebuilt file"
    assert two({"waiver": None}, {"waiver": False}) == "waiver is False, but the rebuilt value is None"


def test_json_in_another_layout_is_another_file(tmp_path):
    rebuilt, recorded = tmp_path / "made.json", tmp_path / "recorded.json"
    files.write_json(rebuilt, {"rows": 2})
    recorded.write_text('{"rows": 2}')
    assert equality.difference(rebuilt, recorded, True) == "the same content, but in other bytes"
    assert equality.difference(rebuilt, recorded, False) is None


def test_tables_name_column_and_row(two):
    table = pa.table({"row": [1, 2], "prediction": [3.0, None]})
    assert two(table, table) is None
    assert (
        two(table, pa.table({"row": [1, 3], "prediction": [3.0, None]}))
        == "row of row 1 is 3, but the rebuilt value is 2"
    )
    assert (
        two(table, pa.table({"row": [1, 2], "prediction": [3.5, None]}))
        == "prediction of row 0 is 3.5, but the rebuilt value is 3.0"
    )
    assert (
        two(table, pa.table({"row": [1, 2], "prediction": [3.0, 1.0]}))
        == "prediction of row 1 is 1.0, but the rebuilt value is None"
    )
    assert two(table, table.slice(1)) == "1 rows, but 2 come out"
    assert two(table, table.select(["row"])) == "columns are row, but come out as row, prediction"


@pytest.mark.parametrize(("difference", "is_equal"), [(1e-12, True), (1e-6, False)])
def test_only_the_last_digits_may_differ_on_another_kind_of_machine(two, difference, is_equal):
    for make in (lambda number: {"rmse": number}, lambda number: pa.table({"prediction": [number]})):
        rebuilt, recorded = make(5.0), make(5.0 * (1 + difference))
        assert two(rebuilt, recorded) is not None
        assert (two(rebuilt, recorded, is_exact=False) is None) is is_equal


@pytest.mark.parametrize("task", TASKS)
def test_models_of_each_task_are_compared_by_their_predictions(task, tmp_path):
    classes = {"regression": 0, "binary": 2, "multiclass": 3}[task]
    table = shop(task, 100)
    pq.write_table(table, tmp_path / "features.parquet")
    features = frames.frame(table)
    made = [GroupMean(by, classes).fit(features, features["target"]) for by in (["store"], ["store"], ["weekday"])]
    made[1].unused_ = 1  # another file of the same model
    for number, model in enumerate(made):
        model_files.dump(model, tmp_path / str(number))

    def difference(other: int) -> str | None:
        paths = (tmp_path / "0", tmp_path / str(other))
        return equality.model_difference(*paths, None, [], str(tmp_path / "features.parquet"), True, task)

    assert difference(0) is None
    assert difference(1) is None
    assert f"for row 0 of {tmp_path}/features.parquet, but the rebuilt model predicts " in difference(2)
