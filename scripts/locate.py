"""Ask the publisher about one month and write source.json: where the file is, its size and when it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monthwise import publisher
from monthwise.base import files
from monthwise.job import command_line

if TYPE_CHECKING:
    import argparse

    from monthwise.base.file_types import Source


def summary(facts: Source) -> str:
    """Return the facts of a source.json in one line."""
    parts: list[str] = [facts["kind"]]
    if facts.get("size") is not None:
        parts.append(f"{facts['size']:,} bytes")
    if facts.get("last_modified"):
        parts.append(f"last modified {facts['last_modified']}")
    return f"{publisher.name(facts)} is published: {', '.join(parts)}"


def main(job: argparse.Namespace) -> str:
    facts = publisher.locate(job.settings)
    files.write_json(job.source, facts)
    return summary(facts)


if __name__ == "__main__":
    command_line.run(main, outputs=("source",))
