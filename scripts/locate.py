"""Ask the publisher about one month and write source.json: where the file is, its size and when it changed."""

from monthwise import publisher
from monthwise.base import files
from monthwise.job import command_line


def summary(facts: dict) -> str:
    """Return the facts of a source.json in one line."""
    parts = [facts["kind"]]
    if facts.get("size") is not None:
        parts.append(f"{facts['size']:,} bytes")
    if facts.get("last_modified"):
        parts.append(f"last modified {facts['last_modified']}")
    return f"{publisher.name(facts)} is published: {', '.join(parts)}"


def main(job) -> str:
    facts = publisher.locate(job.settings)
    files.write_json(job.source, facts)
    return summary(facts)


if __name__ == "__main__":
    command_line.run(main, outputs=("source",))
