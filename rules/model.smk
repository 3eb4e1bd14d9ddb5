# One run month: trained on the window that ends at M-2, measured on M-1, logged.


rule train:
    input:
        program=program("train"),
        modules=modules("train"),
        recipe=recipe_file,
        features=training_features,
    output:
        model=ensure("runs/{service}/{month}/model.skops", non_empty=True),
        baseline=ensure("runs/{service}/{month}/baseline.skops", non_empty=True),
        training=ensure("runs/{service}/{month}/training.json", non_empty=True),
    log:
        "logs/train/{service}/{month}.log",
    benchmark:
        "benchmarks/train/{service}/{month}.tsv"
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(600, 9, at_most=4000),  # no more than train.max_rows are held
    params:
        settings=settings("train"),
    shell:
        "python {input.program:q} --features {input.features:q} --settings {params.settings:q}"
        " --model {output.model:q} --baseline {output.baseline:q} --training {output.training:q} > {log:q} 2>&1"


rule evaluate:
    input:
        program=program("evaluate"),
        modules=modules("evaluate"),
        model="runs/{service}/{month}/model.skops",
        baseline="runs/{service}/{month}/baseline.skops",
        training="runs/{service}/{month}/training.json",
        features=validation_features,
        zones=zones_file,
    output:
        validation=ensure("runs/{service}/{month}/validation.parquet", non_empty=True),
        metrics=ensure("runs/{service}/{month}/metrics.json", non_empty=True),
    log:
        "logs/evaluate/{service}/{month}.log",
    benchmark:
        "benchmarks/evaluate/{service}/{month}.tsv"
    conda:
        "../environment.yml"
    resources:
        mem_mb=memory(600, 9),
    params:
        settings=settings("evaluate"),
    shell:
        "python {input.program:q} --model {input.model:q} --baseline {input.baseline:q} --training {input.training:q}"
        " --features {input.features:q} --zones {input.zones:q} --settings {params.settings:q}"
        " --validation {output.validation:q} --metrics {output.metrics:q} > {log:q} 2>&1"


rule track:
    input:
        program=program("track"),
        modules=modules("track"),
        model="runs/{service}/{month}/model.skops",
        training="runs/{service}/{month}/training.json",
        metrics="runs/{service}/{month}/metrics.json",
        features=training_features,
        validation_features=validation_features,
    output:
        tracking=ensure("runs/{service}/{month}/tracking.json", non_empty=True),
    log:
        "logs/track/{service}/{month}.log",
    benchmark:
        "benchmarks/track/{service}/{month}.tsv"
    conda:
        "../environment.yml"
    resources:
        mem_mb=700,
    params:
        settings=settings("track"),
    shell:
        "python {input.program:q} --model {input.model:q} --training {input.training:q} --metrics {input.metrics:q}"
        " --features {input.features:q} --validation-features {input.validation_features:q}"
        " --settings {params.settings:q} --tracking {output.tracking:q} > {log:q} 2>&1"
