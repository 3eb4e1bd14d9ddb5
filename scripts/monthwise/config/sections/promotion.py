"""`promotion`: when a challenger becomes the champion."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from ..section import Flag, Month, Number, Section, Share, Whole


class Segments(Section):
    """Bounds on how much worse any segment may be; both keys or neither."""

    rows: Whole | None = Field(
        default=None, ge=1, description="Segments with fewer rows are not looked at.", examples=[500]
    )
    worse: Number | None = Field(
        default=None, ge=0, description="The largest share by which the error of a segment may grow.", examples=[0.1]
    )

    @model_validator(mode="after")
    def _has_both(self) -> Self:
        if (self.rows is None) != (self.worse is None):
            raise ValueError("give both rows and worse, or neither")
        return self


class Promotion(Section):
    """The challenger takes over if its error on M-1 is smaller than the champion's: docs/champion.md."""

    policy: Literal["challenge", "always", "never"] = Field(
        default="challenge",
        description="`challenge` by the numbers below, `always` take the newest model, or `never` change it.",
        examples=["always"],
    )
    margin: Share = Field(
        default=0.02, description="The error must be smaller by at least this share of the champion's.", examples=[0.05]
    )
    interval: Flag = Field(
        default=True,
        description="The difference must also be larger than chance (95 %; days, groups or rows redrawn).",
        examples=[False],
    )
    floor: Number = Field(
        default=0.9,
        gt=0,
        description="The error must be at most this share of the naive baseline's; the first month asks this alone.",
        examples=[1],
    )
    segments: Segments = Field(
        default=Segments(),
        description="No segment with that many rows may be so much worse.",
    )
    pin: Month | None = Field(
        default=None,
        description="A run month, whose model then serves whatever the numbers say; best as an entry of `changes`.",
        examples=["2024-06"],
    )

    def rules(self) -> dict[str, Any]:
        """Return the keys as `promote` takes them: `segments` is empty if it is off."""
        return self.model_dump() | {"segments": self.segments.model_dump(exclude_none=True)}
