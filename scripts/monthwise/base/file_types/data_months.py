"""Types of the JSON files of a data month, and of the provenance of jobs."""

from typing import Annotated, Literal, NotRequired, TypedDict

from .doc import DataMonth, Dataset, Doc


class Source(TypedDict):
    """What the publisher offers for one month: data/{dataset}/{month}/source.json."""

    dataset: Dataset
    month: DataMonth
    kind: Annotated[Literal["https", "file", "demo"], Doc("the kind of source")]
    file: NotRequired[Annotated[str, Doc("its file name; not for demo")]]
    url: NotRequired[Annotated[str, Doc("its address; https only")]]
    size: NotRequired[Annotated[int | None, Doc("its size, if the publisher says it; not for demo", "bytes")]]
    etag: NotRequired[Annotated[str | None, Doc("its ETag, if the publisher sends one; not for demo")]]
    last_modified: NotRequired[Annotated[str | None, Doc("its last change, if known; not for demo", "UTC")]]
    seed: NotRequired[Annotated[int, Doc("the seed of generated data; demo only")]]
    rows: NotRequired[Annotated[int, Doc("the configured number of rows; demo only", "rows")]]
    version: NotRequired[Annotated[int, Doc("the version of the generator; demo only")]]


class Kept(TypedDict):
    """What the last good file of a month was fetched with: data/{dataset}/{month}/.raw.kept.json."""

    source: Annotated[Source, Doc("the content of source.json")]
    size: Annotated[int, Doc("the size of .raw.kept.file", "bytes")]


Verdict = Literal["pass", "warn", "reject"]


class BrokenRule(TypedDict):
    """The first quality rule that a month breaks."""

    name: Annotated[str, Doc("the rule, a key of quality.reject or quality.warn")]
    number: Annotated[float, Doc("the number of this month")]
    bound: Annotated[float, Doc("the configured bound")]
    detail: NotRequired[Annotated[str, Doc("what the number alone does not explain")]]


class OutsideMonth(TypedDict):
    """Rows that belong to other months."""

    rows: Annotated[int, Doc("how many", "rows")]
    months: Annotated[dict[str, int], Doc("the most frequent other months", "rows")]


class Distribution(TypedDict):
    """A histogram with bins of equal width."""

    first: Annotated[float, Doc("the lower edge of the first bin")]
    width: Annotated[float, Doc("the width of a bin")]
    counts: Annotated[list[int], Doc("the rows of each bin", "rows")]


class TargetSummary(TypedDict):
    """The target of the kept rows."""

    min: Annotated[float | None, Doc("the smallest one; null without rows", "of target")]
    max: Annotated[float | None, Doc("the largest one; null without rows", "of target")]
    other_values: Annotated[dict[str, int], Doc("the most frequent values that are no class of config", "rows")]


class QualityCounts(TypedDict):
    """What cleaning counts."""

    rows_in: Annotated[int, Doc("rows of the published file", "rows")]
    rows_out: Annotated[int, Doc("rows of rows.parquet", "rows")]
    drops: Annotated[dict[str, int], Doc("dropped rows by reason", "rows")]
    repairs: Annotated[dict[str, int], Doc("implausible values that were set to missing, by rule", "rows")]
    normalised: Annotated[dict[str, int], Doc("ids written as text or decimal numbers, by column", "rows")]
    duplicates: Annotated[int, Doc("rows that equal an earlier one; they are kept", "rows")]
    missing: Annotated[dict[str, float], Doc("share of missing values by column", "0 to 1")]
    outside_month: OutsideMonth
    target: TargetSummary
    distributions: Annotated[dict[str, Distribution], Doc("values by column")]


class Quality(QualityCounts):
    """Rows in and out of cleaning, and the verdict: data/{dataset}/{month}/quality.json."""

    dataset: Dataset
    month: DataMonth
    verdict: Annotated[Verdict, Doc("what the rules say")]
    rule: Annotated[BrokenRule | None, Doc("the first rule that is broken, if any")]
    waiver: Annotated[str | None, Doc("why a rejected month is used nevertheless (quality.waive)")]


Clean = Literal["true", "false", "unknown"]


class Provenance(TypedDict):
    """What a job ran with: runs/{dataset}/{month}/{stage}.provenance.json."""

    commit: Annotated[str, Doc("the commit of the code, or `unknown`")]
    clean: Annotated[Clean, Doc("whether the code was unchanged since that commit")]
    python: Annotated[str, Doc("the version of Python")]
    packages: Annotated[dict[str, str], Doc("versions of the packages that can change a number")]
    lock: Annotated[str, Doc("the SHA-256 of requirements.txt, or `unknown`")]
    threads: Annotated[int, Doc("threads of linear algebra")]
    machine: Annotated[str, Doc("architecture, system and processor")]
