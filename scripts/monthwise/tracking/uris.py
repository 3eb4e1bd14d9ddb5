"""Where the MLflow store and its models are, as URIs: read, built and checked here alone.

MLflow unquotes every path of an artifact, also one that is no URI; SQLAlchemy takes what follows `?` for options, and
unquotes nothing; SQLite takes no long path. So a folder is always given as `Path.as_uri` has it.
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
LONGEST_SQLITE_PATH = 499  # bytes; SQLite ends at 504, and a new store is first called *.part
LONGEST_PLACE = 157  # letters; MLflow has 200 for a run's files in a database, and 43 are for the run


def store_uri(settings: Mapping[str, str]) -> str:
    """Return the store's URI: the environment's MLFLOW_TRACKING_URI goes before the settings' `uri`."""
    return os.environ.get("MLFLOW_TRACKING_URI") or settings["uri"]


def is_server(uri: str) -> bool:
    """Whether the store is MLflow's server, which decides for itself where models lie."""
    return uri.startswith(("http://", "https://"))


def sqlite_file(uri: str) -> Path | None:
    """Return the file of an SQLite store; None of other stores."""
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

    Where the path has a `?` it goes to SQLite as a URI of its own. MLflow makes a folder for the path of a `sqlite:///`,
    so that one names the driver.
    """
    from sqlalchemy.engine import URL

    options = {name: tuple(values) for name, values in parse_qs(query).items()}
    driver, path = "sqlite", str(database)
    if "?" in path or "uri" in options:
        driver, path, options = "sqlite+pysqlite", _file_uri(database), options | {"uri": ("true",)}
    return URL.create(driver, database=path, query=options).render_as_string(hide_password=False)


def _file_uri(path: Path) -> str:
    return path.as_uri().replace("file://", "file:", 1)  # without an empty host, as SQLAlchemy wants it


def absolute(uri: str) -> str:
    """Return the URI of a store wherever it is used: MLflow keeps one connection by URI, whatever the directory."""
    database = sqlite_file(uri)
    return of_sqlite_file(database, _sqlite_parts(uri)[1]) if database else uri


def place_of_models(experiment: str, artifacts: str | None, uri: str) -> str | None:
    """Return the URI under which an experiment's models lie; None where the store (a server) decides.

    `artifacts` is the URL of tracking.artifacts; without it they lie in the working directory.
    """
    if artifacts is None:
        return None if is_server(uri) else (Path.cwd() / MODELS / experiment).as_uri()
    parts = urlsplit(artifacts)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{quote(experiment)}"))


def local_folder(location: str) -> Path | None:
    """Return the folder that MLflow means by the location of artifacts on this machine; None of others."""
    if location.startswith("file:"):
        return Path(url2pathname(urlsplit(location).path))
    return Path(url2pathname(location)) if location.startswith("/") else None


def is_at(location: str, place: str) -> bool:
    """Whether two locations of artifacts are the same, in whatever form each is written."""
    folder = local_folder(location)
    return folder == local_folder(place) if folder else urlsplit(location) == urlsplit(place)


def is_inside(uri: str) -> bool:
    """Whether the store is a file inside the results folder (the working directory)."""
    database = sqlite_file(uri)
    return database is not None and database.resolve().is_relative_to(Path.cwd().resolve())


def has_moved(location: str, uri: str, former: str | None = None) -> bool:
    """Whether models at this location, which was chosen for an experiment, would not lie where the results are.

    `former`: the results folder that last wrote to the experiment, if it is known. A path with a `%` that older
    versions gave as it is means another folder to MLflow.
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


def insist(uri: str, artifacts: str | None) -> None:
    """Raise WrongConfig where no store can be at `uri`, or no models where they would lie."""
    insist_on_store(uri)
    insist_on_models(uri, artifacts)


def insist_on_store(uri: str) -> None:
    """Raise WrongConfig where MLflow cannot make tables, or SQLite cannot open a file of that name."""
    if "%" in sys.prefix and not is_server(uri):
        raise WrongConfig(
            f"{sys.prefix}: MLflow makes no tables where the path of its packages has a %; move or rename that folder"
        )
    database, (path, query) = sqlite_file(uri), _sqlite_parts(uri)
    if query and not parse_qs(query):
        meant = _file_uri(Path(f"{path}?{query}").absolute())
        raise WrongConfig(
            f"tracking store {uri}: what follows ? is read as options; write sqlite+pysqlite:///{meant}?uri=true"
        )
    if database and (length := len(os.fsencode(database))) > LONGEST_SQLITE_PATH:
        raise WrongConfig(
            f"tracking store {database}: its path has {length} bytes, and SQLite takes {LONGEST_SQLITE_PATH}; set"
            f" MLFLOW_TRACKING_URI=sqlite:////SHORTER/mlflow.db, or give --directory DIR with a shorter path"
        )


def insist_on_models(uri: str, artifacts: str | None) -> None:
    """Raise WrongConfig where MLflow cannot keep models in the working directory, and would have to."""
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
    if uri.startswith(DATABASES) and len(place) > LONGEST_PLACE:
        raise WrongConfig(
            f"{Path.cwd()}: a database has no room for the path of models in it ({len(place)} letters, at most"
            f" {LONGEST_PLACE}); set tracking.artifacts, or give --directory DIR with a shorter path"
        )
