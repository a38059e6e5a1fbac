##@ Images

PYTHON_IMAGE ?= python:3.13-slim
# What runs models: cpu, cuda or openvino.
ONNXRUNTIME ?= cpu
REGISTRY ?= localhost
TAG ?= $(shell sed -n 's/^appVersion: "\(.*\)"/\1/p' chart/Chart.yaml)
BUILD_FLAGS ?=
IMAGES ?= inference model-fetcher
# The first that works; `docker` may be there without its daemon.
BUILDER ?= $(firstword $(foreach tool,docker podman buildah,$(shell $(tool) info >/dev/null 2>&1 && echo $(tool))))
# What each may add to its base.
BUDGET_MB_inference = $(BUDGET_MB_$(ONNXRUNTIME))
BUDGET_MB_cpu := 140
BUDGET_MB_cuda := 2600
BUDGET_MB_openvino := 300
BUDGET_MB_model-fetcher := 75

.PHONY: images image-baked

images: ## Build both images with docker, podman or buildah (PYTHON_IMAGE, ONNXRUNTIME, REGISTRY, TAG, BUILD_FLAGS, IMAGES)
	@test -n '$(BUILDER)' || { echo 'docker, podman or buildah is needed, and none of them works here' >&2; exit 1; }
	@for image in $(IMAGES); do \
	  echo "building $(REGISTRY)/$$image:$(TAG) with $(BUILDER)"; \
	  $(BUILDER) build $(BUILD_FLAGS) --build-arg PYTHON_IMAGE='$(PYTHON_IMAGE)' --build-arg VERSION='$(TAG)' \
	    $$([ $$image != inference ] || echo --build-arg ONNXRUNTIME='$(ONNXRUNTIME)') \
	    --build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
	    --tag $(REGISTRY)/$$image:$(TAG) $$image || exit 1; \
	done
	@$(foreach image,$(IMAGES),scripts/image-size.sh $(BUILDER) $(REGISTRY)/$(image):$(TAG) $(BUDGET_MB_$(image)) &&) true

SOURCE ?=
CHANNEL ?= stable
MODEL_IMAGE ?= $(REGISTRY)/$(notdir $(SOURCE)):$(TAG)
STORE_SECRET ?= /dev/null
SOURCE_DIR = $(patsubst file://%,%,$(filter file://%,$(SOURCE)))

# An empty directory is the context where the source is not a directory of this machine.
image-baked: ## Build the server with a model in its image (SOURCE=az://…, s3://…, gs://… or file:///…, MODEL_IMAGE, STORE_SECRET=file of variables)
	@test -n '$(SOURCE)' || { echo 'name the model: make image-baked SOURCE=az://ACCOUNT/CONTAINER/NAME' >&2; exit 2; }
	@test -n '$(BUILDER)' || { echo 'docker, podman or buildah is needed, and none of them works here' >&2; exit 1; }
	@mkdir -p .cache/empty
	@$(BUILDER) build $(BUILD_FLAGS) --secret id=store,src='$(STORE_SECRET)' --file inference/baked.Dockerfile \
	  --build-arg FETCHER_IMAGE=$(REGISTRY)/model-fetcher:$(TAG) \
	  --build-arg INFERENCE_IMAGE=$(REGISTRY)/inference:$(TAG) \
	  --build-arg SOURCE='$(if $(SOURCE_DIR),file:///source/$(notdir $(SOURCE_DIR)),$(SOURCE))' \
	  --build-arg CHANNEL='$(CHANNEL)' --tag '$(MODEL_IMAGE)' '$(if $(SOURCE_DIR),$(dir $(SOURCE_DIR)),.cache/empty)'
	@echo 'built $(MODEL_IMAGE)'
