# Shimmy's verbs. `make help` lists them.

PYTHON ?= python3
GPU ?=
# Colours are flags of the compiler. Without them, a build on a terminal and one in a pipe are the same, so the second rebuilds nothing.
SWIFT_BUILD = swift build -c release --no-color-diagnostics
PROGRAM = .build/release/shimmy
# The commit for 'shimmy --version'. A new one compiles one small file.
export SHIMMY_COMMIT := $(shell $(PYTHON) scripts/version.py --commit)
# The folder for what 'make dist' writes.
DIST ?= .build-dist/packages

# Seconds for which 'make fuzz' and 'make soak' look for faults.
SECONDS ?=

.PHONY: help run build test test-unit test-blackbox test-page pictures test-long test-engines bench fuzz fuzz-check soak routing sanitize dist dist-check compat-docs format lint clean tools llama page model

help: ## List these verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

run: build model ## Build what is missing, fetch the default model, start the server
	$(PROGRAM) serve

build: llama page ## Build the program (GPU=cuda, vulkan or metal for a graphics card)
	$(SWIFT_BUILD) --product shimmy
	@echo "Built $(PROGRAM), $$(du -h $(PROGRAM) | cut -f1)"

test: test-unit test-blackbox ## Run the tests (those that take long: test-long)

test-unit: llama page model
	$(SWIFT_BUILD) --build-tests
	SHIMMY_LLAMA_SOURCE="$$($(PYTHON) scripts/build_llama.py --source)" swift test -c release --skip-build

test-blackbox: build model
	$(PYTHON) scripts/run_blackbox.py

test-page: build model ## Run the tests of the page in a browser (they need Chromium)
	$(PYTHON) scripts/run_blackbox.py --page

pictures: build model ## Take the pictures of the page in docs/images (they need Chromium)
	$(PYTHON) scripts/run_blackbox.py --page --script page_pictures.py

test-long: build model fuzz-check test-page ## Run the tests that take too long for every change
	$(PYTHON) scripts/run_blackbox.py --long

test-engines: build model ## Run tests with a Shimmy in front of real engines (vLLM's packages take 3.5 GB)
	$(PYTHON) scripts/test_engines.py

bench: build model ## Measure beside llama-server built from the same source; writes docs/benchmarks.md and the numbers of other documents
	$(PYTHON) bench/run.py
	$(PYTHON) bench/documents.py

fuzz: build ## Feed damaged bytes and requests to parsers and the server for an hour (SECONDS=60: for a minute)
	$(PYTHON) scripts/fuzz.py --seconds $(or $(SECONDS),3600)
	$(PYTHON) scripts/run_blackbox.py --script request_fuzz.py --seconds $(or $(SECONDS),3600)

fuzz-check: ## Feed the parsers everything that once was a fault
	$(PYTHON) scripts/fuzz.py --check

soak: build model ## Mixed traffic, kills and a full disk for two hours (SECONDS=600), then the books are checked
	$(PYTHON) Tests/Soak/soak.py --seconds $(or $(SECONDS),7200) --report soak.json

routing: llama page model ## Simulate the choice among 1,000 replicas for a million requests (REPLICAS=100 REQUESTS=10000)
	$(SWIFT_BUILD) --build-tests
	ROUTING_REPLICAS=$(or $(REPLICAS),1000) ROUTING_REQUESTS=$(or $(REQUESTS),1000000) \
		swift test -c release --skip-build --filter RoutingSimulationTests.manyReplicas

sanitize: llama page ## Run unit tests with AddressSanitizer and ThreadSanitizer
	$(PYTHON) scripts/sanitize.py

dist: tools ## Build the program for other machines; writes an archive, a package and checksums to DIST
	$(PYTHON) scripts/dist.py --output $(DIST)

dist-check: dist model ## Prove that it runs on other processors and distributions, nearly as fast as the native build (root)
	$(PYTHON) scripts/dist_check.py $(DIST)/shimmy-*-linux-*.tar.gz --speed $(PROGRAM)

compat-docs: build ## Write the compatibility matrices in docs and the data of the page from the program
	$(PROGRAM) compat > docs/OPENAI_COMPAT.md
	$(PROGRAM) compat anthropic > docs/ANTHROPIC_COMPAT.md
	$(PROGRAM) compat ollama > docs/OLLAMA_COMPAT.md
	$(PROGRAM) compat llama-server > docs/LLAMA_SERVER_COMPAT.md
	$(PROGRAM) compat lmstudio > docs/LMSTUDIO_COMPAT.md
	$(PROGRAM) compat upstreams > docs/UPSTREAMS_COMPAT.md
	$(PYTHON) scripts/page_data.py $(PROGRAM)

format: ## Format all Swift code
	swift format --in-place --recursive Sources Tests Package.swift

lint: ## Check the format of all Swift code
	swift format lint --strict --recursive Sources Tests Package.swift

clean: ## Remove what was built here (the cache of llama.cpp and the models stay)
	rm -rf .build .build-dist Artifacts

tools:
	@sh scripts/check-tools.sh $(PYTHON)

llama: tools
	@$(PYTHON) scripts/build_llama.py $(if $(GPU),--gpu $(GPU))

page: tools
	@$(PYTHON) scripts/embed_page.py

model: tools
	@$(PYTHON) scripts/fetch_model.py
