"""What the keys of config take, in words: for error messages and documentation."""

import difflib
import types
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from .section import Section, Words

PLAIN = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple: "a list",
    dict: "a mapping",
}


class Kind(NamedTuple):
    """An annotation in parts: the type, its constraints, and whether it may be null."""

    type: Any
    constraints: list[Any]
    is_nullable: bool

    @classmethod
    def of(cls, annotation: Any) -> "Kind":
        """Take an annotation apart."""
        arguments = get_args(annotation)
        if get_origin(annotation) is Annotated:
            inner = cls.of(arguments[0])
            constraints = [
                constraint
                for item in arguments[1:]
                for constraint in (item.metadata if isinstance(item, FieldInfo) else [item])
            ]
            return cls(inner.type, [*inner.constraints, *constraints], inner.is_nullable)
        if get_origin(annotation) in (Union, types.UnionType):
            (other,) = (argument for argument in arguments if argument is not types.NoneType)
            return cls.of(other)._replace(is_nullable=True)
        return cls(annotation, [], False)

    @property
    def section(self) -> type[Section] | None:
        """The section, if the value is one."""
        return self.type if isinstance(self.type, type) and issubclass(self.type, Section) else None

    @property
    def stated(self) -> str | None:
        """The words that the annotation gives."""
        return next((item.text for item in self.constraints if isinstance(item, Words)), None)


def expected(annotation: Any) -> str:
    """Return what a value is, such as `a whole number of at least 1, or null`."""
    kind = Kind.of(annotation)
    if kind.stated:
        text = kind.stated
    elif kind.section:
        text = f"a mapping with the keys {', '.join(keys(kind.section))}"
    elif names := choices(annotation):
        text = f"{', '.join(names[:-1])} or {names[-1]}"
    else:
        text = PLAIN[get_origin(kind.type) or kind.type] + _bounds(kind.constraints)
    return f"{text}, or null" if kind.is_nullable else text


def choices(annotation: Any) -> tuple[str, ...]:
    """Return the words that a value may be; empty if they are not listed."""
    kind = Kind.of(annotation).type
    return get_args(kind) if get_origin(kind) is Literal else ()


def _bounds(constraints: Iterable[Any]) -> str:
    bounds = {name: getattr(item, name) for item in constraints for name in ("ge", "gt", "le") if hasattr(item, name)}
    if "le" in bounds:
        return f" from {bounds['ge']} to {bounds['le']}"
    return f" of at least {bounds['ge']}" if "ge" in bounds else f" above {bounds['gt']}" if "gt" in bounds else ""


def keys(section: type[Section]) -> dict[str, FieldInfo]:
    """Return the keys of a section, as config spells them."""
    return {field.alias or name: field for name, field in section.model_fields.items()}


def find(section: type[Section], location: Sequence[int | str]) -> tuple[list[str], Any]:
    """Return the path of keys to a location of pydantic as far as it is known, and the annotation there."""
    path: list[str] = []
    annotation: Any = section
    for part, following in zip(location, [*location[1:], None], strict=True):
        kind = Kind.of(annotation)
        if kind.section and part in keys(kind.section):
            annotation = keys(kind.section)[str(part)].rebuild_annotation()
        elif get_origin(kind.type) is dict:
            annotation = get_args(kind.type)[0 if following == "[key]" else 1]
            if following == "[key]":
                break
        elif get_origin(kind.type) is tuple and isinstance(part, int):
            annotation = get_args(kind.type)[0]
        else:
            break
        path.append(str(part))
    return path, annotation


def closest(name: object, known: Iterable[str]) -> str:
    """Return `, did you mean X?` with the closest known name, or `; known are ...` if no name is close."""
    known = sorted(known)
    return did_you_mean(name, known) or f"; known are {', '.join(known)}"


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return `, did you mean X?` with the closest known name; empty if no name is close."""
    matches = difflib.get_close_matches(str(name), known, n=1)
    return f", did you mean {matches[0]!r}?" if matches else ""
