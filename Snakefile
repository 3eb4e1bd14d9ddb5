# Monthwise: retrains a model every month with files alone. README.md shows how to ask for months.

from snakemake.utils import min_version

min_version("9.27")


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/model.smk"
include: "rules/champion.smk"
include: "rules/evidence.smk"


# What takes no time is done where Snakemake runs, also when a cluster does the rest.
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
