"""Types of the JSON files that record: MLflow runs, registry, evidence, decisions, calls of `run`."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from .data_months import Provenance
from .doc import Dataset, Doc, RunMonth
from .run_months import Compared, Model


class Tracking(TypedDict):
    """The MLflow run of a challenger: runs/{dataset}/{month}/tracking.json."""

    dataset: Dataset
    month: RunMonth
    content: Annotated[str, Doc("SHA-256 of data, settings and errors; identifies the run in any store")]
    uri: Annotated[str, Doc("the store, without secrets")]
    experiment: Annotated[str, Doc("the name of the experiment")]
    experiment_id: Annotated[str, Doc("the id of the experiment")]
    run_id: Annotated[str, Doc("the id of the run")]
    model_id: Annotated[str, Doc("the id of the logged model")]
    model_uri: Annotated[str, Doc("the URI of the logged model")]


class ModelVersion(TypedDict):
    """A version of the registered model."""

    version: Annotated[str, Doc("the version")]
    run_id: Annotated[str, Doc("the id of its run")]
    model_id: Annotated[str, Doc("the id of its logged model")]
    content: Annotated[str, Doc("the content of its run, as in tracking.json")]


class ChampionVersion(TypedDict):
    """The version with the alias `champion`."""

    month: Annotated[str, Doc("the run month that trained it")]
    version: Annotated[str, Doc("the version")]


class Registration(TypedDict):
    """What `register` made of the registry."""

    champion: Annotated[ChampionVersion | None, Doc("the champion's version; null for a baseline")]
    decided: Annotated[str, Doc("the newest decided run month")]
    versions: Annotated[dict[str, ModelVersion], Doc("versions by run month")]


class Registry(Registration):
    """The registered model of a dataset: registry/{dataset}.json."""

    dataset: Dataset
    model: Annotated[str, Doc("the name of the registered model")]
    uri: Annotated[str, Doc("the store, without secrets")]


class Installation(TypedDict):
    """The identity of a results folder: registry/installation.json."""

    id: Annotated[str, Doc("a random id; experiments and registered models carry it")]


class Format(TypedDict):
    """The version of all files of a results folder: registry/format.json."""

    format: Annotated[int, Doc("changes when an older version could misread a file")]


class EvidenceProvenance(TypedDict):
    """The part of the evidence that may differ between two equal builds."""

    models: Annotated[dict[str, str], Doc("SHA-256 of model files, by path")]
    tracking: Annotated[Tracking | None, Doc("the content of tracking.json, if the month trains a model")]
    train: NotRequired[Annotated[Provenance, Doc("what training ran with")]]
    evaluate: NotRequired[Annotated[Provenance, Doc("what the evaluation ran with")]]
    score: NotRequired[Annotated[Provenance, Doc("what scoring ran with")]]


class EvidenceContent(TypedDict):
    """The part of the evidence that is equal in equal builds."""

    dataset: Dataset
    month: RunMonth
    scored: Annotated[bool, Doc("whether the month is scored")]
    settings: Annotated[dict[str, dict[str, dict[str, Any]]], Doc("settings of jobs, by stage and month")]
    seeds: Annotated[dict[str, int], Doc("seeds by stage")]
    rows: Annotated[dict[str, dict[str, Any]], Doc("row counts by stage", "rows")]
    files: Annotated[dict[str, str], Doc("SHA-256 of files that are equal in equal builds, by path")]
    sources: Annotated[dict[str, str], Doc("SHA-256 of the module of the dataset and of its files, by name")]


class Evidence(EvidenceContent):
    """What a decision was made from: runs/{dataset}/{month}/evidence.json."""

    provenance: EvidenceProvenance
    sha256: Annotated[str, Doc("SHA-256 of all keys but `provenance`")]


class Previous(TypedDict):
    """The champion that a decision started from."""

    month: Annotated[str, Doc("the month before")]
    champion: Model


class DecisionContent(TypedDict):
    """A decision with hashes of what it was made from."""

    dataset: Dataset
    month: RunMonth
    champion: Model
    decision: Annotated[str, Doc("as in champion.json")]
    reason: Annotated[str, Doc("as in champion.json")]
    since: Annotated[str, Doc("as in champion.json")]
    compared: Annotated[Compared | None, Doc("as in champion.json")]
    validation_error: Annotated[float, Doc("the validation error of the champion", "of target")]
    settings: Annotated[dict[str, str], Doc("hashes of the settings that can change a decision, by stage")]
    previous: Annotated[Previous | None, Doc("the champion of the month before, if any")]
    hashes: Annotated[dict[str, str], Doc("SHA-256 of the files that the decision depends on, by path")]


class DecisionLine(DecisionContent):
    """A decision that differs from the one before for that month; one line each: history/decisions.jsonl."""

    time: Annotated[str, Doc("when it was recorded", "UTC")]
    cause: Annotated[str, Doc("what changed since the decision before")]


class Fault(TypedDict):
    """A failed job."""

    rule: Annotated[str, Doc("the rule")]
    dataset: Dataset
    month: Annotated[str | None, Doc("the month; null for `register`")]
    code: Annotated[int, Doc("its exit code")]
    line: Annotated[str, Doc("the last line of its log")]
    log: Annotated[str, Doc("its log")]


class JobCounts(TypedDict):
    """Jobs of a call."""

    done: Annotated[int, Doc("finished jobs", "jobs")]
    failed: Annotated[int, Doc("failed jobs", "jobs")]
    left: Annotated[int, Doc("jobs that are still to do", "jobs")]


class Outcome(TypedDict):
    """A call of `run`; one line each: history/runs.jsonl."""

    start: Annotated[str, Doc("when it began", "UTC")]
    end: Annotated[str, Doc("when it ended", "UTC")]
    command: Annotated[Literal["run"], Doc("the command")]
    code: Annotated[int, Doc("its exit code")]
    line: Annotated[str, Doc("its last line")]
    jobs: JobCounts
    months: Annotated[list[str], Doc("dataset and month of the run months that it finished")]
    reason: Annotated[dict[str, str], Doc("why each finished job ran, by rule, dataset and month")]
    failed: Annotated[list[Fault], Doc("the jobs that failed")]
    rejected: NotRequired[Annotated[dict[str, dict[str, str]], Doc("rejected data months, with what to do")]]
    champions: NotRequired[Annotated[list[str], Doc("changes of champions, in words")]]
