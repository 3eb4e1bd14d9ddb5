# The smallest possible run. Its jobs start as those of a run do. `./monthwise check` runs it where the results will be.

import os
import sys

sys.path.insert(0, os.path.join(workflow.basedir, "../.."))
from monthwise.base import environment
from monthwise.job import warm
from monthwise.workflow import stages

environment.for_jobs()
shell.prefix(environment.SHELL_PREFIX)
PROGRAM = os.path.join(workflow.basedir, "check_job.py")


onstart:
    warm.start(workflow.local_exec and workflow.is_main_process, stages.by_warm_process(["clean"]))


rule all:
    input:
        "warm.json",


# One link has the name of a program that starts warm, the other link has the name of one that does not.
rule link:
    output:
        cold="cold/check_job.py",
        warm="warm/clean.py",
    log:
        "link.log",
    conda:
        "../../../environment.yml"
    params:
        program=PROGRAM,
    shell:
        "(ln -s {params.program:q} {output.cold:q} && ln -s {params.program:q} {output.warm:q}) 2> {log:q}"


rule cold:
    input:
        program="cold/check_job.py",
    output:
        answer="cold.json",
    log:
        "cold.log",
    conda:
        "../../../environment.yml"
    shell:
        "limit 5m python {input.program:q} {output.answer:q} > {log:q} 2>&1"


rule warm:
    input:
        program="warm/clean.py",
        before="cold.json",
    output:
        answer="warm.json",
    log:
        "warm.log",
    conda:
        "../../../environment.yml"
    shell:
        "limit 5m python {input.program:q} {output.answer:q} > {log:q} 2>&1"
