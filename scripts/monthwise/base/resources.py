"""Where the files that come with this project are: rules, programs, config, profiles."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def resource(name: str) -> Path:
    """Return the path of a file of this project by its name from the top level on: `config/schema.yaml`."""
    return ROOT / name
