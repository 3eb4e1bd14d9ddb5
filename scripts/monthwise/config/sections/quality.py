"""`quality`: which rows and months are plausible."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from ..section import Flag, Month, Number, Section, Share, Text, Whole, Words


class Bounds(Section):
    """Both ends are in."""

    min: Number = Field(description="The smallest value.", examples=[1])
    max: Number = Field(description="The largest value.", examples=[9])

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.min > self.max:
            raise ValueError("min is greater than max, so that no value is left")
        return self


class Distance(Section):
    """Distances of at most `above`, or of more than `max`, are implausible."""

    above: Number = Field(description="The largest distance that is too small.", examples=[0])
    max: Number = Field(description="The largest plausible distance.", examples=[100])

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.above >= self.max:
            raise ValueError("above is not less than max, so that no distance is plausible")
        return self


Limits = Annotated[Bounds, Words("`{min: NUMBER, max: NUMBER}`")]
Distances = Annotated[Distance, Words("`{above: NUMBER, max: NUMBER}`")]


class Reject(Section):
    """A month beyond one of these bounds is rejected. A bound that is `null` is off."""

    rows_below: Whole | None = Field(default=None, ge=0, description="Rows that are kept.", examples=[1000])
    kept_share_below: Share | None = Field(default=None, description="Share of the rows that are kept.", examples=[0.8])
    days_share_below: Share | None = Field(
        default=None, description="Share of its days that have rows.", examples=[0.9]
    )
    missing_zone_share_above: Share | None = Field(
        default=None,
        description="Share of the kept rows without a zone; three in four trips of fhv have none.",
        examples=[0.5],
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
    missing_zone_share_above: Share | None = Field(
        default=None, description="Share of the kept rows without a zone.", examples=[0.1]
    )
    missing_distance_share_above: Share | None = Field(
        default=None, description="Share of the kept rows without a plausible distance.", examples=[0.2]
    )
    outside_month_share_above: Share | None = Field(
        default=None, description="Share of the rows that belong to other months.", examples=[0.01]
    )
    duplicates_share_above: Share | None = Field(
        default=None, description="Share of the kept rows that are equal to another one.", examples=[0.001]
    )


class Quality(Section):
    """A row outside its service's `duration` is dropped; implausible values become missing (docs/months.md).

    `null` switches a rule off.
    """

    pickup_in_month: Flag = Field(default=True, description="Drop rows that begin in another month.", examples=[False])
    distance_mi: Distances | None = Field(
        default=Distance(above=0, max=100),
        description="Plausible distances, in miles, without `above` itself.",
        examples=[{"above": 0.1, "max": 50}],
    )
    passengers: Limits | None = Field(
        default=Bounds(min=1, max=9), description="Plausible passengers.", examples=[{"min": 0, "max": 6}]
    )
    rate_code: Limits | None = Field(
        default=Bounds(min=1, max=6), description="Known rate codes.", examples=[{"min": 1, "max": 99}]
    )
    trip_type: Limits | None = Field(
        default=Bounds(min=1, max=2), description="Known trip types.", examples=[{"min": 0, "max": 2}]
    )
    reject: Reject | None = Field(
        default=Reject(
            rows_below=100,
            kept_share_below=0.5,
            days_share_below=0.5,
            missing_zone_share_above=0.99,
            outside_month_share_above=0.5,
        ),
        description="Bounds beyond which a month is rejected.",
    )
    warn: Warn | None = Field(
        default=Warn(
            kept_share_below=0.9,
            days_share_below=0.9,
            missing_zone_share_above=0.9,
            missing_distance_share_above=0.5,
            outside_month_share_above=0.1,
            duplicates_share_above=0.01,
        ),
        description="Bounds beyond which a month is used with a warning.",
    )
    waive: Annotated[dict[str, dict[Month, Text]], Words("a mapping of services to months and reasons")] = Field(
        default={},
        description="Rejected months that are used nevertheless, each with the reason.",
        examples=[{"green": {"2024-04": "checked by hand"}}],
    )

    def rules(self) -> dict[str, Any]:
        """Return what `clean` applies to each month: all but `waive`, without bounds that are off."""
        rules = self.model_dump(exclude={"waive", "reject", "warn"})
        for name, bounds in (("reject", self.reject), ("warn", self.warn)):
            rules[name] = bounds.model_dump(exclude_none=True) if bounds else None
        return rules
