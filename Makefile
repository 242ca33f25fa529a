# Every target does its own set-up in .venv: `make demo` and `make test` work on a fresh clone.
# README.md has the same commands as plain pip and python lines.

# Backends that `make test` installs and tests. torch is left out by default because its usual
# build for Linux brings several GB of CUDA packages; README.md tells how to get the CPU build.
BACKENDS ?= tensorflow jax
# The backend that the demo and the tests run on.
KERAS_BACKEND ?= tensorflow
export KERAS_BACKEND
# Processes that run tests side by side, each file in one of them; in order, the long files first.
TEST_PROCESSES ?= 2
# Further options of pytest, for example PYTEST_ARGS="-k downloads -x".
PYTEST_ARGS ?=

# The demos: rendered fields, and the paper's table for them, by the model that comes with the
# project, or by one that is trained on a CPU for some minutes.
DEMO_DATA ?= datasets/demo
DEMO_LOGS ?= logs/demo
DEMO_RESULTS ?= results/demo
DEMO_TRAIN_RESULTS ?= results/demo-train
DEMO_FIELDS ?= 30
DEMO_SEED ?= 1
DEMO_MINUTES ?= 9
DEMO_TRAIN ?= --weights none --backbone resnet18 --light --image-size 320 --batch-size 1 \
	--steps 100 --epochs 7 --seed $(DEMO_SEED)
DEMO_CONFIDENCES ?= 0.7 0.8 0.9

# The notebooks that `make notebooks` runs; all if empty.
NOTEBOOKS ?=

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo demo-train test notebooks docs lint format clean which-python environment

help:
	@echo "make demo    render smears and segment them: report in $(DEMO_RESULTS)"
	@echo "make demo-train  the same with a model that is trained for some minutes first"
	@echo "make test    run the test suite (BACKENDS=\"$(BACKENDS)\")"
	@echo "make notebooks  run the notebooks and store their outputs"
	@echo "make docs    build the documentation: site/index.html"
	@echo "make lint    check style with ruff, and the types of the public API with mypy"
	@echo "make format  rewrite the sources in that style"
	@echo "make clean   remove .venv and caches; data sets, runs, results and weights stay"

# --- Set-up ---------------------------------------------------------------------------------------

ENVIRONMENT_PYTHON := .venv/bin/python
SUITABLE := import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PIP_INSTALL := $(ENVIRONMENT_PYTHON) -m pip install --disable-pip-version-check \
	-c requirements/constraints.txt

# Prints the first interpreter that runs and fits. A name that is there proves nothing: version
# managers leave commands in the PATH that only print an error.
define FIND_PYTHON
for candidate in "$$PYTHON" python3 python3.13 python3.12 python3.11 python; do \
	if [ -n "$$candidate" ] && "$$candidate" -c "$(SUITABLE)" >/dev/null 2>&1 </dev/null; then \
		echo "$$candidate"; exit 0; \
	fi; \
	if [ -n "$$candidate" ] && [ "$$candidate" = "$$PYTHON" ]; then \
		echo "PYTHON=$$PYTHON does not run, or is not Python 3.11 to 3.13; trying others." >&2; \
	fi; \
done; \
echo "No suitable Python was found. Install Python 3.11, 3.12 or 3.13 with its venv module" >&2; \
echo "(on Debian and Ubuntu: packages python3 and python3-venv), or name one that you have:" >&2; \
echo "    make test PYTHON=/path/to/python3.12" >&2; \
exit 1
endef

which-python:
	@$(FIND_PYTHON)

# An environment is made where there is none, or where its interpreter has gone. Only then is it a
# prerequisite of the stamps below, and then they are all out of date.
ifneq ($(shell $(ENVIRONMENT_PYTHON) -c "import pip; $(SUITABLE)" >/dev/null 2>&1 && echo works),works)
ENVIRONMENT := environment
endif
environment:
	@python=$$($(FIND_PYTHON)) || exit 1; \
	if [ -e .venv ]; then echo "Replacing .venv, which does not run or is not Python 3.11 to 3.13."; fi; \
	echo "Making .venv with $$python"; \
	"$$python" -m venv --clear .venv

# One stamp for each set of extras, written after pip ended well; the checksum of the folder's path
# is in its name because an editable installation does not survive a move of the folder.
PLACE := $(firstword $(shell pwd | cksum))
comma := ,
empty :=
space := $(empty) $(empty)
stamp = .venv/installed/$(subst $(space),$(comma),$(strip $(1)))-$(PLACE)

.venv/installed/%-$(PLACE): pyproject.toml setup.py requirements/constraints.txt $(ENVIRONMENT)
	$(PIP_INSTALL) -e ".$(if $(filter base,$*),,[$*])"
	@mkdir -p $(@D) && touch "$@"

.venv/installed/lint-$(PLACE): requirements/constraints.txt $(ENVIRONMENT)
	$(PIP_INSTALL) ruff mypy numpy
	@mkdir -p $(@D) && touch "$@"

KNOWN_BACKENDS := tensorflow jax torch
ALL_BACKENDS := $(sort $(BACKENDS) $(KERAS_BACKEND))
ifneq ($(filter-out $(KNOWN_BACKENDS),$(ALL_BACKENDS)),)
$(error BACKENDS and KERAS_BACKEND are names among: $(KNOWN_BACKENDS). Unknown: \
	$(filter-out $(KNOWN_BACKENDS),$(ALL_BACKENDS)))
endif
# TensorFlow is always installed; the others are extras of the same name.
TEST_STAMP := $(call stamp,dev $(filter-out tensorflow,$(ALL_BACKENDS)))
DEMO_STAMP := $(call stamp,$(or $(filter-out tensorflow,$(KERAS_BACKEND)),base))
LINT_STAMP := $(call stamp,lint)
DOCS_STAMP := $(call stamp,docs)

# --- Work -----------------------------------------------------------------------------------------

demo: $(DEMO_STAMP)
	$(ENVIRONMENT_PYTHON) samples/rbc/rbc.py smears $(DEMO_DATA) \
		--fields $(DEMO_FIELDS) --seed $(DEMO_SEED)
	$(ENVIRONMENT_PYTHON) samples/rbc/rbc.py evaluate --dataset $(DEMO_DATA) --subset val \
		--weights rbc --min-conf $(DEMO_CONFIDENCES) --out $(DEMO_RESULTS)
	@echo
	@echo "Done. Open $(DEMO_RESULTS)/report.html in a browser."

demo-train: $(DEMO_STAMP)
	$(ENVIRONMENT_PYTHON) samples/rbc/rbc.py smears $(DEMO_DATA) \
		--fields $(DEMO_FIELDS) --seed $(DEMO_SEED)
	$(ENVIRONMENT_PYTHON) samples/rbc/rbc.py train --dataset $(DEMO_DATA) --logs $(DEMO_LOGS) \
		$(DEMO_TRAIN) --max-minutes $(DEMO_MINUTES)
	$(ENVIRONMENT_PYTHON) samples/rbc/rbc.py evaluate --dataset $(DEMO_DATA) --subset val \
		--logs $(DEMO_LOGS) --weights last --min-conf $(DEMO_CONFIDENCES) --sweep \
		--out $(DEMO_TRAIN_RESULTS)
	@echo
	@echo "Done. Open $(DEMO_TRAIN_RESULTS)/report.html in a browser."

test: $(TEST_STAMP)
	MRCNN_TEST_BACKENDS="$(ALL_BACKENDS)" $(ENVIRONMENT_PYTHON) -m pytest \
		--numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

notebooks: $(TEST_STAMP)
	$(ENVIRONMENT_PYTHON) notebooks/refresh.py $(NOTEBOOKS)

# The variable silences a notice about MkDocs 2, which is not used.
docs: $(DOCS_STAMP)
	NO_MKDOCS_2_WARNING=1 $(ENVIRONMENT_PYTHON) -m mkdocs build --strict
	@echo "Done. Open site/index.html in a browser."

lint: $(LINT_STAMP)
	$(ENVIRONMENT_PYTHON) -m ruff check .
	$(ENVIRONMENT_PYTHON) -m ruff format --check .
	$(ENVIRONMENT_PYTHON) -m mypy

format: $(LINT_STAMP)
	$(ENVIRONMENT_PYTHON) -m ruff check --fix .
	$(ENVIRONMENT_PYTHON) -m ruff format .

clean:
	rm -rf .venv .pytest_cache .ruff_cache .mypy_cache .hypothesis build dist site *.egg-info
	find mrcnn samples tests -name __pycache__ -type d -exec rm -rf {} +
