"""Check the files of a directory: whether they are complete and match the evidence of their month."""

import contextlib
import hashlib
import os
from typing import Any

from ..base import files
from ..job import placeholders

PARQUET_END = b"PAR1"
PARQUET_START = b"PAR1\x15"  # no text has this byte: a published file (raw.file) that begins so is Parquet, not CSV
ZIP_END, ZIP_END_BYTES = b"PK\x05\x06", 22  # a .skops file is a zip archive without a comment
HASHED_BYTES = 500_000_000  # limit for large files that were written after their evidence; `verify` hashes all


class Tree:
    """Check and hash each file once; keep hashes, not contents. Paths are relative to the working directory."""

    def __init__(self) -> None:
        self._sha256: dict[str, str | None] = {}
        self._whole: dict[str, bool] = {}
        self._left = HASHED_BYTES
        self.not_hashed: list[str] = []

    def json(self, path: str) -> dict[str, Any] | None:
        """Return the content of a JSON file; None if the file is missing or incomplete."""
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError:
            return None
        if path not in self._sha256:
            self._sha256[path] = hashlib.sha256(content).hexdigest()
        parsed = files.parse_json_if_whole(content)
        self._whole[path] = parsed is not None
        return parsed

    def is_whole(self, path: str) -> bool:
        """Return whether an existing file is complete, that is, ends as its format requires."""
        if path not in self._whole:
            self._whole[path] = self._ends_well(path)
        return self._whole[path]

    def sha256(self, path: str) -> str | None:
        """Return the hash of a file; None if it is missing, a placeholder, or beyond the limit HASHED_BYTES."""
        if path not in self._sha256:
            self._sha256[path] = self._hash(path)
        return self._sha256[path]

    def changed(self, evidence: str) -> list[str]:
        """Return the files that differ from evidence.json; large ones are compared only if written after it."""
        content = self.json(evidence) or {}
        provenance = content.get("provenance")
        models = provenance.get("models") if isinstance(provenance, dict) else None
        recorded: dict[str, object] = {}
        for hashes in (content.get("files"), models):
            recorded |= hashes if isinstance(hashes, dict) else {}
        changed_files = []
        with contextlib.suppress(OSError):
            evidence_time_ns = os.stat(evidence).st_mtime_ns
            changed_files = [path for path, sha256 in recorded.items() if self._differs(path, sha256, evidence_time_ns)]
        tracking = os.path.join(os.path.dirname(evidence), "tracking.json")
        if isinstance(provenance, dict) and (tracked := self.json(tracking)) is not None:
            changed_files += [tracking] if tracked != provenance.get("tracking", tracked) else []
        return changed_files

    def _differs(self, path: str, sha256: object, evidence_time_ns: int) -> bool:
        if not path.endswith(".json"):
            try:
                if os.stat(path).st_mtime_ns <= evidence_time_ns:
                    return False
            except OSError:
                return False  # pruned, or missing: the stage that writes it reports that
        current_sha256 = self.sha256(path)
        return current_sha256 is not None and current_sha256 != sha256

    def _ends_well(self, path: str) -> bool:
        if path.endswith(".json"):
            return self.json(path) is not None
        if placeholders.among([path]):
            return True
        try:
            with open(path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                start = file.read(len(PARQUET_START))
                file.seek(max(size - ZIP_END_BYTES, 0))
                end = file.read()
        except OSError:
            return False
        if _kind(path) == ".parquet" or start == PARQUET_START:
            return end.endswith(PARQUET_END)
        return end.startswith(ZIP_END) if _kind(path) == ".skops" else size > 0

    def _hash(self, path: str) -> str | None:
        try:
            size = os.path.getsize(path)
            if placeholders.among([path]):
                return None
            if not path.endswith(".json"):
                if size > self._left:
                    self.not_hashed.append(path)
                    return None
                self._left -= size
            with open(path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return None


def _kind(path: str) -> str:
    return os.path.splitext(path)[1]
