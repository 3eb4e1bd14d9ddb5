"""What the tests start: servers, a cluster, a browser, a stand-in for Snakemake."""
