"""The identity of an installation: the random id of a results folder, and the names in MLflow that belong to it.

Experiments and registered models carry the id, the host and the path of their installation as tags. Two installations
that share a store never write to each other's names.
"""

import os
import socket
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from ..base import files, redact, suggest
from ..base.exits import WrongConfig
from ..job import placeholders
from . import uris

FILE = "registry/installation.json"
ID, HOST, PATH = "monthwise.installation", "monthwise.host", "monthwise.path"


class Installation(NamedTuple):
    """A results folder: its id, and its host and path when it last wrote to the store."""

    id: str
    host: str
    path: str

    def tags(self) -> dict[str, str]:
        """Return the tags of a name that belongs to this installation."""
        return {ID: self.id, HOST: self.host, PATH: self.path}

    def is_named_by(self, tags: Mapping[str, str]) -> bool:
        """Return whether tags name this installation at its current path. The host may differ: jobs run on many."""
        return (tags.get(ID), tags.get(PATH)) == (self.id, self.path)


def current() -> Installation:
    """Return the installation in the working directory; a new one gets an id. The caller holds the store's lock."""
    this_installation = read()
    return this_installation if this_installation.id else this_installation._replace(id=_write_id(uuid.uuid4().hex))


def read() -> Installation:
    """Return the installation in the working directory; its id is empty if it has none yet."""
    return Installation(_read_id(Path(FILE)) or "", socket.gethostname(), os.getcwd())


def _read_id(path: Path) -> str | None:
    try:
        return str(files.read_json(path)["id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_id(number: str) -> str:
    files.replace_file(FILE, files.to_json({"id": number}))
    return number


def named_runs(dataset: str) -> list[str]:
    """Return the ids of the runs that the files of a dataset name, newest month first."""
    runs = []
    for path in (Path(f"registry/{dataset}.json"), *Path("runs", dataset).glob("*/tracking.json")):
        try:
            content = files.read_json(path)
            months = content["versions"] if "versions" in content else {content["month"]: content}
            runs += [(month, record["run_id"]) for month, record in months.items()]
        except (OSError, ValueError, KeyError, TypeError):  # incomplete or missing: it names no runs
            continue
    return [run_id for _, run_id in sorted(set(runs), reverse=True)]


def knows_any(dataset: str, run_ids: Iterable[str | None]) -> bool | None:
    """Return whether the files of a dataset name any of the runs; None if there are no runs."""
    ids = set(run_ids)
    return not ids.isdisjoint(named_runs(dataset)) if ids else None


def owner(tags: Mapping[str, str]) -> Installation | None:
    """Return the installation that a name in the store belongs to; None if its tags name no installation."""
    return Installation(tags[ID], tags.get(HOST, ""), tags.get(PATH, "")) if ID in tags else None


def claim(what: str, tags: Mapping[str, str], uri: str, has_own_runs: Callable[[], bool | None]) -> Installation:
    """Return this installation if it may write to a name in the store.

    `what` and `tags` are the label and the tags of an experiment or a registered model. `has_own_runs` returns whether
    it has runs that the files in this folder name; None if it has no runs.

    A store inside the results folder belongs to that folder. After both were copied, the copy gets a new id.
    Raises WrongConfig if the name belongs to another installation, or if this folder is a copy of its owner.
    """
    this_installation = current()
    claimed = as_owner(this_installation, what, tags, uri, has_own_runs)
    if claimed.id != this_installation.id:
        _write_id(claimed.id)
    return claimed


def as_owner(
    here: Installation, what: str, tags: Mapping[str, str], uri: str, has_own_runs: Callable[[], bool | None]
) -> Installation:
    """Return what `claim` returns (`here` with its new id), but write nothing. Raises like `claim`."""
    other = owner(tags)
    if uris.is_inside(uri):
        if other and is_copy_of(other, here):
            here = here._replace(id=uuid.uuid4().hex)
        return here
    place = f"{what} in tracking store {redact.public(uri)}"
    if other is None:
        if has_own_runs() is False:
            raise WrongConfig(
                f"{place} has runs that no file in {here.path} names: another installation or program wrote them;"
                f" {_OWN_NAME}, or run `{suggest.command('track', '--take-over')}` if they are yours"
            )
    elif other.id != here.id:
        if (other.host, other.path) != (here.host, here.path) or not has_own_runs():
            raise WrongConfig(
                f"{place} belongs to the installation in {other.path} on {other.host}; {_OWN_NAME}, or run"
                f" `{suggest.command('track', '--take-over')}` if this installation replaces it"
            )
        here = here._replace(id=other.id)  # this installation's file was lost
    elif is_copy_of(other, here):
        raise WrongConfig(
            f"{here.path} is a copy of {other.path}, which {place} belongs to; to give the copy an id of its own,"
            f" delete {FILE} in it, and {_OWN_NAME}"
        )
    return here


_OWN_NAME = "set a name of its own in config/config.yaml, such as `tracking: {name: monthwise-2}`"


def is_copy_of(other: Installation, here: Installation) -> bool:
    """Return whether `other` is another folder on this host that still has the same id.

    Folders that mirror a bucket are one installation.
    """
    if placeholders.BUCKET in os.environ:
        return False
    if other.id != here.id or other.host != here.host or not os.path.isdir(other.path):
        return False
    return not os.path.samefile(other.path, here.path) and _read_id(Path(other.path, FILE)) == here.id
