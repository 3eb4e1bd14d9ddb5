"""Write each event that Monthwise needs to an open file descriptor, as a line of JSON: a logger plugin of Snakemake.

Snakemake's own output does not change. events.py reads the lines.
"""

import json
import logging
import os
import signal
from dataclasses import dataclass, field

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
        os.set_inheritable(self.settings.descriptor, False)
        self.is_alone = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as one line if it is an event that matters."""
        try:
            fields = _fields(record)
            if fields is not None and not self.is_alone:
                self._write(json.dumps({"event": str(record.event), **fields}).encode() + b"\n")
        except BrokenPipeError:
            self.is_alone = True
            os.kill(os.getpid(), signal.SIGTERM)
        except Exception:
            self.handleError(record)  # the calling thread continues

    def _write(self, line: bytes) -> None:
        while line:
            line = line[os.write(self.settings.descriptor, line) :]


def _fields(record: logging.LogRecord) -> dict | None:
    event = getattr(record, "event", None)
    if event == LogEvent.JOB_INFO:
        plain = {name: getattr(record, name) for name in ("jobid", "reason", "local", "input", "output", "log")}
        return plain | {"rule": record.rule_name, "wildcards": dict(record.wildcards)}
    if event == LogEvent.JOB_FINISHED:
        return {"jobid": record.job_id}
    if event == LogEvent.JOB_ERROR:
        return {"jobid": record.jobid, "in_group": record.indent}
    if event == LogEvent.GROUP_ERROR:
        return {"jobids": [job["jobid"] for job in record.job_error_info]}
    if event == LogEvent.ERROR:
        return {"exception": record.exception, "message": record.getMessage()}
    return None
