# make help lists the targets. Python packages go into .venv, which is made on demand; a stamp in
# it remembers what was installed, so a second run is quick.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# What an installation is made from; all other changes take effect without one.
SETUP := setup.cfg setup.py pyproject.toml kws/engine/_native.c $(wildcard firmware_export/src/*)
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)

# Python; sound; speech synthesisers; what compiles and runs the C, for this machine and the board;
# a D-Bus, on which the tests stand in for Bluetooth.
PACKAGES := python3-venv python3-dev libportaudio2 libasound2-plugins alsa-utils \
	espeak-ng flite festival festlex-cmu festvox-kallpc16k festvox-us-slt-hts \
	gcc g++ libc6-dev clang gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm dbus

.DELETE_ON_ERROR:
.PHONY: help demo test lint model trunk firmware system-packages

help:
	@echo 'make demo             hear the wake words in a sample, then listen on the microphone'
	@echo 'make test             run all tests'
	@echo 'make lint             check style and types'
	@echo 'make model DATA=folder  train the shipped model again; WORK=folder keeps what is finished,'
	@echo '                        KOKORO=folder has its voices as well, EMBEDDING=folder guides it'
	@echo '                        where pyopen-wakeword has no wheel (docs/train.md)'
	@echo 'make trunk DATA=folder  train again what wake words of one'"'"'s own start from'
	@echo 'make firmware         export the shipped model into the ready sketch of firmware_export/'
	@echo 'make system-packages  install what the steps above need beside Python (Debian, Ubuntu)'
	@echo 'PYTHON=python3.12 chooses the Python of .venv'

demo: $(VENV)/kws.stamp
	@echo 'A sample says: Computer, good morning, how are you today? Jarvis, open the blinds in the'
	@echo 'bedroom. Alexa, what is on my list for today? Smart mirror, how do I look?'
	$(BIN)/kws listen --wav audio_samples/all_keywords.flac
	@if $(BIN)/kws devices 2>/dev/null | grep -q .; then \
		echo 'Now the microphone; Ctrl-C ends it.'; $(BIN)/kws listen; \
	else \
		echo 'No microphone (kws devices lists none), so the demo ends here.'; \
	fi

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Google's speech embedding, which guides the shipped model's training, where it was installed.
EMBEDDING ?= $(wildcard $(VENV)/lib/python3*/site-packages/pyopen_wakeword/models)

# About three hours on two cores with Kokoro; the trunk a quarter of an hour.
model: NAME := home
model: GUIDED = $(if $(EMBEDDING),--embedding $(EMBEDDING))
trunk: NAME := trunk
model trunk: TRAINED = $(or $(WORK),models/$(NAME).work)
model trunk: $(VENV)/dev.stamp
	@test -n '$(DATA)' || { echo 'make $@ DATA=folder: where are the recordings?'; exit 1; }
	$(BIN)/kws train $(DATA) --recipe models/$(NAME).toml --output models/$(NAME).tflite \
		--work $(TRAINED) $(if $(KOKORO),--kokoro $(KOKORO)) $(GUIDED)
	$(FOLDS)

# The models that gave home its thresholds and figures stay beside it, so that those can be checked.
model: FOLDS = mkdir -p models/home.folds && cp $(TRAINED)/fold-[0-3].tflite models/home.folds

firmware: $(VENV)/kws.stamp
	$(BIN)/kws export home --no-count --output build/firmware
	cp build/firmware/kws_home/src/kws_model.[ch] firmware_export/src/
	cp build/firmware/kws_home/report.* firmware_export/

system-packages:
	$(SUDO) apt-get update
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $(PACKAGES)
	@# The fuzzer's runtime: a package of its own where clang does not bring it.
	package=libclang-rt-$$(clang -dumpversion | cut -d. -f1)-dev; \
	if apt-cache show $$package >/dev/null 2>&1; then \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install --yes $$package; \
	fi

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/kws.stamp: $(SETUP) | $(BIN)/python
	$(PIP) --editable .
	@touch $@

$(VENV)/dev.stamp: $(SETUP) | $(BIN)/python
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/kws.stamp
