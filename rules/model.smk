# One run month: trained on the window that ends at M-2, validated on M-1, logged in MLflow.


rule train:
    input:
        program=of_run(program("train")),
        modules=of_run(modules("train")),
        recipe=of_run(recipe_file),
        features=of_run(training_features),
    output:
        model=ensure("runs/{dataset}/{month}/model.skops", non_empty=True),
        baseline=ensure("runs/{dataset}/{month}/baseline.skops", non_empty=True),
        training=ensure("runs/{dataset}/{month}/training.json", non_empty=True),
        provenance=ensure("runs/{dataset}/{month}/train.provenance.json", non_empty=True),
    log:
        "logs/train/{dataset}/{month}.log",
    benchmark:
        "benchmarks/train/{dataset}/{month}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=memory(600, 9, at_most=4000),  # at most train.max_rows rows are in memory
        runtime=240,
    params:
        settings=settings("train"),
    shell:
        "limit {resources.runtime}m"
        " python {input.program:q} --features {input.features:q} --settings {params.settings:q}"
        " --model {output.model:q} --baseline {output.baseline:q} --training {output.training:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"


rule evaluate:
    input:
        program=of_run(program("evaluate")),
        modules=of_run(modules("evaluate")),
        model=of_run("runs/{dataset}/{month}/model.skops"),
        baseline=of_run("runs/{dataset}/{month}/baseline.skops"),
        training=of_run("runs/{dataset}/{month}/training.json"),
        features=of_run(validation_features),
    output:
        validation=ensure("runs/{dataset}/{month}/validation.parquet", non_empty=True),
        metrics=report(
            ensure("runs/{dataset}/{month}/metrics.json", non_empty=True),
            category="Model",
            subcategory="{dataset}",
            labels={"month": "{month}", "shows": "errors on the validation month"},
        ),
        provenance=ensure("runs/{dataset}/{month}/evaluate.provenance.json", non_empty=True),
    log:
        "logs/evaluate/{dataset}/{month}.log",
    benchmark:
        "benchmarks/evaluate/{dataset}/{month}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=memory(600, 9),
        runtime=120,
    params:
        settings=settings("evaluate"),
    shell:
        "limit {resources.runtime}m"
        " python {input.program:q} --model {input.model:q} --baseline {input.baseline:q} --training {input.training:q}"
        " --features {input.features:q} --settings {params.settings:q}"
        " --validation {output.validation:q} --metrics {output.metrics:q} --provenance {output.provenance:q}"
        " > {log:q} 2>&1"


rule track:
    input:
        program=of_run(program("track")),
        modules=of_run(modules("track")),
        model=of_run("runs/{dataset}/{month}/model.skops"),
        training=of_run("runs/{dataset}/{month}/training.json"),
        metrics=of_run("runs/{dataset}/{month}/metrics.json"),
        features=of_run(training_features),
        validation_features=of_run(validation_features),
    output:
        tracking=ensure("runs/{dataset}/{month}/tracking.json", non_empty=True),
    log:
        "logs/track/{dataset}/{month}.log",
    benchmark:
        "benchmarks/track/{dataset}/{month}.tsv"
    retries: 1
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=700,
        runtime=30,
    params:
        settings=settings("track"),
    shell:
        "limit {resources.runtime}m"
        " python {input.program:q} --model {input.model:q} --training {input.training:q} --metrics {input.metrics:q}"
        " --features {input.features:q} --validation-features {input.validation_features:q}"
        " --settings {params.settings:q} --tracking {output.tracking:q} > {log:q} 2>&1"
