# One data month: located, fetched, cleaned, turned into features. Each step runs once, although three runs use it.


rule locate:
    input:
        # An edit must not delete the facts known about a month, nor request all months again.
        program=ancient(program("locate")),
    output:
        source=ensure("data/{service}/{month}/source.json", non_empty=True),
    log:
        "logs/locate/{service}/{month}.log",
    benchmark:
        "benchmarks/locate/{service}/{month}.tsv"
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
        source=of_data("data/{service}/{month}/source.json"),
    output:
        raw=ensure("data/{service}/{month}/raw.parquet", non_empty=True),
    log:
        "logs/ingest/{service}/{month}.log",
    benchmark:
        "benchmarks/ingest/{service}/{month}.tsv"
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
        raw=of_data("data/{service}/{month}/raw.parquet"),
        zones=of_data(zones_file),
    output:
        trips=ensure("data/{service}/{month}/trips.parquet", non_empty=True),
        quality=report(
            ensure("data/{service}/{month}/quality.json", non_empty=True),
            category="Data",
            subcategory="{service}",
            labels={"month": "{month}", "shows": "rows in and out"},
        ),
    log:
        "logs/clean/{service}/{month}.log",
    benchmark:
        "benchmarks/clean/{service}/{month}.tsv"
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
        " python {input.program:q} --raw {input.raw:q} --zones {input.zones:q} --settings {params.settings:q}"
        " --trips {output.trips:q} --quality {output.quality:q} > {log:q} 2>&1"


rule featurize:
    input:
        program=of_data(program("featurize")),
        modules=of_data(modules("featurize")),
        trips=of_data("data/{service}/{month}/trips.parquet"),
        quality=of_data("data/{service}/{month}/quality.json"),
        zones=of_data(zones_file),
    output:
        features=ensure("data/{service}/{month}/features.parquet", non_empty=True),
    log:
        "logs/featurize/{service}/{month}.log",
    benchmark:
        "benchmarks/featurize/{service}/{month}.tsv"
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
        " python {input.program:q} --trips {input.trips:q} --quality {input.quality:q} --zones {input.zones:q}"
        " --settings {params.settings:q} --features {output.features:q} > {log:q} 2>&1"
