"""Paths of the files of this project: rules, programs, config, profiles."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def resource(name: str) -> Path:
    """Return the path of a project file from its path relative to the top level, such as `config/config.yaml`."""
    return ROOT / name
