"""Categories: one text for a value, however the publisher writes it that year."""

import decimal
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from fixtures.workflow import REPOSITORY
from hypothesis import given
from hypothesis import strategies as st
from monthwise.data.categories import MISSING_KEY, Category

TEXTS = ["132", " 132\t", "0132", "", "  ", None, "Ü"]
TEXT_TYPES = [
    pa.string(), pa.large_string(), pa.string_view(), pa.binary(),
    pa.dictionary(pa.int32(), pa.string()), pa.dictionary(pa.int8(), pa.large_string()),
]  # fmt: skip
IDS = [132, -1, 0, 2**53 - 1, None]


def texts(column: pa.Array) -> list[str | None]:
    return Category().read(column).texts.to_pylist()


@pytest.mark.parametrize("type_", TEXT_TYPES)
def test_a_text_has_no_blanks_around_it_and_is_missing_where_it_is_empty(type_):
    column = pa.array(TEXTS, type_) if pa.types.is_dictionary(type_) else pa.array(TEXTS).cast(type_)
    read = Category().read(column)
    assert read.texts.to_pylist() == ["132", "132", "0132", None, None, None, "Ü"]
    assert (read.keys == MISSING_KEY).tolist() == [False, False, False, True, True, True, False]
    assert read.is_changed.tolist() == [False, True, False, False, True, False, False]


@pytest.mark.parametrize("type_", [pa.int64(), pa.float64(), pa.decimal128(23, 4), pa.string()])
def test_a_whole_number_is_the_same_text_whatever_its_type(type_):
    read = Category().read(pa.array(IDS).cast(type_))
    assert read.texts.to_pylist() == ["132", "-1", "0", "9007199254740991", None]
    assert read.is_changed is None


def test_other_numbers_and_booleans_are_texts_too():
    assert texts(pa.array([1.5, 0.1, -0.0, 1e20, np.inf, np.nan])) == ["1.5", "0.1", "0", "1e+20", "inf", None]
    decimals = [decimal.Decimal("1.50"), decimal.Decimal("0.10"), decimal.Decimal("-0.00"), None]
    assert texts(pa.array(decimals)) == ["1.5", "0.1", "0", None]
    assert texts(pa.array([True, False, None])) == ["true", "false", None]
    assert texts(pa.nulls(2)) == [None, None]
    assert texts(pa.array([b"\xff", b"a"])) == ["\ufffd", "a"]


def test_keys_are_those_of_another_process():
    program = (
        "import pyarrow as pa; from monthwise.data.categories import Category;"
        "print(Category().read(pa.array(['b', 'a', 'Ü'])).keys.tolist())"
    )
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, cwd=REPOSITORY / "scripts", capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == str(Category().read(pa.array(["b", "a", "Ü"])).keys.tolist())


@given(st.lists(st.none() | st.sampled_from(["a", "b ", " b", "", "c"]), max_size=20), st.integers(0, 20))
def test_where_batches_are_cut_does_not_show(values, cut):
    column = pa.array(values, pa.string())
    whole, category = Category().read(column), Category()
    parts = [category.read(part) for part in (column.slice(0, cut), column.slice(min(cut, len(column))))]
    assert [text for part in parts for text in part.texts.to_pylist()] == whole.texts.to_pylist()
    assert np.concatenate([part.keys for part in parts]).tolist() == whole.keys.tolist()
    assert len(set(whole.keys.tolist())) == len(set(whole.texts.to_pylist()))


def test_a_dictionary_of_the_file_gives_the_same_as_its_texts():
    texts = ["b ", None, "a", "", "b", "a"]
    plain, in_dictionary = pa.array(texts), pa.array(texts).dictionary_encode()
    reader = Category()
    for column in (in_dictionary, in_dictionary.slice(2), pa.array(["z", "a"]).dictionary_encode(), in_dictionary):
        expected, read = Category().read(column.dictionary_decode()), reader.read(column)
        assert read.texts.equals(expected.texts)
        assert read.keys.tolist() == expected.keys.tolist()
        changes = [None if result.is_changed is None else result.is_changed.tolist() for result in (read, expected)]
        assert changes[0] == changes[1]
    assert Category().read(plain).texts.to_pylist() == ["b", None, "a", None, "b", "a"]
