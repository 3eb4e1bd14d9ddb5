"""Write each event that Monthwise needs to an open file descriptor, as a line of JSON: a logger plugin of Snakemake.

Snakemake's own output does not change. events.py reads the lines.
"""

import json
import logging
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """Options of the plugin: `--logger-monthwise-descriptor`."""

    descriptor: int | None = field(default=None, metadata={"help": "File descriptor to write to", "type": int})


class LogHandler(LogHandlerBase):
    """Writes events until nobody reads them, then lets Snakemake end: running jobs finish, no new jobs start."""

    writes_to_stream = False
    writes_to_file = False
    has_filter = True  # its own: --quiet hides no event
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        assert isinstance(self.settings, LogHandlerSettings)  # Snakemake makes them from the options above
        self.descriptor = self.settings.descriptor or -1
        os.set_inheritable(self.descriptor, False)
        self.is_alone = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as one line if it is an event that matters."""
        try:
            fields = _fields(record, vars(record))
            if fields is not None and not self.is_alone:
                self._write(json.dumps(fields).encode() + b"\n")
        except BrokenPipeError:
            self.is_alone = True
            os.kill(os.getpid(), signal.SIGTERM)
        except Exception:
            self.handleError(record)  # the calling thread continues

    def _write(self, line: bytes) -> None:
        while line:
            line = line[os.write(self.descriptor, line) :]


def _fields(record: logging.LogRecord, content: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a line has of the `content` (attributes) of a record; None for an event that does not matter."""
    event = content.get("event")
    if event == LogEvent.JOB_INFO:
        fields = {name: content[name] for name in ("jobid", "reason", "local", "input", "output", "log")}
        fields |= {"rule": content["rule_name"], "wildcards": dict(content["wildcards"])}
    elif event == LogEvent.JOB_FINISHED:
        fields = {"jobid": content["job_id"]}
    elif event == LogEvent.JOB_ERROR:
        fields = {"jobid": content["jobid"], "in_group": content["indent"]}
    elif event == LogEvent.GROUP_ERROR:
        fields = {"jobids": [job["jobid"] for job in content["job_error_info"]]}
    elif event == LogEvent.ERROR:
        fields = {"exception": content["exception"], "message": record.getMessage()}
    else:
        return None
    return {"event": str(event), **fields}
