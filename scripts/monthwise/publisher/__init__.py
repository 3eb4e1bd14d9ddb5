"""The publisher of months: `https`, `file:FOLDER` or `demo`. Each kind is one module with the same functions.

`locate(settings)` returns the facts of one month (the content of source.json). `fetch(facts, settings, path)` writes
its complete file to `path`, or nothing. Settings: `source`, `dataset`, `month`, `file` (its name at the publisher),
and those of the kind: `url` and optionally `patience` for https, `demo`, `prepare` and `layout` for demo.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..base import exits, files
from .source import how_to_locate, name, resolve_folder

if TYPE_CHECKING:
    from typing import Any, Protocol

    from ..base.file_types import Source

    class Publisher(Protocol):
        """The module of one kind of source."""

        def locate(self, settings: Mapping[str, Any]) -> Source: ...

        def fetch(self, facts: Source, settings: Mapping[str, Any], path: str | Path) -> None: ...


__all__ = ["fetch", "how_to_locate", "kind_of", "locate", "locate_all", "name", "resolve_folder", "update"]
Key = TypeVar("Key", bound=Hashable)


def locate(settings: Mapping[str, Any]) -> Source:
    """Return the publisher's facts about the month: dataset, month, kind, file, size in bytes, etag, last_modified.

    A fact that the publisher does not give is None. For demo, the facts are dataset, month, kind, seed, rows and the
    version of the generator. Raises NotPublished, Unreachable, BadData or WrongConfig. Thread-safe.
    """
    return _module(kind_of(settings["source"])).locate(settings)


def locate_all(settings_by_key: Mapping[Key, Mapping[str, Any]]) -> dict[Key, Source | Exception]:
    """Return for each key what `locate` returns or raises for its settings; all are of one source."""
    if any(kind_of(settings["source"]) == "https" for settings in settings_by_key.values()):
        from . import at_once  # imports the HTTP client

        return at_once.locate_all(settings_by_key, _outcome)
    return {key: _outcome(settings) for key, settings in settings_by_key.items()}


def _outcome(settings: Mapping[str, Any]) -> Source | Exception:
    try:
        return locate(settings)
    except OSError as error:
        return exits.from_os_error(error) or error
    except Exception as error:
        return error


def fetch(facts: Source, settings: Mapping[str, Any], path: str | Path) -> None:
    """Write the file that `facts` describe to `path`, byte for byte.

    Raises TryAgain if the publisher's file is not the one that was located; otherwise like `locate`.
    """
    kind = kind_of(settings["source"])
    if facts["kind"] != kind:
        raise exits.TryAgain(
            f"{name(settings)} was located at another kind of source ({facts['kind']}) than config says ({kind}); "
            + how_to_locate(settings)
        )
    _module(kind).fetch(facts, settings, path)


def update(path: str | Path, facts: Source) -> bool:
    """Write `facts` to the source.json at `path` if its content differs; return whether it changed."""
    try:
        if files.read_json(path) == facts:
            return False
    except (FileNotFoundError, ValueError):
        pass
    files.replace_file(path, files.to_json(facts))
    return True


def kind_of(source: str) -> str:
    """Return the kind of a source as source.json names it: `https`, `file` or `demo`."""
    kind, _, rest = source.partition(":")
    if source not in ("https", "demo") and not (kind == "file" and rest):
        raise exits.WrongConfig(f"there is no source {source!r}; write https, file:FOLDER or demo")
    return kind


def _module(kind: str) -> Publisher:
    # Imported on demand: a folder needs no HTTP client, and the Snakefile needs none of these modules.
    if kind == "https":
        from . import https

        return https
    if kind == "demo":
        from . import demo

        return demo
    from . import folder

    return folder
