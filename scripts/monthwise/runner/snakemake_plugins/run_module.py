"""Run a module as `python -m MODULE ARGUMENTS` does, with this folder on sys.path.

Snakemake then finds the logger plugin in this process alone. PYTHONPATH would reach jobs as well.
"""

import io
import os
import runpy
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # whatever the locale
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
