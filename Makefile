# The one front door: `make` tells what there is. Needs Python 3.11 or newer with venv, and make; the rest is fetched.

PYTHON ?= python3
CACHE ?= $(or $(STORYJOB_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/storyjob)
# A uv of our own lives in a virtual environment: where the system's Python is managed, pip may not install there.
UV ?= $(or $(shell command -v uv 2>/dev/null),$(CACHE)/uv/bin/uv)
RUN = $(UV) run --frozen --no-sync
STORY ?=
N ?= 1
SEED ?= 0
DOCKER ?= docker
IMAGE ?= storyjob:dev
# Such as --build-arg BASE=… or --network host.
IMAGE_FLAGS ?=
SPEED ?= 1
STORIES ?= 60

export UV_PYTHON_DOWNLOADS = never

.DEFAULT_GOAL := help
.PHONY: help setup binaries demo down run test unit contract simulation simulate integration crashes chaos bench image chart e2e e2e-ready helm release-dry-run release-files chart-docs crds lint fmt verify verify-full clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.synced ## Install everything that the other targets need

$(CACHE)/uv/bin/uv:
	$(PYTHON) -m venv $(CACHE)/uv
	$(CACHE)/uv/bin/python -m pip install --quiet --disable-pip-version-check uv

.venv/.synced: pyproject.toml uv.lock | $(UV)
	$(UV) sync --frozen --all-extras --compile-bytecode
	@touch $@

demo: setup ## Make a film with simulated providers (STORY=file.yaml, SPEED=2, KEEP=1 to leave it running)
	$(RUN) storyjob local demo $(STORY) --speed $(SPEED) $(if $(KEEP),--keep)

down: setup ## Stop what `make demo KEEP=1` left running
	$(RUN) storyjob local down

run: setup ## Run control plane, S3, operator, webhook and simulated providers until Ctrl-C
	$(RUN) storyjob local up --operator

test: unit contract simulation integration crashes ## Run all tests

unit: setup ## Run the unit tests
	$(RUN) pytest tests/unit

contract: setup ## Run the adapters against the simulator, and the simulator against the vendors' SDKs
	$(RUN) pytest tests/contract

simulation: setup ## Run 2,000 random fault schedules under virtual time, and the bugs planted to be found
	$(RUN) pytest tests/simulation

simulate: setup ## Run N schedules from SEED on; one alone is told line by line (N=10000, SEED=7)
	cd tests && ../.venv/bin/python -m simulation --count $(N) --seed $(SEED)

binaries: setup ## Get or build the Kubernetes binaries, once
	$(RUN) storyjob local binaries

integration: binaries ## Run the tests against a real API server and S3
	$(RUN) pytest tests/integration

crashes: binaries ## Kill the operator at each named point, and a few processes at random
	$(RUN) pytest tests/chaos

chaos: N = 200
chaos: SEED = # without one it draws one and says which
chaos: binaries ## Kill, pause and cut off everything while stories are made (N= kills, STORIES=, SEED=)
	CHAOS_KILLS=$(N) CHAOS_STORIES=$(STORIES) CHAOS_SEED=$(SEED) \
	  $(RUN) pytest -m chaos tests/chaos

bench: binaries ## Measure (tests/benchmarks)
	$(RUN) pytest -m bench tests/benchmarks

image: ## Build the container image (IMAGE=name:tag, IMAGE_FLAGS="--build-arg BASE=…")
	DOCKER_BUILDKIT=1 $(DOCKER) build $(IMAGE_FLAGS) --tag $(IMAGE) \
	  --build-arg VERSION=$(shell awk -F '"' '/^version = /{print $$2; exit}' pyproject.toml) \
	  --build-arg REVISION=$(shell git rev-parse HEAD 2>/dev/null || echo unknown) \
	  --build-arg CREATED=$(shell git log -1 --format=%cI 2>/dev/null || echo 1970-01-01T00:00:00Z) .

lint: setup ## Check style, types, layers and the Dockerfile
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) hadolint Dockerfile
	$(RUN) mypy
	$(RUN) lint-imports

fmt: setup ## Format the code and mend what can be mended
	$(RUN) ruff format .
	$(RUN) ruff check --fix .

crds: setup ## Write the CustomResourceDefinitions anew from the models
	$(RUN) storyjob crds --output crds --docs docs/spec

chart: setup ## Check the Helm chart (gets or builds Helm 3, once)
	$(RUN) pytest tests/unit/chart tests/contract/chart

e2e: setup ## Install the chart on kind or a node of our own and take a release through its life (docs/e2e.md)
	$(RUN) pytest -x -s -m e2e tests/e2e

e2e-ready: setup ## Try whether `make e2e` can run here, and get or build what it needs, once
	PYTHONPATH=tests $(RUN) python -m e2e.probe

helm: setup ## Get or build Helm 3 for the tests, once
	@PYTHONPATH=tests $(RUN) python -m support.helm version --short

release-dry-run: setup ## Write what a release consists of to dist/, publish nothing
	rm -rf dist && mkdir dist
	PYTHONPATH=tests $(RUN) python -m support.helm package charts/storyjob --destination dist
	$(RUN) storyjob crds > dist/storyjob-crds.yaml
	$(UV) export --quiet --frozen --no-default-groups --extra ffmpeg --extra speech --extra otel --format cyclonedx1.5 > dist/storyjob-sbom.cdx.json
	$(UV) build --quiet --out-dir dist

release-files: release-dry-run

chart-docs: setup ## Write the chart's README anew from its values (needs helm-docs)
	helm-docs --chart-search-root charts

verify: lint ## Style, types, layers, and generated files are current
	$(RUN) storyjob crds --check --docs docs/spec

verify-full: verify ## The same, our reading of kstatus against the real library, and actionlint (built with Go, once)
	$(RUN) pytest tests/full

clean: ## Remove the virtual environment and caches of this checkout
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist build
