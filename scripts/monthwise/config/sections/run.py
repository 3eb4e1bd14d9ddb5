"""`run`: what one call of `./monthwise run` may rebuild."""

from pydantic import Field

from ..section import Section, Whole


class Run(Section):
    """What one call of `./monthwise run` may do without `--redo`."""

    max_rebuild: Whole = Field(
        default=3,
        ge=0,
        description="Finished run months that one call may rebuild; restated data do not count.",
        examples=[12],
    )
