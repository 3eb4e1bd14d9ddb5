"""The files of a directory as they are now: whether they are whole, and are what the evidence of their month says."""

import contextlib
import hashlib
import json
import os

from ..job import placeholders

PARQUET_END = b"PAR1"
ZIP_END, ZIP_END_BYTES = b"PK\x05\x06", 22  # a .skops file is a zip archive without a comment
HASHED_BYTES = 500_000_000  # of large files that were written after their evidence; `verify` hashes all


class Tree:
    """Looks at each file once; keeps hashes, no contents. Paths are relative to the working directory."""

    def __init__(self):
        self._sha256: dict[str, str | None] = {}
        self._whole: dict[str, bool] = {}
        self._left = HASHED_BYTES
        self.not_hashed: list[str] = []

    def json(self, path: str) -> dict | None:
        """Return the content of a JSON file; None where it is not there or not whole."""
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError:
            return None
        if path not in self._sha256:
            self._sha256[path] = hashlib.sha256(content).hexdigest()
        try:
            found = json.loads(content)
        except (ValueError, RecursionError):
            found = None
        self._whole[path] = isinstance(found, dict)
        return found if self._whole[path] else None

    def is_whole(self, path: str) -> bool:
        """Whether a file that is there ends as its kind ends."""
        if path not in self._whole:
            self._whole[path] = self._ends_well(path)
        return self._whole[path]

    def sha256(self, path: str) -> str | None:
        """Return the hash of a file; None where it is not here, or too much is hashed already."""
        if path not in self._sha256:
            self._sha256[path] = self._hash(path)
        return self._sha256[path]

    def changed(self, evidence: str) -> list[str]:
        """Return the files that are not what evidence.json says; large ones count where they were written after it."""
        content = self.json(evidence) or {}
        provenance = content.get("provenance")
        models = provenance.get("models") if isinstance(provenance, dict) else None
        recorded = {}
        for part in (content.get("files"), models):
            recorded |= part if isinstance(part, dict) else {}
        found = []
        with contextlib.suppress(OSError):
            then = os.stat(evidence).st_mtime_ns
            found = [path for path, sha256 in recorded.items() if self._differs(path, sha256, then)]
        tracking = os.path.join(os.path.dirname(evidence), "tracking.json")
        if isinstance(provenance, dict) and (tracked := self.json(tracking)) is not None:
            found += [tracking] if tracked != provenance.get("tracking", tracked) else []
        return found

    def _differs(self, path: str, sha256: object, then: int) -> bool:
        if not path.endswith(".json"):
            try:
                if os.stat(path).st_mtime_ns <= then:
                    return False
            except OSError:
                return False  # pruned, or missing, which its own stage says
        found = self.sha256(path)
        return found is not None and found != sha256

    def _ends_well(self, path: str) -> bool:
        if path.endswith(".json"):
            return self.json(path) is not None
        if placeholders.among([path]):
            return True
        try:
            with open(path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(max(size - ZIP_END_BYTES, 0))
                end = file.read()
        except OSError:
            return False
        return {".parquet": end.endswith(PARQUET_END), ".skops": end.startswith(ZIP_END)}.get(_kind(path), size > 0)

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
