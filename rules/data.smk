# One data month: located, fetched, cleaned, turned into features. Each step runs once, although three runs use it.


rule locate:
    input:
        # An edit must not delete the facts known about a month, nor request all months again.
        program=ancient(program("locate")),
    output:
        source=ensure("data/{dataset}/{month}/source.json", non_empty=True),
    log:
        "logs/locate/{dataset}/{month}.log",
    benchmark:
        "benchmarks/locate/{dataset}/{month}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=200,
        runtime=10,
    params:
        settings=settings("locate"),
    shell:
        "limit {resources.runtime}m"
        " python {input.program:q} --settings {params.settings:q} --source {output.source:q} > {log:q} 2>&1"


rule ingest:
    input:
        program=of_data(program("ingest")),
        modules=of_data(modules("ingest")),
        source=of_data("data/{dataset}/{month}/source.json"),
    output:
        raw=ensure("data/{dataset}/{month}/raw.file", non_empty=True),
    log:
        "logs/ingest/{dataset}/{month}.log",
    benchmark:
        "benchmarks/ingest/{dataset}/{month}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=120,
    params:
        settings=settings("ingest"),
    shell:
        "limit {resources.runtime}m"
        " python {input.program:q} --source {input.source:q} --settings {params.settings:q}"
        " --raw {output.raw:q} > {log:q} 2>&1"


rule clean:
    input:
        program=of_data(program("clean")),
        modules=of_data(modules("clean")),
        raw=of_data("data/{dataset}/{month}/raw.file"),
        prepare=of_data(prepare_module),
        files=of_data(prepare_files),
    output:
        rows=ensure("data/{dataset}/{month}/rows.parquet", non_empty=True),
        quality=report(
            ensure("data/{dataset}/{month}/quality.json", non_empty=True),
            category="Data",
            subcategory="{dataset}",
            labels={"month": "{month}", "shows": "rows in and out"},
        ),
    log:
        "logs/clean/{dataset}/{month}.log",
    benchmark:
        "benchmarks/clean/{dataset}/{month}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=memory(500, 1),
        runtime=60,
    params:
        settings=settings("clean"),
    shell:
        "limit {resources.runtime}m"
        " python {input.program:q} --raw {input.raw:q} --prepare {input.prepare:q} --files {input.files:q}"
        " --settings {params.settings:q} --rows {output.rows:q} --quality {output.quality:q} > {log:q} 2>&1"


rule featurize:
    input:
        program=of_data(program("featurize")),
        modules=of_data(modules("featurize")),
        rows=of_data("data/{dataset}/{month}/rows.parquet"),
        quality=of_data("data/{dataset}/{month}/quality.json"),
        prepare=of_data(prepare_module),
        files=of_data(prepare_files),
    output:
        features=ensure("data/{dataset}/{month}/features.parquet", non_empty=True),
    log:
        "logs/featurize/{dataset}/{month}.log",
    benchmark:
        "benchmarks/featurize/{dataset}/{month}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=memory(500, 1),
        runtime=60,
    params:
        settings=settings("featurize"),
    shell:
        "limit {resources.runtime}m"
        " python {input.program:q} --rows {input.rows:q} --quality {input.quality:q}"
        " --prepare {input.prepare:q} --files {input.files:q}"
        " --settings {params.settings:q} --features {output.features:q} > {log:q} 2>&1"
