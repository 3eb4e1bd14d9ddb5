"""The stage table: what each stage reads, writes and depends on. All lists of stages or their files derive from it.

A new stage needs a rule in `rules/`, a program in `scripts/` and an entry here; a test compares the three.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

# Where an input comes from: the data or run month of the job itself; its training window; its validation month; the run
# month before, which has the current champion; the run month that `promotion.pin` names; the module of the dataset; the
# files that this module reads; both.
Place = Literal["month", "training", "validation", "before", "pinned", "prepare", "files", "sources"]


@dataclass(frozen=True)
class Input:
    """The files that a job gets as one option: `names` in the folder of each month that `place` selects."""

    names: tuple[str, ...] = ()
    place: Place = "month"
    kind: Literal["data", "run"] | None = None  # of these months; None: the kind of the stage
    is_list: bool = False  # zero or more paths


@dataclass(frozen=True)
class Stage:
    """One rule and its program.

    `inputs` and `outputs` are keyed by the options of the program. `last` is the output that shows that the stage is
    finished, by default the first one. `modules` are those of scripts/monthwise that can change what the program
    writes. `warm` is the warm process that has imported the modules it needs. `rate` is seconds per job, and seconds
    per million rows.
    """

    name: str
    kind: Literal["data", "run", "registry"]
    inputs: dict[str, Input]
    outputs: dict[str, str]
    warm: Literal["data", "models", "tracking"]
    rate: tuple[float, float]
    shown_as: str  # its layer in the chart of durations in the report
    modules: tuple[str, ...] = field(default=())
    is_evidence: bool = True  # whether evidence.json has its settings, so that `verify` can rerun it
    last: str = ""

    @property
    def done(self) -> str:
        """The name of the file that shows that the stage is finished."""
        return self.last or self.files[0]

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files that the stage writes, in order."""
        return tuple(self.outputs.values())


MODULE = {"prepare": Input(place="prepare", is_list=True), "files": Input(place="files", is_list=True)}
CANDIDATE = ("metrics.json", "training.json", "model.skops", "baseline.skops")  # what `promote` reads from a run month
CHAMPION = ("champion.json", "champion.skops", "champion_baseline.skops")
QUALITY = ("base/rounding", "data/bins", "data/duplicates", "data/histograms", "data/quality_rules")
READING = ("data/categories", "data/columns", "data/id_codes", "data/role_rows", "data/tables", "data/targets")
MEASURING = ("baseline", "evaluation", "frames", "metrics", "model_files")
ERRORS = ("base/metric_values", "base/rounding", "data/bins", "data/tables", *(f"models/{name}" for name in MEASURING))
STORE = ("experiments", "installation", "mlflow_store", "relocation", "store_errors", "uris")


def _features(place: Place = "month", is_list: bool = False) -> Input:
    return Input(("features.parquet",), place, "data", is_list)


_TABLE = (
    Stage(
        "locate",
        "data",
        inputs={},
        outputs={"source": "source.json"},
        warm="data",
        rate=(0.05, 0.0),
        shown_as="fetch",
        is_evidence=False,
    ),
    Stage(
        "ingest",
        "data",
        inputs={"source": Input(("source.json",))},
        outputs={"raw": "raw.file"},
        warm="data",
        rate=(0.1, 0.5),
        shown_as="fetch",
        is_evidence=False,
    ),
    Stage(
        "clean",
        "data",
        inputs={"raw": Input(("raw.file",)), **MODULE},
        outputs={"rows": "rows.parquet", "quality": "quality.json"},
        last="quality.json",
        warm="data",
        rate=(0.1, 0.3),
        shown_as="clean, featurize",
        modules=("base/tasks", "data/cleaning", "data/published", "prepare/__init__", *QUALITY, *READING),
    ),
    Stage(
        "featurize",
        "data",
        inputs={"rows": Input(("rows.parquet",)), "quality": Input(("quality.json",)), **MODULE},
        outputs={"features": "features.parquet"},
        warm="data",
        rate=(0.1, 0.3),
        shown_as="clean, featurize",
        modules=("data/features", "data/id_codes", "data/quality_rules", "data/tables", "prepare/__init__"),
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
        warm="models",
        rate=(0.5, 12.0),
        shown_as="train",
        modules=("data/distributions", "models/baseline", "models/frames", "models/leaks", "models/model_files"),
    ),
    Stage(
        "evaluate",
        "run",
        inputs={
            "model": Input(("model.skops",)),
            "baseline": Input(("baseline.skops",)),
            "training": Input(("training.json",)),
            "features": _features("validation"),
        },
        outputs={
            "validation": "validation.parquet",
            "metrics": "metrics.json",
            "provenance": "evaluate.provenance.json",
        },
        last="metrics.json",
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
        warm="tracking",
        rate=(0.6, 0.0),
        shown_as="track",
        modules=("base/metric_values", "models/model_files", "tracking/runs", *(f"tracking/{name}" for name in STORE)),
        is_evidence=False,
    ),
    Stage(
        "compare",
        "run",
        inputs={
            "challenger": Input(("validation.parquet",)),
            "champion": Input(("predictions.parquet",), "before"),
            "previous": Input(("champion.json",), "before"),
            "features": _features("validation"),
        },
        outputs={"comparison": "comparison.json"},
        warm="models",
        rate=(0.3, 2.0),
        shown_as="decide, prove",
        modules=("base/rounding", "data/bins", "data/tables", "models/metrics"),
    ),
    Stage(
        "promote",
        "run",
        inputs={
            "challenger": Input(CANDIDATE, is_list=True),
            "comparison": Input(("comparison.json",), is_list=True),
            "previous": Input(CHAMPION, "before", is_list=True),
            "pinned": Input(CANDIDATE, "pinned", is_list=True),
        },
        outputs={"champion": "champion.json", "model": "champion.skops", "baseline": "champion_baseline.skops"},
        warm="data",
        rate=(0.1, 0.0),
        shown_as="decide, prove",
        modules=("base/metric_values",),
    ),
    Stage(
        "score",
        "run",
        inputs={
            "champion": Input(("champion.json",)),
            "model": Input(("champion.skops",)),
            "baseline": Input(("champion_baseline.skops",)),
            "features": _features(),
        },
        outputs={
            "predictions": "predictions.parquet",
            "live": "live.json",
            "provenance": "score.provenance.json",
        },
        last="live.json",
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
        warm="models",
        rate=(0.2, 1.0),
        shown_as="decide, prove",
        modules=("data/tables",),
    ),
    Stage(
        "evidence",
        "run",
        inputs={"files": Input(is_list=True), "sources": Input(place="sources", is_list=True)},
        outputs={"evidence": "evidence.json"},
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
        outputs={"registry": "registry/{dataset}.json"},
        warm="tracking",
        rate=(1.0, 0.0),
        shown_as="track",
        modules=(
            "base/metric_values",
            "tracking/live_errors",
            "tracking/registry",
            *(f"tracking/{name}" for name in STORE),
        ),
        is_evidence=False,
    ),
)

STAGES = {stage.name: stage for stage in _TABLE}
DATA = tuple(stage.name for stage in _TABLE if stage.kind == "data")
RUN = tuple(stage.name for stage in _TABLE if stage.kind == "run")
# Stages whose settings are in evidence.json.
EVIDENCE = tuple(stage.name for stage in _TABLE if stage.is_evidence)
STAGE_OF_FILE = {name: stage.name for stage in _TABLE for name in stage.files}


def files_of(*names: str) -> tuple[str, ...]:
    """Return the names of the files that stages write, in order."""
    return tuple(name for stage in names for name in STAGES[stage].files)


def loads_a_model(stage: str) -> bool:
    """Return whether a stage loads a model file, and does not only copy it."""
    is_given = any(
        name.endswith(".skops") for stage_input in STAGES[stage].inputs.values() for name in stage_input.names
    )
    return is_given and "models/model_files" in STAGES[stage].modules and stage in EVIDENCE


def by_warm_process(planned: Collection[str] = tuple(STAGES)) -> dict[str, list[str]]:
    """Return the stages of each warm process that `planned` stages need, by process name.

    Each process inherits the imports of the one before it, so those before a needed process are included.
    """
    kinds = list(dict.fromkeys(stage.warm for stage in _TABLE))
    needed = [kinds.index(STAGES[name].warm) for name in planned if name in STAGES]
    return {
        kind: [stage.name for stage in _TABLE if stage.warm == kind] for kind in kinds[: max(needed, default=-1) + 1]
    }


def by_layer() -> dict[str, list[str]]:
    """Return the stages of each layer in the chart of durations in the report."""
    stages_by_layer: dict[str, list[str]] = {}
    for stage in _TABLE:
        if stage.kind != "registry":
            stages_by_layer.setdefault(stage.shown_as, []).append(stage.name)
    return stages_by_layer
