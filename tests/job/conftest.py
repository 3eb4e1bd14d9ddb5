"""What the tests of jobs share."""

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory whose name has a blank."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    return folder
