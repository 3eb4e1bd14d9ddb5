"""`demo`: the months that `source: demo` makes."""

from typing import Self

from pydantic import Field, model_validator

from ..section import Month, Section, Whole


class Demo(Section):
    """The data months that `source: demo` makes from a seed."""

    seed: Whole = Field(default=1, ge=0, description="Another seed makes other rows.", examples=[2])
    rows: Whole = Field(default=20_000, ge=1, description="Rows of a month.", examples=[2_000])
    first: Month = Field(default="2023-11", description="The first data month.", examples=["2023-01"])
    last: Month = Field(default="2024-02", description="The last data month that is published.", examples=["2024-12"])

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.first > self.last:
            raise ValueError("first is after last")
        return self
