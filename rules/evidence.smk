# Decisions and the data they are based on: in the model registry, and in files that can be checked without it.


rule evidence:
    input:
        program=of_run(program("evidence")),
        modules=of_run(modules("evidence")),
        files=of_run(evidence_files),
        sources=of_run(prepare_sources),
    output:
        evidence=ensure("runs/{dataset}/{month}/evidence.json", non_empty=True),
    log:
        "logs/evidence/{dataset}/{month}.log",
    benchmark:
        "benchmarks/evidence/{dataset}/{month}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=200,
        runtime=30,
    params:
        settings=settings("evidence"),
    shell:
        "limit {resources.runtime}m"
        " python {input.program:q} --files {input.files:q} --sources {input.sources:q}"
        " --settings {params.settings:q} --evidence {output.evidence:q} > {log:q} 2>&1"


rule register:
    input:
        program=program("register"),
        modules=modules("register"),
        champions=registered("champion.json"),
        trackings=registered("tracking.json"),
        lives=registered("live.json"),
    output:
        registry=ensure("registry/{dataset}.json", non_empty=True),
    log:
        "logs/register/{dataset}.log",
    benchmark:
        "benchmarks/register/{dataset}.tsv"
    retries: 1
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=700,
        runtime=60,
    params:
        settings=settings("register"),
    shell:
        "limit {resources.runtime}m"
        " python {input.program:q} --champions {input.champions:q} --trackings {input.trackings:q}"
        " --lives {input.lives:q} --settings {params.settings:q} --registry {output.registry:q} > {log:q} 2>&1"
