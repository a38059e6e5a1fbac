##@ Release

VERSION ?= $(TAG)
PLATFORMS ?=
FORCE ?=
# Set for a registry without TLS, such as one on this machine.
INSECURE ?=
TO ?=
COPY_TAG ?=
RELEASE ?= digits
NAMESPACE ?= digits
CHART ?= chart
VALUES ?=
SET ?=
TIMEOUT ?= 10m
DRY_RUN ?=
URL ?=
BUNDLE ?=
PUBLISH_FLAGS ?=
# A Markdown file that is added to.
SUMMARY ?=
export FORCE INSECURE ONNXRUNTIME PLATFORMS PYTHON_IMAGE SUMMARY

.PHONY: stale-images push-images image-values copy-images package push-chart release-notes deploy smoke publish-model \
        lint-workflows test-compose test-release

stale-images: ## Name those of IMAGES whose sources have no image in REGISTRY yet
	@for image in $(IMAGES); do \
	  scripts/image-digest.sh '$(REGISTRY)' $$image >/dev/null || { [ $$? = 3 ] && echo $$image; } || exit 1; done

push-images: ## Build and push them for PLATFORMS; dist/IMAGE.digest says which they are (REGISTRY, IMAGES, FORCE, INSECURE)
	@test -n '$(BUILDER)' || { echo 'docker, podman or buildah is needed, and none of them works here' >&2; exit 1; }
	@mkdir -p dist
	@for image in $(IMAGES); do \
	  VERSION='$(VERSION)' scripts/push-image.sh '$(BUILDER)' '$(REGISTRY)' $$image $(BUILD_FLAGS) >dist/$$image.digest || exit 1; \
	  echo "$(REGISTRY)/$$image@$$(cat dist/$$image.digest)"; done

image-values: ## Write dist/images.yaml: the values that name this commit's images in REGISTRY by digest
	@mkdir -p dist
	@scripts/image-values.sh '$(REGISTRY)' >dist/images.yaml
	@cat dist/images.yaml

copy-images: ## Copy this commit's images, digests and all, from REGISTRY to TO (and tag them: COPY_TAG)
	@test -n '$(TO)' || { echo 'name the other registry: make copy-images REGISTRY=… TO=…' >&2; exit 2; }
	@scripts/copy-images.sh '$(REGISTRY)' '$(TO)' $(COPY_TAG)

package: ## Package the chart of VERSION into dist/, with this commit's image digests in REGISTRY written in
	@scripts/package-chart.sh '$(REGISTRY)' '$(VERSION)'

push-chart: ## Push the packaged chart of VERSION to REGISTRY/charts; dist/chart.ref names it by digest
	@scripts/push-chart.sh 'dist/model-sidecar-$(VERSION).tgz' '$(REGISTRY)/charts' >dist/chart.ref
	@cat dist/chart.ref

release-notes: ## Print what CHANGELOG.md says about VERSION
	@scripts/release-notes.sh '$(VERSION)'

deploy: ## Install or upgrade RELEASE on the cluster of KUBECONFIG, or go back (CHART, NAMESPACE, VALUES, SET, TIMEOUT, DRY_RUN, SUMMARY)
	@python3 scripts/deploy.py '$(RELEASE)' '$(CHART)' --namespace '$(NAMESPACE)' --timeout '$(TIMEOUT)' \
	  $(VALUES:%=--values %) $(foreach pair,$(SET),--set '$(pair)') $(if $(DRY_RUN),--dry-run) \
	  $(if $(INSECURE),--plain-http) $(if $(SUMMARY),--summary '$(SUMMARY)')

smoke: ## Run the chart's test on the cluster, then ask URL until it answers (RELEASE, NAMESPACE)
	@test -n '$(URL)' || { echo 'name the address: make smoke URL=http://…' >&2; exit 2; }
	@helm test '$(RELEASE)' --namespace '$(NAMESPACE)' --logs
	@scripts/smoke.sh '$(URL)'

publish-model: $(RUNNABLE) ## Check the bundle BUNDLE and publish it to SOURCE (CHANNEL, PUBLISH_FLAGS='--percent 10')
	@test -n '$(BUNDLE)' && test -n '$(SOURCE)' || { echo 'make publish-model BUNDLE=DIRECTORY SOURCE=az://ACCOUNT/CONTAINER/NAME' >&2; exit 2; }
	@PATH="$(CURDIR)/$(BIN):$$PATH" scripts/publish-model.sh '$(BUNDLE)' '$(SOURCE)' --channel '$(CHANNEL)' $(PUBLISH_FLAGS)

# --- Checks of the pipelines ---

ACTIONLINT_VERSION := v1.7.12
ACTIONLINT := .tools/bin/actionlint-$(ACTIONLINT_VERSION)

# Offline: what zizmor would ask GitHub for needs a token, and differs from day to day.
lint-workflows: $(INSTALLED) $(ACTIONLINT) ## Check workflows and shell scripts: actionlint, zizmor (pedantic), shellcheck
	@$(ACTIONLINT) -shellcheck $(BIN)/shellcheck -pyflakes=
	@$(BIN)/zizmor --quiet --offline --persona pedantic .github
	@$(BIN)/shellcheck scripts/*.sh .ci/*

$(ACTIONLINT): tests/go.txt scripts/go-install.sh | $(INSTALLED)
	@scripts/go-install.sh github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT_VERSION) $@
	@touch $@

test-compose: $(INSTALLED) e2e-load ## Test compose.yaml on the engine of DOCKER_HOST, a Swarm (REGISTRY, TAG, AZURITE_IMAGE, IMAGE_LOADER)
	@$(NEED_AZURITE)
	@PIPELINES=engine REGISTRY='$(REGISTRY)' TAG='$(TAG)' AZURITE_IMAGE='$(AZURITE_IMAGE)' \
	  $(BIN)/python -m pytest tests/pipelines/test_compose.py tests/pipelines/test_swarm.py $(ARGS)

test-release: $(INSTALLED) ## Test the targets above with docker-registry, skopeo and the cluster of KUBECONFIG (AZURITE_IMAGE, IMAGE_LOADER)
	@$(NEED_AZURITE)
	@test -z '$(IMAGE_LOADER)' || scripts/load-images.sh '$(BUILDER)' '$(IMAGE_LOADER)' $(AZURITE_IMAGE)
	@PIPELINES=registry AZURITE_IMAGE='$(AZURITE_IMAGE)' IMAGE_LOADER='$(IMAGE_LOADER)' PYTHON_IMAGE='$(PYTHON_IMAGE)' \
	  BUILDER='$(BUILDER)' BUILD_FLAGS='$(BUILD_FLAGS)' $(BIN)/python -m pytest tests/pipelines/test_release.py $(ARGS)
