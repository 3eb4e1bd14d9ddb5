"""`publisher`: when months are published, and how often they are checked again."""

from pydantic import Field

from ..section import Section, Whole


class Publisher(Section):
    """What is known about a publisher that is asked over https."""

    lag: Whole = Field(default=3, ge=0, description="Months until a data month is published.", examples=[2])
    recheck: Whole = Field(
        default=3, ge=0, description="Newest known months that each call checks again.", examples=[12]
    )
