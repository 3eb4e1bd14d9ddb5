"""Types of the JSON files about the state of a results folder: the lock, the plan, the status, the sent alerts."""

from typing import Annotated, Literal, NotRequired, TypedDict

from .doc import Dataset, Doc


class LockHolder(TypedDict):
    """The call that holds the lock of a results folder, or was killed while it held it: .monthwise.lock."""

    command: Annotated[str, Doc("the command")]
    process_group: Annotated[int, Doc("its process group")]
    since: Annotated[str, Doc("when it took the lock", "UTC")]
    token: Annotated[str, Doc("MONTHWISE_RUN in the environment of its processes")]


class PlannedJob(TypedDict):
    """A job that is left."""

    rule: Annotated[str, Doc("the rule")]
    dataset: Dataset
    month: NotRequired[Annotated[str, Doc("the month; `register` has none")]]
    reason: Annotated[str, Doc("why it is to run")]
    missing: Annotated[bool, Doc("whether an output is missing; else its outputs are stale")]


class Cost(TypedDict):
    """The estimated cost of jobs."""

    jobs: Annotated[int, Doc("how many", "jobs")]
    cpu_s: Annotated[float, Doc("the sum over all jobs", "s")]
    wall_s: Annotated[float, Doc("from start to end on the cores of the call", "s")]
    known: Annotated[float, Doc("share of the jobs that were timed before", "0 to 1")]


class Plan(TypedDict):
    """The jobs that are left: logs/plan.json."""

    looked: Annotated[str, Doc("when the publisher was checked", "UTC")]
    jobs: Annotated[list[PlannedJob], Doc("the jobs")]
    not_published: Annotated[dict[str, list[str]], Doc("data months that are not yet published, by dataset")]
    rejected: NotRequired[Annotated[dict[str, dict[str, str]], Doc("rejected data months, with what to do")]]
    cost: NotRequired[Cost]


State = Literal["not published", "waiting", "rejected", "failed", "built", "stale", "superseded", "pruned"]


class StageState(TypedDict):
    """The state of one stage of one month."""

    state: Annotated[State, Doc("the state")]
    why: NotRequired[Annotated[str, Doc("why it is failed, rejected or stale")]]
    log: NotRequired[Annotated[str, Doc("the log of a failed job")]]
    lines: NotRequired[Annotated[list[str], Doc("the last lines of that log")]]


class Numbers(TypedDict, total=False):
    """The known numbers of a run month."""

    metric: Annotated[str, Doc("the error that decides")]
    unit: Annotated[str, Doc("the unit of the target")]
    validation_month: Annotated[str, Doc("the validation month")]
    validation_rows: Annotated[int, Doc("its rows", "rows")]
    challenger_validation_error: Annotated[float, Doc("the challenger's error on the validation month", "of target")]
    baseline_validation_error: Annotated[float, Doc("that of its baseline on the same rows", "of target")]
    champion_validation_error: Annotated[float, Doc("the champion's error on champion_validation_month", "of target")]
    champion_validation_month: Annotated[str, Doc("validation_month, unless the champion was not compared")]
    live_rows: Annotated[int, Doc("rows of the month itself", "rows")]
    champion_live_error: Annotated[float, Doc("the champion's error in the month itself", "of target")]
    baseline_live_error: Annotated[float, Doc("that of its baseline on the same rows", "of target")]
    live_excess: Annotated[float, Doc("champion_live_error / champion_validation_error - 1")]
    champion: Annotated[str, Doc("the run month of the champion model, or `baseline`")]
    decision: Annotated[str, Doc("as in champion.json")]
    reason: Annotated[str, Doc("as in champion.json")]
    since: Annotated[str, Doc("as in champion.json")]
    drift: Annotated[dict[str, float], Doc("drift ratio by feature")]
    warnings: Annotated[list[str], Doc("how the validation month differs from the training window")]


class RowCounts(TypedDict, total=False):
    """The known numbers of a data month."""

    rows_in: Annotated[int, Doc("rows of the published file", "rows")]
    rows_out: Annotated[int, Doc("rows after cleaning", "rows")]
    verdict: Annotated[str, Doc("pass, warn or reject")]
    rule: Annotated[str, Doc("the broken rule in words")]
    drops: Annotated[dict[str, int], Doc("dropped rows by reason", "rows")]


class Need(TypedDict):
    """What needs attention in a month."""

    kind: Annotated[Literal["failed", "rejected", "live excess"], Doc("a state of the stage, or the alert of config")]
    month: Annotated[str, Doc("the month")]
    stage: Annotated[str, Doc("the stage")]
    text: Annotated[str, Doc("what is wrong and what to do")]


class CallNeed(TypedDict):
    """A call of `run` that needs attention."""

    kind: Annotated[Literal["call"], Doc("a call")]
    text: Annotated[str, Doc("what is wrong and what to do")]


class CurrentChampion(TypedDict):
    """The champion of the newest decided month."""

    month: Annotated[str, Doc("the newest decided run month")]
    model: Annotated[str, Doc("the run month of the model, or `baseline`")]
    since: Annotated[str | None, Doc("the run month since which it is champion")]


StageStates = dict[str, dict[str, StageState]]


class States(TypedDict):
    """The state of each stage, by month; a stage that a month does not have is left out."""

    data: Annotated[StageStates, Doc("data months")]
    runs: Annotated[StageStates, Doc("run months")]


class DatasetStatus(States):
    """The status of a dataset."""

    numbers: Annotated[dict[str, Numbers], Doc("known numbers by run month")]
    rows: Annotated[dict[str, RowCounts], Doc("known numbers by data month")]
    champion: Annotated[CurrentChampion | None, Doc("the current champion, if any")]
    needs: Annotated[list[Need], Doc("what needs attention, newest month first")]
    line: Annotated[str, Doc("the status in words")]


class LastRun(TypedDict):
    """The last call of `run`."""

    start: Annotated[str, Doc("when it began", "UTC")]
    end: Annotated[str | None, Doc("when it ended", "UTC")]
    code: Annotated[int | None, Doc("its exit code")]
    line: Annotated[str, Doc("its last line")]


class Status(TypedDict):
    """Everything at a glance: report/status.json, and `./monthwise status --json` without `built`."""

    schema_version: Annotated[int, Doc("changes when a reader of an older one could misread it")]
    built: NotRequired[Annotated[str, Doc("when the file was written", "UTC")]]
    looked: Annotated[str | None, Doc("when a run or plan last checked what is stale", "UTC")]
    last_run: Annotated[LastRun | None, Doc("the last call of `run`")]
    needs: Annotated[list[CallNeed], Doc("calls that need attention, unless the needs of a dataset explain them")]
    not_hashed: Annotated[int, Doc("large files written after their evidence and not compared with it", "files")]
    datasets: Annotated[dict[str, DatasetStatus], Doc("the status by dataset")]
