# chatpath: `make demo` runs the main job, `make test` the tests; each sets up what it needs.
.POSIX:
.PHONY: help setup demo test check format messages bench lab clean

BIN = .venv/bin

help:
	@echo 'make demo    record and diagnose sessions with a known fault'
	@echo 'make test    run the tests'
	@echo 'make check   lint, format, types and layers'
	@echo 'make messages collect texts to translate, and merge them into the catalogues'
	@echo 'make bench   measure: sampler loss, streaming delay, reading, start-up'
	@echo 'make lab     scenes with a known cause: how often chatpath is right (as root)'
	@echo 'make lab-check  a selection of them: fails where it got worse'
	@echo 'make setup   make .venv with the chatpath command'

setup:
	@scripts/setup

demo: setup
	@scripts/system-packages demo
	@$(BIN)/chatpath demo --out demo-out

test: setup
	@scripts/system-packages test
	@$(BIN)/python -m pytest -n 2 --dist loadfile -q

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layers.py

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

messages: setup
	@$(BIN)/python scripts/make-messages

bench: setup
	@scripts/system-packages test
	@$(BIN)/python -m bench

SEED = 1
SCENES =

lab: setup
	@scripts/system-packages test
	@$(BIN)/python -m tests.lab run --seed $(SEED) $(SCENES)

lab-check: setup
	@scripts/system-packages test
	@$(BIN)/python -m tests.lab run --ci --check --seed $(SEED)

clean:
	rm -rf .venv .lab demo-out build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
