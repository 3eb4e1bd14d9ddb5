"""The base class of the sections of config, and the kinds of values in them."""

import math
import types
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)

from ..base import months


class Words(NamedTuple):
    """What a value is, in words, for error messages and documentation; part of an annotation."""

    text: str


def _keep_whole(value: object, validate: ValidatorFunctionWrapHandler) -> object:
    number = validate(value)
    if math.isnan(number):
        raise ValueError("nan is not a number")
    return value if isinstance(value, int) else number


Flag = Annotated[bool, Strict()]
Whole = Annotated[int, Strict()]
# A number stays as it is written: jobs rerun when 1 becomes 1.0 in their settings.
Number = Annotated[float, Strict(), WrapValidator(_keep_whole)]
Share = Annotated[Number, Field(ge=0, le=1)]
Text = Annotated[str, Field(min_length=1), Words("a text of at least one character")]
Month = Annotated[str, Field(pattern=f"^{months.PATTERN}$"), Words("a month (YYYY-MM)")]
Spellings = Annotated[
    tuple[str, ...],
    Field(min_length=1),
    BeforeValidator(
        lambda value: [value] if isinstance(value, str) else value,
        json_schema_input_type=Annotated[list[str], Field(min_length=1)] | str,
    ),
    Words("a list of one or more texts"),
]
DatasetNames = Annotated[tuple[str, ...], Field(min_length=1), Words("a list of one or more datasets")]


class Section(BaseModel):
    """A section of config: each key with its kind, default, bounds, description and example."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _convert(cls, value: object, info: ValidationInfo) -> object:
        """Convert a text to what the key takes: `1e-6` in YAML and all nested values of `--config` are text."""
        kinds = plain_types(cls.model_fields[str(info.field_name)].annotation)
        if isinstance(value, float) and value.is_integer() and int in kinds:
            return int(value)
        return from_text(value, kinds)

    def as_layer(self, *keys: str) -> dict[str, Any]:
        """Return the keys that are set, or those of `keys` that are, as a layer of config has them."""
        return self.model_dump(by_alias=True, exclude_unset=True, include=set(keys) or None)


def plain_types(annotation: Any) -> set[object]:
    """Return the types of an annotation, without their constraints."""
    if get_origin(annotation) is Annotated:
        return plain_types(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return set().union(*map(plain_types, get_args(annotation)))
    return {annotation}


def from_text(value: object, kinds: set[object]) -> object:
    """Return the text `value` as a number, true, false or null, if one of `kinds` is that; otherwise unchanged."""
    if not isinstance(value, str):
        return value
    constants: dict[str, bool | None] = {"true": True, "false": False} if bool in kinds else {}
    constants |= {"null": None} if types.NoneType in kinds else {}
    if value in constants:
        return constants[value]
    for number in (int, float) if float in kinds else (int,) if int in kinds else ():
        try:
            return number(value)
        except ValueError:
            continue
    return value
