# Everything a person or CI does with this checkout; `make` lists it.
# `make tour PYTHON=/path/to/python3` chooses the Python that .venv is made with.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help tour test check format docs wheel clean env-tour env-dev
export PYTHON

help:            ## this list
	@awk -F ' *[:#]+ *' '/^[a-z]+:.*##/ { printf "  make %-8s %s\n", $$1, substr($$0, index($$0, "##") + 3) }' Makefile

tour:  env-tour  ## see every application at work on photographs: an HTML report
	@.venv/bin/macaw tour

test:  env-dev   ## the test suite
	@.venv/bin/python -m pytest -n 2 --dist loadfile

check: env-dev   ## style, types, import layers, generated pages
	@.venv/bin/python -m ruff check
	@.venv/bin/python -m ruff format --check
	@.venv/bin/python -m mypy
	@.venv/bin/lint-imports --no-logo
	@.venv/bin/python scripts/generate_docs.py --check

format: env-dev  ## put the source into the house format
	@.venv/bin/python -m ruff check --fix
	@.venv/bin/python -m ruff format

docs:  env-dev   ## write the generated pages anew: docs/cli.md, tasks.md, rules.md
	@.venv/bin/python scripts/generate_docs.py

wheel: env-tour  ## build dist/macaw-*.whl and try it, without torch, outside the checkout
	@sh scripts/wheel.sh

clean:           ## remove everything that was made here, .venv too
	rm -rf .venv .venv-install.log dist build tour .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# The tour needs no torch: a stranger waits less. A full environment serves it as well.
env-tour:
	@sh scripts/environment.sh tour dev,train

env-dev:
	@sh scripts/environment.sh dev,train
