# make help lists the targets. Python packages are installed into .venv, which is created on demand;
# a stamp file in it records the installation, so that a second run is quick.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Files after whose change the package must be installed again.
SETUP := setup.cfg setup.py pyproject.toml MANIFEST.in kws/engine/build_native.py kws/engine/c_headers.py \
	$(wildcard kws/engine/*.[ch] firmware_export/src/*)
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)

# Python; sound; speech synthesisers; compilers, JavaScript and an emulator for the C code, on this
# machine, in a browser and on the board; D-Bus, over which the tests simulate Bluetooth; an MQTT broker and
# certificates for the tests; systemd, which checks its units; a browser for the pages.
PACKAGES := python3-venv python3-dev libportaudio2 libasound2-plugins alsa-utils \
	espeak-ng flite festival festlex-cmu scowl festvox-kallpc16k festvox-us-slt-hts \
	gcc g++ libc6-dev clang lld nodejs gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm \
	qemu-user gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf gcc-powerpc-linux-gnu \
	libc6-dev-powerpc-cross dbus ffmpeg mosquitto openssl systemd

.DELETE_ON_ERROR:
.PHONY: help demo test lint model first-stage small-model base-model esphome-model trunk firmware system-packages

help:
	@echo 'make demo             detect the wake words in a sample, then on the microphone'
	@echo 'make test             run all tests'
	@echo 'make lint             check style and types'
	@echo 'make model DATA=folder       train the shipped model again, by models/home.toml'
	@echo 'make small-model DATA=folder train the one for small processors, by models/home-small.toml'
	@echo 'make first-stage DATA=folder put its network before those of the shipped model'
	@echo 'make base-model DATA=folder  train the pretrained base model again, by models/base.toml'
	@echo 'make esphome-model DATA=folder train the one that words for ESPHome start from'
	@echo '                      WORK=folder keeps what an interrupted run made, KOKORO=folder adds its'
	@echo '                      voices, EMBEDDING=folder distils the speech embedding (docs/train.md)'
	@echo 'make firmware         export the shipped model into the ready sketch of firmware_export/'
	@echo 'make system-packages  install what the steps above need besides Python (Debian, Ubuntu)'
	@echo 'PYTHON=python3.12 makes .venv with another Python'

demo: $(VENV)/kws.stamp
	@echo 'A sample says: Computer, good morning, how are you today? Jarvis, open the blinds in the'
	@echo 'bedroom. Alexa, what is on my list for today? Smart mirror, how do I look?'
	$(BIN)/kws listen --wav audio_samples/all_keywords.flac
	@if $(BIN)/kws devices 2>/dev/null | grep -q .; then \
		echo 'Now the microphone; Ctrl-C ends it.'; $(BIN)/kws listen; \
	else \
		echo 'No microphone (kws devices lists none), so the demo ends here.'; \
	fi

# A process for each core, and each file of tests in one of them: fixtures of a file are made once.
# The order is that of tests/conftest.py: what takes longest first.
test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32
	$(BIN)/mypy --platform darwin

model: NAME := home
model: DISTILLED = $(if $(EMBEDDING),--embedding $(EMBEDDING))
small-model: NAME := home-small
base-model: NAME := base
esphome-model: NAME := esphome
model small-model base-model esphome-model: TRAINED = $(or $(WORK),models/$(NAME).work)
model small-model base-model esphome-model: $(VENV)/dev.stamp
	@test -n '$(DATA)' || { echo 'make $@ DATA=folder: where are the recordings?'; exit 1; }
	$(BIN)/kws train $(DATA) --recipe models/$(NAME).toml --output models/$(NAME).tflite \
		--work $(TRAINED) $(if $(KOKORO),--kokoro $(KOKORO)) $(DISTILLED)

first-stage: $(VENV)/dev.stamp
	@test -n '$(DATA)' || { echo 'make $@ DATA=folder: where are the recordings?'; exit 1; }
	$(BIN)/kws calibrate home --first-stage home-small --recipe models/home.toml --data $(DATA) \
		--held-out 1 --output models/home.tflite

trunk: base-model
	@echo 'make trunk is called make base-model now'

firmware: $(VENV)/kws.stamp
	$(BIN)/kws export home --no-count --output build/firmware
	cp build/firmware/kws_home/src/kws_model.[ch] build/firmware/kws_home/src/kws_kinds.h firmware_export/src/
	cp build/firmware/kws_home/report.* firmware_export/

system-packages:
	$(SUDO) apt-get update
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $(PACKAGES)
	@# The fuzzer's runtime, where clang's own package does not contain it.
	package=libclang-rt-$$(clang -dumpversion | cut -d. -f1)-dev; \
	if apt-cache show $$package >/dev/null 2>&1; then \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install --yes $$package; \
	fi
	@# Where chromium is no package but a snap, the tests take a Chrome that is there.
	if apt-cache show chromium >/dev/null 2>&1; then \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends chromium; \
	fi

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# The reference interpreter and soxr have no wheel for some Pythons and machines.
$(VENV)/kws.stamp: $(SETUP) | $(BIN)/python
	@$(PIP) --only-binary tflite-runtime,ai-edge-litert,soxr --editable '.[reference,soxr]' || { \
		echo 'kws is installed without the packages that have no wheel here; it listens all the same.'; \
		$(PIP) --editable .; }
	@touch $@

$(VENV)/dev.stamp: $(SETUP) | $(BIN)/python
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/kws.stamp
