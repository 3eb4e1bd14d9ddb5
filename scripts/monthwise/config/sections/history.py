"""`history`: run months that stay as they are."""

from pydantic import Field

from ..section import Month, Section


class History(Section):
    """Closed months are not rebuilt because a program or a published file changed (docs/months.md)."""

    closed_before: Month | None = Field(
        default=None, description="Run months before this one are closed; `null` closes none.", examples=["2024-01"]
    )
