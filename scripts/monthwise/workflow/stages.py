"""The stage table: what each stage reads, writes and depends on. Whatever lists stages or their files derives from it.

A new stage is a rule in `rules/`, a program in `scripts/` and a record here; a test compares the three.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

# Where an input comes from: the data or run month of the job itself; the data months it trains on, or is validated on;
# the run month before, whose champion is the current one; the run month that `promotion.pin` names; the zone file.
Place = Literal["month", "training", "validation", "before", "pinned", "zones"]


@dataclass(frozen=True)
class Input:
    """The files that a job gets as one option: `names` in the folder of each month that `place` stands for."""

    names: tuple[str, ...] = ()
    place: Place = "month"
    kind: Literal["data", "run"] | None = None  # of these months; None: as the stage's own
    is_list: bool = False  # several paths, or none


@dataclass(frozen=True)
class Stage:
    """One rule and its program.

    `inputs` and `outputs` go by the options of the program; `done` is the file that says that the stage is done.
    `modules` are those of scripts/monthwise that can change what the program writes. `warm`: the warm process that has
    imported what it needs. `rate`: seconds of a job, and for a million rows.
    """

    name: str
    kind: Literal["data", "run", "registry"]
    inputs: dict[str, Input]
    outputs: dict[str, str]
    done: str
    warm: Literal["data", "models", "tracking"]
    rate: tuple[float, float]
    shown_as: str  # its layer in the report's chart of durations
    modules: tuple[str, ...] = field(default=())
    is_evidence: bool = True  # whether evidence.json holds its settings, so that `verify` can run it again

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files it writes, in order."""
        return tuple(self.outputs.values())


ZONES = Input(place="zones", is_list=True)
CANDIDATE = ("metrics.json", "training.json", "model.skops", "baseline.skops")  # what `promote` reads of a run month
CHAMPION = ("champion.json", "champion.skops", "champion_baseline.skops")
CODES = ("data/id_codes", "data/tables", "data/zones")
ERRORS = (
    "base/rounding",
    "data/bins",
    *CODES,
    "models/baseline",
    "models/errors",
    "models/evaluation",
    "models/model_files",
)
STORE = ("experiments", "installation", "mlflow_store", "relocation", "store_errors", "uris")


def _features(place: Place = "month", is_list: bool = False) -> Input:
    return Input(("features.parquet",), place, "data", is_list)


_TABLE = (
    Stage(
        "locate",
        "data",
        inputs={},
        outputs={"source": "source.json"},
        done="source.json",
        warm="data",
        rate=(0.05, 0.0),
        shown_as="fetch",
        is_evidence=False,
    ),
    Stage(
        "ingest",
        "data",
        inputs={"source": Input(("source.json",))},
        outputs={"raw": "raw.parquet"},
        done="raw.parquet",
        warm="data",
        rate=(0.1, 0.5),
        shown_as="fetch",
        is_evidence=False,
    ),
    Stage(
        "clean",
        "data",
        inputs={"raw": Input(("raw.parquet",)), "zones": ZONES},
        outputs={"trips": "trips.parquet", "quality": "quality.json"},
        done="quality.json",
        warm="data",
        rate=(0.1, 0.3),
        shown_as="clean, featurize",
        modules=("base/rounding", "data/bins", "data/cleaning", "data/columns", "data/quality_rules", *CODES),
    ),
    Stage(
        "featurize",
        "data",
        inputs={"trips": Input(("trips.parquet",)), "quality": Input(("quality.json",)), "zones": ZONES},
        outputs={"features": "features.parquet"},
        done="features.parquet",
        warm="data",
        rate=(0.1, 0.3),
        shown_as="clean, featurize",
        modules=("data/features", "data/quality_rules", *CODES),
    ),
    Stage(
        "train",
        "run",
        inputs={"features": _features("training", is_list=True)},
        outputs={
            "model": "model.skops",
            "baseline": "baseline.skops",
            "training": "training.json",
            "provenance": "train.provenance.json",
        },
        done="model.skops",
        warm="models",
        rate=(0.5, 12.0),
        shown_as="train",
        modules=("data/distributions", "models/baseline", "models/model_files"),
    ),
    Stage(
        "evaluate",
        "run",
        inputs={
            "model": Input(("model.skops",)),
            "baseline": Input(("baseline.skops",)),
            "training": Input(("training.json",)),
            "features": _features("validation"),
            "zones": ZONES,
        },
        outputs={
            "validation": "validation.parquet",
            "metrics": "metrics.json",
            "provenance": "evaluate.provenance.json",
        },
        done="metrics.json",
        warm="models",
        rate=(0.4, 6.0),
        shown_as="evaluate, score",
        modules=("data/distributions", *ERRORS),
    ),
    Stage(
        "track",
        "run",
        inputs={
            "model": Input(("model.skops",)),
            "training": Input(("training.json",)),
            "metrics": Input(("metrics.json",)),
            "features": _features("training", is_list=True),
            "validation_features": _features("validation"),
        },
        outputs={"tracking": "tracking.json"},
        done="tracking.json",
        warm="tracking",
        rate=(0.6, 0.0),
        shown_as="track",
        modules=("models/model_files", "tracking/runs", *(f"tracking/{name}" for name in STORE)),
        is_evidence=False,
    ),
    Stage(
        "compare",
        "run",
        inputs={
            "challenger": Input(("validation.parquet",)),
            "champion": Input(("predictions.parquet",), "before"),
            "reign": Input(("champion.json",), "before"),
            "features": _features("validation"),
            "zones": ZONES,
        },
        outputs={"comparison": "comparison.json"},
        done="comparison.json",
        warm="models",
        rate=(0.3, 2.0),
        shown_as="decide, prove",
        modules=("models/errors", *CODES),
    ),
    Stage(
        "promote",
        "run",
        inputs={
            "challenger": Input(CANDIDATE, is_list=True),
            "comparison": Input(("comparison.json",), is_list=True),
            "reign": Input(CHAMPION, "before", is_list=True),
            "pinned": Input(CANDIDATE, "pinned", is_list=True),
        },
        outputs={"champion": "champion.json", "model": "champion.skops", "baseline": "champion_baseline.skops"},
        done="champion.json",
        warm="data",
        rate=(0.1, 0.0),
        shown_as="decide, prove",
    ),
    Stage(
        "score",
        "run",
        inputs={
            "champion": Input(("champion.json",)),
            "model": Input(("champion.skops",)),
            "baseline": Input(("champion_baseline.skops",)),
            "features": _features(),
            "zones": ZONES,
        },
        outputs={
            "predictions": "predictions.parquet",
            "live": "live.json",
            "provenance": "score.provenance.json",
        },
        done="live.json",
        warm="models",
        rate=(0.4, 6.0),
        shown_as="evaluate, score",
        modules=ERRORS,
    ),
    Stage(
        "drift",
        "run",
        inputs={"window": _features("training", is_list=True), "features": _features()},
        outputs={"drift": "drift.json"},
        done="drift.json",
        warm="models",
        rate=(0.2, 1.0),
        shown_as="decide, prove",
        modules=("data/tables",),
    ),
    Stage(
        "evidence",
        "run",
        inputs={"files": Input(is_list=True), "zones": ZONES},
        outputs={"evidence": "evidence.json"},
        done="evidence.json",
        warm="data",
        rate=(0.1, 0.2),
        shown_as="decide, prove",
        is_evidence=False,
    ),
    Stage(
        "register",
        "registry",
        inputs={
            "champions": Input(("champion.json",), is_list=True),
            "trackings": Input(("tracking.json",), is_list=True),
            "lives": Input(("live.json",), is_list=True),
        },
        outputs={"registry": "registry/{service}.json"},
        done="registry/{service}.json",
        warm="tracking",
        rate=(1.0, 0.0),
        shown_as="track",
        modules=("tracking/registry", *(f"tracking/{name}" for name in STORE)),
        is_evidence=False,
    ),
)

STAGES = {stage.name: stage for stage in _TABLE}
DATA = tuple(stage.name for stage in _TABLE if stage.kind == "data")
RUN = tuple(stage.name for stage in _TABLE if stage.kind == "run")
# Those whose settings evidence.json holds.
EVIDENCE = tuple(stage.name for stage in _TABLE if stage.is_evidence)
STAGE_OF_FILE = {name: stage.name for stage in _TABLE for name in stage.files}


def files_of(*names: str) -> tuple[str, ...]:
    """Return the files that stages write, in order."""
    return tuple(name for stage in names for name in STAGES[stage].files)


def loads_a_model(stage: str) -> bool:
    """Whether a stage reads a model file and uses it."""
    is_given = any(name.endswith(".skops") for given in STAGES[stage].inputs.values() for name in given.names)
    return is_given and "models/model_files" in STAGES[stage].modules and stage in EVIDENCE


def by_warm_process(planned: Collection[str] = tuple(STAGES)) -> dict[str, list[str]]:
    """Return the stages of each warm process that `planned` stages need, by its name.

    Each process has what the one before it imported, so those before a needed one are there too.
    """
    kinds = list(dict.fromkeys(stage.warm for stage in _TABLE))
    needed = [kinds.index(STAGES[name].warm) for name in planned if name in STAGES]
    return {
        kind: [stage.name for stage in _TABLE if stage.warm == kind] for kind in kinds[: max(needed, default=-1) + 1]
    }


def by_layer() -> dict[str, list[str]]:
    """Return the stages of each layer of the report's chart of durations."""
    found: dict[str, list[str]] = {}
    for stage in _TABLE:
        if stage.kind != "registry":
            found.setdefault(stage.shown_as, []).append(stage.name)
    return found
