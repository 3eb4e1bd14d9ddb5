"""Paths of the files of this project: rules, programs, config, profiles."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def resource(name: str) -> Path:
    """Return the path of a project file from its path relative to the top level, such as `config/config.yaml`."""
    return ROOT / name


def name_of(path: str | Path) -> str:
    """Return the path of a project file relative to the top level; of another file its name."""
    whole = Path(path).resolve()
    return str(whole.relative_to(ROOT)) if whole.is_relative_to(ROOT) else whole.name
