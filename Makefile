# Two commands do everything on a fresh machine: `make demo` and `make test`.
# They make a virtual environment of their own in .venv and install pinned, hashed requirements.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all:
EDITABLE := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
WORKERS ?= 4

.PHONY: help demo test test-deploy check format bench requirements reference clean

help:
	@echo "make demo          the whole idea in under a minute, on this machine, no account needed"
	@echo "make test          every test (those that need radosgw are skipped by name where it is missing)"
	@echo "make test-deploy   the Pulumi components alone, without network or account"
	@echo "make check         lint, types, layers"
	@echo "make bench         speed and memory as ratios against rclone"
	@echo "make reference     regenerate docs/reference and the plugin's schema from the code"
	@echo "make requirements  pin the newest versions again"

$(VENV)/run.stamp: requirements/run.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) -r requirements/run.txt
	$(EDITABLE)
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) -r requirements/dev.txt
	$(EDITABLE)
	@touch $@ $(VENV)/run.stamp

demo: $(VENV)/run.stamp
	$(BIN)/ferryline demo

check: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

test-deploy: $(VENV)/dev.stamp
	$(BIN)/python -m pytest tests/deploy

bench: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.datasets

reference: $(VENV)/dev.stamp
	$(BIN)/python docs/generate.py
	$(BIN)/python -m ferryline.policy.reference > docs/reference/policy.md
	$(BIN)/python -m ferryline.policy.json_schema > .policy.schema.json
	mv .policy.schema.json src/ferryline/policy/policy.schema.json
	$(BIN)/python -c "from ferryline.deploy import hosting; hosting.write()"

requirements:
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header \
	  --output-file requirements/run.txt pyproject.toml requirements/run.in
	$(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header \
	  --output-file requirements/dev.txt pyproject.toml requirements/dev.in

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
