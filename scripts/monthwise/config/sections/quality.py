"""`quality`: which rows and months are plausible."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from ..section import Flag, Month, Section, Share, Text, Whole, Words


class Reject(Section):
    """A month beyond one of these bounds is rejected. A bound that is `null` is off."""

    rows_below: Whole | None = Field(default=None, ge=0, description="Rows that are kept.", examples=[1000])
    kept_share_below: Share | None = Field(default=None, description="Share of the rows that are kept.", examples=[0.8])
    days_share_below: Share | None = Field(
        default=None, description="Share of its days that have rows.", examples=[0.9]
    )
    missing_share_above: Share | None = Field(
        default=None, description="Share of the kept rows that lack a feature, of the worst one.", examples=[0.5]
    )
    outside_month_share_above: Share | None = Field(
        default=None, description="Share of the rows that belong to other months.", examples=[0.1]
    )


class Warn(Section):
    """A month beyond one of these bounds is used, with a warning. A bound that is `null` is off."""

    kept_share_below: Share | None = Field(
        default=None, description="Share of the rows that are kept.", examples=[0.95]
    )
    days_share_below: Share | None = Field(default=None, description="Share of its days that have rows.", examples=[1])
    missing_share_above: Share | None = Field(
        default=None, description="Share of the kept rows that lack a feature, of the worst one.", examples=[0.1]
    )
    outside_month_share_above: Share | None = Field(
        default=None, description="Share of the rows that belong to other months.", examples=[0.01]
    )
    duplicates_share_above: Share | None = Field(
        default=None, description="Share of the kept rows that are equal to another one.", examples=[0.001]
    )


class Quality(Section):
    """Which rows are dropped, and which months are rejected (docs/months.md). `null` switches a rule off."""

    time_in_month: Flag = Field(default=True, description="Drop rows of another month.", examples=[False])
    reject: Reject | None = Field(
        default=Reject(
            rows_below=100,
            kept_share_below=0.5,
            days_share_below=0.5,
            missing_share_above=0.99,
            outside_month_share_above=0.5,
        ),
        description="Bounds beyond which a month is rejected.",
    )
    warn: Warn | None = Field(
        default=Warn(
            kept_share_below=0.9,
            days_share_below=0.9,
            missing_share_above=0.9,
            outside_month_share_above=0.1,
            duplicates_share_above=0.01,
        ),
        description="Bounds beyond which a month is used with a warning.",
    )
    waive: Annotated[dict[str, dict[Month, Text]], Words("a mapping of datasets to months and reasons")] = Field(
        default={},
        description="Rejected months that are used nevertheless, each with the reason.",
        examples=[{"green": {"2024-04": "checked by hand"}}],
    )

    def rules(self, of_dataset: Mapping[str, Section | None]) -> dict[str, Any]:
        """Return what `clean` applies to each month: bounds that are on; those of the dataset go first."""
        rules: dict[str, Any] = {"time_in_month": self.time_in_month}
        for name, bounds in (("reject", self.reject), ("warn", self.warn)):
            own = of_dataset.get(name)
            merged = (bounds.model_dump() if bounds else {}) | (own.as_layer() if own else {})
            rules[name] = {rule: bound for rule, bound in merged.items() if bound is not None}
        return rules
