# make song   a song from a fresh clone            make test   every test
# make serve  the whole service on this machine    make check  lint, types, import contracts

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TWEET := Dancing robots /compose /g heavy-metal /t 160 /r 0.2

.PHONY: song serve test test-slow check clean

$(VENV)/core: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[fast]'
	touch $@

$(VENV)/serve: pyproject.toml | $(VENV)/core
	$(BIN)/python -m pip install --quiet --editable '.[serve,bot,matrix,bluesky,fast]'
	touch $@

$(VENV)/dev: pyproject.toml | $(VENV)/core
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

song: $(VENV)/core
	$(BIN)/riffbird compose "$(TWEET)" --seed 11 --format mid --format mp3 --format png --format mp4 --out songs

serve: $(VENV)/serve
	$(BIN)/riffbird serve

check: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: check
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(VENV)/dev
	$(BIN)/python -m pytest -m slow

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
