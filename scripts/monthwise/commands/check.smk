# The smallest workflow there is: one file made from another. `./monthwise check` runs it in a scratch folder.


rule all:
    input:
        "greeting.txt",


rule hello:
    output:
        "hello.txt",
    log:
        "hello.log",
    conda:
        "../../../environment.yml"
    shell:
        "python -c 'print(\"hello\")' > {output:q} 2> {log:q}"


rule greeting:
    input:
        "hello.txt",
    output:
        "greeting.txt",
    log:
        "greeting.log",
    conda:
        "../../../environment.yml"
    shell:
        "python -c 'import sys; print(open(sys.argv[1]).read().strip(), \"world\")' {input:q} > {output:q} 2> {log:q}"
