# make report   install, measure params/seed.yaml, build the report
# make test     install, check the code, run the tests
# make bench    install, time what a process a case costs, and large grids
# make audit    look the pins up among known vulnerabilities
PARAMS ?= params/seed.yaml
TENSORRT ?= tensorrt
ifndef OUTPUT
OUTPUT := outputs/$(basename $(notdir $(PARAMS)))-$(shell date +%Y%m%d-%H%M%S)
endif
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell \
	$(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt

.PHONY: report test bench audit install
report: install
	$(BIN)/bench sweep $(PARAMS) --output $(OUTPUT)
	$(BIN)/bench report $(OUTPUT)

test: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest

bench: .venv/.installed
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.large_grid

# --strict fails where a pin cannot be looked up, so that a service out of reach is no clean bill.
audit: .venv/.installed
	$(PIP) pip-audit
	$(BIN)/pip-audit --strict --no-deps --disable-pip --progress-spinner off --requirement constraints.txt

# Where there is an NVIDIA GPU, Torch-TensorRT too, elsewhere OpenVINO (60 MB); without it the report still comes, and says
# why it is absent.
EXTRA := $(if $(shell nvidia-smi -L 2>/dev/null),$(TENSORRT),openvino)
install: .venv/.installed .venv/.installed-$(EXTRA)

.venv/.installed: pyproject.toml constraints.txt
	$(if $(PYTHON),,$(error Python 3.11 or newer is needed; install it, or name it: make PYTHON=/path/to/python3.12))
	@echo "Installing into .venv: about 6 GB, a minute or more"
	$(PYTHON) -m venv .venv
	$(PIP) --editable .
	@touch $@

.venv/.installed-dev: .venv/.installed
	$(PIP) --editable '.[dev]'
	@touch $@

.venv/.installed-$(EXTRA): .venv/.installed
	$(PIP) --editable '.[$(EXTRA)]' && touch $@ || echo "$(EXTRA) was not installed; its rows will say so"
