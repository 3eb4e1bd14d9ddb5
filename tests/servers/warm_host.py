"""Stand-in for Snakemake in tests of the warm start: start it, run shell commands at once, print how each ended.

    python warm_host.py COMMAND ...

Prints one JSON line once it has started (the address of the warm processes, if any), and one line a command in the
order of the commands: [exit code, what it wrote]. PATIENCE_S is how long it waits for a warm process without an answer.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from monthwise.job import warm
from monthwise.job.warm import watch
from monthwise.workflow import stages

if "PATIENCE_S" in os.environ:
    watch.PATIENCE_S, watch.LOOK_S = float(os.environ["PATIENCE_S"]), 1.0
warm.start(True, stages.by_warm_process())
print(json.dumps(os.environ.get("MONTHWISE_WARM_ADDRESS", "")), flush=True)
pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "stdin": subprocess.DEVNULL}
jobs = [subprocess.Popen(["bash", "-c", command], **pipes) for command in sys.argv[1:]]
for job in jobs:
    output = job.communicate()[0]
    code = job.returncode if job.returncode >= 0 else 128 - job.returncode  # bash may have become the command
    print(json.dumps([code, output]), flush=True)
