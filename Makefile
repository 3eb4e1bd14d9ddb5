# make demo: the first ten minutes.  make test: everything that this user can check.  make lock: after an edit of pyproject.toml.
# make bench: what it costs, beside a plain script; most of an hour on a quiet machine, into bench/RESULTS.md.

PYTHON ?= python3
BIN = .venv/bin
CORES ?= 2

.PHONY: setup slurm demo test lint nightly bench docs lock

setup: .venv/.ready

# Compiled bytecode makes every program start three times as fast.
.venv/.ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	@echo "Installing the packages of requirements.txt into .venv (once, a minute or two) ..."
	$(PYTHON) -m venv --clear .venv
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pip install --disable-pip-version-check --require-hashes \
		--compile --progress-bar off -r requirements.txt
	@touch $@

# What jobs on a cluster need on top; `make test` puts it beside the environment, where only its tests find it.
PLUGIN = env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pip install --disable-pip-version-check --require-hashes --no-deps --compile

slurm: setup
	$(PLUGIN) -r requirements-slurm.txt

.venv/slurm/.ready: requirements-slurm.txt .venv/.ready
	$(PLUGIN) --upgrade --target .venv/slurm -r requirements-slurm.txt
	@touch $@

demo: setup
	./monthwise check --directory demo --configfile config/demo.yaml
	./monthwise run --directory demo --configfile config/demo.yaml --jobs $(CORES)
	@echo
	./monthwise status --directory demo --configfile config/demo.yaml
	@echo
	@echo "Three run months are trained; every month, its errors and its data: open demo/report/index.html"
	@echo "What a user would type next:"
	@echo "  ./monthwise plan 2024-01..2024-03                       ask the TLC what it has published, and what that takes"
	@echo "  ./monthwise run 2024-01..2024-03                        the same three months on real trips"
	@echo "  .venv/bin/mlflow ui --backend-store-uri sqlite:///demo/mlflow.db      shows the MLflow runs of the demo"

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/snakefmt --check Snakefile rules scripts
	$(BIN)/snakemake --lint
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -n 0 tests/repository/test_rooms.py

test: lint .venv/slurm/.ready
	$(BIN)/python -m pytest

# What takes longer than a change should wait for, an hour and more: twelve months of two datasets, killed in between, warm,
# cold and on Slurm; all flights; each dataset of the TLC; results of the format before; a history month by month; five seeds
# of noise; six months of cron; PostgreSQL ten times; the bucket; all that can be taken away from the warm start, each kind of
# home, locale and folder; the plain script of `make bench`; the crontab line; MLflow's own pages and server; 5,000 damaged
# months.
NIGHTLY = end_to_end commands/test_check.py data/test_fuzz.py repository/test_bench.py test_register.py
nightly: setup .venv/slurm/.ready
	MONTHWISE_NIGHTLY=1 $(BIN)/python -m pytest $(NIGHTLY:%=tests/%)

bench: setup
	$(BIN)/python bench/backfill.py
	$(BIN)/python bench/growth.py

# docs/config.md, config/schema.json and docs/files.md, after an edit of scripts/monthwise/config/sections/ or
# scripts/monthwise/base/file_types/.
docs: setup
	PYTHONPATH=scripts $(BIN)/python -m monthwise.config.documentation
	PYTHONPATH=scripts $(BIN)/python -m monthwise.base.file_types.documentation

lock:
	uv pip compile pyproject.toml --extra test --universal --generate-hashes --no-header --output-file requirements.txt
	printf '%s\n' snakemake-executor-plugin-slurm snakemake-executor-plugin-slurm-jobstep | uv pip compile - --no-deps --generate-hashes --no-header --output-file requirements-slurm.txt
