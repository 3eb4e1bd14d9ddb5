# Champion and live error of each run month: a chain from month to month, made of files only.

# For a late month, Snakemake recurses month by month along the chain, deeper than the default limit of Python.
sys.setrecursionlimit(100_000)


rule compare:
    input:
        program=of_run(program("compare")),
        modules=of_run(modules("compare")),
        challenger=of_run("runs/{dataset}/{month}/validation.parquet"),
        champion=of_run(of_champion("predictions.parquet")),
        previous=of_run(of_champion("champion.json")),
        features=of_run(validation_features),
    output:
        comparison=report(
            ensure("runs/{dataset}/{month}/comparison.json", non_empty=True),
            category="Champion",
            subcategory="{dataset}",
            labels={"month": "{month}", "shows": "challenger against champion"},
        ),
    log:
        "logs/compare/{dataset}/{month}.log",
    benchmark:
        "benchmarks/compare/{dataset}/{month}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=memory(500, 9),
        runtime=60,
    params:
        settings=settings("compare"),
    shell:
        "limit {resources.runtime}m"
        " python {input.program:q} --challenger {input.challenger:q} --champion {input.champion:q}"
        " --previous {input.previous:q} --features {input.features:q}"
        " --settings {params.settings:q} --comparison {output.comparison:q} > {log:q} 2>&1"


rule promote:
    input:
        program=of_run(program("promote")),
        modules=of_run(modules("promote")),
        challenger=of_run(of_challenger(*stages.CANDIDATE)),
        comparison=of_run(comparison),
        previous=of_run(of_champion(*stages.CHAMPION)),
        pinned=of_run(of_pinned(*stages.CANDIDATE)),
    output:
        champion=report(
            ensure("runs/{dataset}/{month}/champion.json", non_empty=True),
            category="Champion",
            subcategory="{dataset}",
            labels={"month": "{month}", "shows": "the champion and why"},
        ),
        model=ensure("runs/{dataset}/{month}/champion.skops", non_empty=True),
        baseline=ensure("runs/{dataset}/{month}/champion_baseline.skops", non_empty=True),
    log:
        "logs/promote/{dataset}/{month}.log",
    benchmark:
        "benchmarks/promote/{dataset}/{month}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=200,
        runtime=10,
    params:
        settings=settings("promote"),
    shell:
        "limit {resources.runtime}m"
        " python {input.program:q} --challenger {input.challenger:q} --comparison {input.comparison:q}"
        " --previous {input.previous:q} --pinned {input.pinned:q} --settings {params.settings:q}"
        " --champion {output.champion:q} --model {output.model:q} --baseline {output.baseline:q}"
        " > {log:q} 2>&1"


rule score:
    input:
        program=of_run(program("score")),
        modules=of_run(modules("score")),
        champion=of_run("runs/{dataset}/{month}/champion.json"),
        model=of_run("runs/{dataset}/{month}/champion.skops"),
        baseline=of_run("runs/{dataset}/{month}/champion_baseline.skops"),
        features=of_run("data/{dataset}/{month}/features.parquet"),
    output:
        predictions=ensure("runs/{dataset}/{month}/predictions.parquet", non_empty=True),
        live=report(
            ensure("runs/{dataset}/{month}/live.json", non_empty=True),
            category="Live",
            subcategory="{dataset}",
            labels={"month": "{month}", "shows": "live errors"},
        ),
        provenance=ensure("runs/{dataset}/{month}/score.provenance.json", non_empty=True),
    log:
        "logs/score/{dataset}/{month}.log",
    benchmark:
        "benchmarks/score/{dataset}/{month}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=memory(600, 9),
        runtime=120,
    params:
        settings=settings("score"),
    shell:
        "limit {resources.runtime}m"
        " python {input.program:q} --champion {input.champion:q} --model {input.model:q}"
        " --baseline {input.baseline:q} --features {input.features:q}"
        " --settings {params.settings:q} --predictions {output.predictions:q} --live {output.live:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"


rule drift:
    input:
        program=of_run(program("drift")),
        modules=of_run(modules("drift")),
        window=of_run(window_features),
        features=of_run("data/{dataset}/{month}/features.parquet"),
    output:
        drift=report(
            ensure("runs/{dataset}/{month}/drift.json", non_empty=True),
            category="Live",
            subcategory="{dataset}",
            labels={"month": "{month}", "shows": "drift by feature"},
        ),
    log:
        "logs/drift/{dataset}/{month}.log",
    benchmark:
        "benchmarks/drift/{dataset}/{month}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=memory(500, 9),
        runtime=60,
    params:
        settings=settings("drift"),
    shell:
        "limit {resources.runtime}m"
        " python {input.program:q} --window {input.window:q} --features {input.features:q}"
        " --settings {params.settings:q} --drift {output.drift:q} > {log:q} 2>&1"
