"""Whether two builds of the same months are equal, and what is left of killed ones."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from monthwise.base import files, months
from monthwise.models import model_files
from monthwise.workflow import targets
from workflow import Clone

OF_A_RUN = ("tracking.json", "provenance.json", "evidence.json")  # what has times and ids in it


def built_files(clone: Clone) -> list[str]:
    """Return the files of data and run months, hidden ones too."""
    return sorted(
        str(path.relative_to(clone.folder))
        for folder in ("data", "runs")
        for path in clone.path(folder).rglob("*")
        if path.is_file()
    )


def assert_equal(one: Clone, other: Clone, in_part: bool = False) -> None:
    """Hold the same files, byte for byte, but for what has times and ids in it; models by what they predict.

    `in_part`: `one` has only some of the months.
    """
    if in_part:
        assert set(built_files(one)) <= set(built_files(other))
    else:
        assert built_files(one) == built_files(other)
    compared = [name for name in built_files(one) if Path(name).suffix in (".parquet", ".json")]
    differing = [name for name in compared if one.path(name).read_bytes() != other.path(name).read_bytes()]
    assert [name for name in differing if not name.endswith(OF_A_RUN)] == []
    for name in compared:
        if name.endswith("/evidence.json"):
            here, there = (files.read_json(clone.path(name)) for clone in (one, other))
            here.pop("provenance"), there.pop("provenance")
            assert here == there, name

    trained = [path.parts[-3:-1] for path in sorted(one.path("runs").rglob("training.json"))]
    assert trained
    for service, month in trained:
        for here, there in zip(_predictions(one, service, month), _predictions(other, service, month), strict=True):
            assert np.array_equal(here, there), f"models of {service} {month} differ"


def _predictions(clone: Clone, service: str, month: str) -> tuple[np.ndarray, np.ndarray]:
    """Return what the model and the baseline of a run month say about its validation month."""
    training = files.read_json(clone.path(targets.run_file(service, month, "training.json")))
    features = targets.data_file(service, months.shift(month, -1), "features.parquet")
    trips = pq.read_table(clone.path(features)).to_pandas()
    model = model_files.load(clone.path(targets.run_file(service, month, "model.skops")), training["recipe"])
    baseline = model_files.load(clone.path(targets.run_file(service, month, "baseline.skops")))
    with model_files.one_blas_thread():
        return model.predict(trips[training["columns"]]), baseline.predict(trips)
