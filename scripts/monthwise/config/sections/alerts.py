"""`alerts`: which alerts are sent."""

from typing import Annotated

from pydantic import Field

from ..section import Flag, Number, Section, Whole


class Alerts(Section):
    """Which alerts are sent; where to: docs/schedule.md. `false` or `null` switches one off."""

    failure: Flag = Field(default=True, description="A job or a call failed.", examples=[False])
    reject: Flag = Field(default=True, description="A data month is rejected.", examples=[False])
    champion: Flag = Field(default=True, description="The champion changed.", examples=[False])
    live_excess: Annotated[Number, Field(ge=0)] | None = Field(
        default=0.2,
        description="The live error of the newest scored month is by this share above the validation error.",
        examples=[0.5],
    )
    late_days: Whole | None = Field(
        default=14,
        ge=0,
        description="A month is still not published this many days after the usual day.",
        examples=[30],
    )
