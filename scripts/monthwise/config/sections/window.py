"""`window`: the months that a challenger is trained on."""

from pydantic import Field

from ..section import Section, Whole


class Window(Section):
    """The training window ends at M-2; validation is always M-1."""

    length: Whole = Field(default=1, ge=1, description="Training months, the last of them M-2.", examples=[3])
