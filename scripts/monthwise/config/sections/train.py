"""`train`: how a challenger is trained."""

from typing import Annotated

from pydantic import Field, JsonValue

from ..section import Section, Text, Whole, Words

Parameter = Annotated[JsonValue, Words("a number, a text, true, false, null, a list or a mapping")]


class Train(Section):
    """How a challenger is trained."""

    recipe: Text = Field(
        default="boosted",
        description="A file of scripts/monthwise/models/recipes/, without `.py`.",
        examples=["linear"],
    )
    parameters: Annotated[dict[str, Parameter], Words("a mapping of parameters to values")] = Field(
        default={},
        description="Of the recipe (docs/models.md). A layer that names a recipe drops the parameters of earlier ones.",
        examples=[{"max_iter": 200}],
    )
    features: tuple[str, ...] | None = Field(
        default=None,
        description="The features that the model uses, in order; default: `model` of the dataset, else all.",
        examples=[["store", "price"]],
    )
    max_rows: Whole = Field(default=5_000_000, ge=1, description="Of more rows, a sample is drawn.", examples=[500_000])
    seed: Whole = Field(default=1, ge=0, description="Seed of that sample.", examples=[2])
