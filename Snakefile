# Monthwise: retrains a model every month with files alone. README.md shows how to ask for months.

from snakemake.utils import min_version

min_version("9.27")


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/model.smk"
include: "rules/champion.smk"
include: "rules/evidence.smk"


rule all:
    default_target: True
    input:
        default_targets,
