"""The locations of the MLflow store and its models, as URIs. Only this module parses, builds and checks them.

MLflow unquotes every path of an artifact, even one that is no URI. SQLAlchemy reads what follows `?` as options, and
unquotes nothing. SQLite accepts no long path. So folders are always written as `Path.as_uri` returns them.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit, urlunsplit
from urllib.request import url2pathname

from ..base.exits import WrongConfig

SQLITE = ("sqlite", "sqlite+pysqlite")
DATABASES = ("postgresql", "mysql", "mssql")
MODELS = "mlruns"  # in the working directory
LONGEST_SQLITE_PATH = 499  # bytes; SQLite's limit is 504, and a new store is first named *.part
LONGEST_PLACE = 157  # characters; MLflow's limit for a run's files in a database is 200, and the run takes 43


def store_uri(settings: Mapping[str, str]) -> str:
    """Return the store's URI: the variable MLFLOW_TRACKING_URI overrides the settings' `uri`."""
    return os.environ.get("MLFLOW_TRACKING_URI") or settings["uri"]


def is_server(uri: str) -> bool:
    """Return whether the store is an MLflow server, which decides itself where models are stored."""
    return uri.startswith(("http://", "https://"))


def sqlite_file(uri: str) -> Path | None:
    """Return the file of an SQLite store; None for other stores."""
    path, query = _sqlite_parts(uri)
    if path in ("", ":memory:"):
        return None
    if path.startswith("file:") and parse_qs(query).get("uri"):
        path = unquote(urlsplit(path).path)
    return Path(path).absolute()


def _sqlite_parts(uri: str) -> tuple[str, str]:
    scheme, _, rest = uri.partition(":///")
    path, _, query = rest.partition("?")
    return (path, query) if scheme in SQLITE else ("", "")


def of_sqlite_file(database: Path, query: str = "") -> str:
    """Return the URI of an SQLite store in any file; `query` holds options for the driver.

    A path with a `?` is passed to SQLite as a URI. Such a store URI also names the driver, because MLflow creates a
    folder for the path of a `sqlite:///`.
    """
    from sqlalchemy.engine import URL

    options = {name: tuple(values) for name, values in parse_qs(query).items()}
    driver, path = "sqlite", str(database)
    if "?" in path or "uri" in options:
        driver, path, options = "sqlite+pysqlite", _file_uri(database), options | {"uri": ("true",)}
    return URL.create(driver, database=path, query=options).render_as_string(hide_password=False)


def _file_uri(path: Path) -> str:
    return path.as_uri().replace("file://", "file:", 1)  # SQLAlchemy needs it without an empty host


def absolute(uri: str) -> str:
    """Return the URI of a store with an absolute path: MLflow caches connections by URI, not by directory."""
    database = sqlite_file(uri)
    return of_sqlite_file(database, _sqlite_parts(uri)[1]) if database else uri


def place_of_models(experiment: str, artifacts: str | None, uri: str) -> str | None:
    """Return the URI under which an experiment's models are stored; None if the store (a server) decides.

    `artifacts` is the URL of tracking.artifacts; without it, models are stored in the working directory.
    """
    if artifacts is None:
        return None if is_server(uri) else (Path.cwd() / MODELS / experiment).as_uri()
    parts = urlsplit(artifacts)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{quote(experiment)}"))


def local_folder(location: str) -> Path | None:
    """Return the local folder of an artifact location, as MLflow reads it; None if the location is not local."""
    if location.startswith("file:"):
        return Path(url2pathname(urlsplit(location).path))
    return Path(url2pathname(location)) if location.startswith("/") else None


def is_at(location: str, place: str) -> bool:
    """Return whether two artifact locations are the same, even if they are written differently."""
    folder = local_folder(location)
    return folder == local_folder(place) if folder else urlsplit(location) == urlsplit(place)


def is_inside(uri: str) -> bool:
    """Return whether the store is a file inside the results folder (the working directory)."""
    database = sqlite_file(uri)
    return database is not None and database.resolve().is_relative_to(Path.cwd().resolve())


def has_moved(location: str, uri: str, former: str | None = None) -> bool:
    """Return whether the location of an experiment's models is no longer the one for this results folder.

    `former`: the results folder that last wrote to the experiment, if known. Older versions wrote a path with a `%`
    unquoted; MLflow reads that as another folder.
    """
    folder = local_folder(location)
    if folder is None or is_server(uri):
        return False
    if location.startswith("/") and location != str(folder):
        return True
    here, database = Path.cwd(), sqlite_file(uri)
    if folder.is_relative_to(here):
        return False
    if former and Path(former) != here:
        return folder.is_relative_to(former)
    return database is not None and not folder.is_relative_to(database.parent)


def insist_on_uris(uri: str, artifacts: str | None) -> None:
    """Raise WrongConfig if no store can be at `uri`, or models cannot be stored at their location."""
    insist_on_store(uri)
    insist_on_models(uri, artifacts)


def insist_on_store(uri: str) -> None:
    """Raise WrongConfig if MLflow cannot create tables, or SQLite cannot open a file of that name."""
    if "%" in sys.prefix and not is_server(uri):
        raise WrongConfig(
            f"{sys.prefix}: MLflow makes no tables where the path of its packages has a %; move or rename that folder"
        )
    database, (path, query) = sqlite_file(uri), _sqlite_parts(uri)
    if query and not parse_qs(query):
        file_uri = _file_uri(Path(f"{path}?{query}").absolute())
        raise WrongConfig(
            f"tracking store {uri}: what follows ? is read as options; write sqlite+pysqlite:///{file_uri}?uri=true"
        )
    if database and (length := len(os.fsencode(database))) > LONGEST_SQLITE_PATH:
        raise WrongConfig(
            f"tracking store {database}: its path has {length} bytes, and SQLite takes {LONGEST_SQLITE_PATH}; set"
            f" MLFLOW_TRACKING_URI=sqlite:////SHORTER/mlflow.db, or give --directory DIR with a shorter path"
        )


def insist_on_models(uri: str, artifacts: str | None) -> None:
    """Raise WrongConfig if models must be stored in the working directory and MLflow cannot store them there."""
    if artifacts is not None or is_server(uri):
        return
    here = os.fsencode(Path.cwd())
    try:
        here.decode()
    except UnicodeDecodeError:
        raise WrongConfig(
            f"{here.decode(errors='backslashreplace')}: MLflow keeps no models in a folder whose name is not UTF-8;"
            f" rename it, or set tracking.artifacts"
        ) from None
    place = place_of_models("x" * len("monthwise-yellow"), None, uri)
    if place and uri.startswith(DATABASES) and len(place) > LONGEST_PLACE:
        raise WrongConfig(
            f"{Path.cwd()}: a database has no room for the path of models in it ({len(place)} letters, at most"
            f" {LONGEST_PLACE}); set tracking.artifacts, or give --directory DIR with a shorter path"
        )
