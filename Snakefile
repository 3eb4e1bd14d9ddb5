# Monthwise: retrains a model every month, with files only. README.md shows how to request months.

from snakemake.utils import min_version

min_version("9.27")


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/model.smk"
include: "rules/champion.smk"
include: "rules/evidence.smk"


# Short jobs run where Snakemake runs, even if a cluster runs the others.
localrules:
    all,
    locate,
    promote,
    evidence,
    register,


rule all:
    default_target: True
    input:
        default_targets,
