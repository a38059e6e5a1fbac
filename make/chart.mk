##@ Chart

AZURITE_IMAGE ?=
NEED_AZURITE = test -n '$(AZURITE_IMAGE)' || { echo 'name the image of Azurite that the cluster or engine has: AZURITE_IMAGE=…' >&2; exit 2; }
BAKED_IMAGE ?=
IMAGE_LOADER ?=
NODE_KILLER ?=

.PHONY: chart-check chart-docs e2e e2e-load

chart-check: $(INSTALLED) ## Check the chart without a cluster: lint, every value, Kubernetes' schemas, PodSecurity
	@$(BIN)/python scripts/chart_docs.py --check
	@$(BIN)/python -m pytest tests/chart $(ARGS)

chart-docs: $(INSTALLED) ## Write the chart's schema and the tables of its README anew
	@$(BIN)/python scripts/chart_docs.py

# Without a loader, the cluster must have the images already, or be able to pull them.
e2e-load:
	@test -z '$(IMAGE_LOADER)' || scripts/load-images.sh '$(BUILDER)' '$(IMAGE_LOADER)' \
	  $(REGISTRY)/inference:$(TAG) $(REGISTRY)/model-fetcher:$(TAG) $(AZURITE_IMAGE) $(BAKED_IMAGE)

e2e: $(INSTALLED) e2e-load ## Test on the cluster of KUBECONFIG, with built images (AZURITE_IMAGE, IMAGE_LOADER='kind load image-archive', NODE_KILLER, BAKED_IMAGE)
	@$(NEED_AZURITE)
	@E2E=1 REGISTRY='$(REGISTRY)' TAG='$(TAG)' AZURITE_IMAGE='$(AZURITE_IMAGE)' \
	  NODE_KILLER='$(NODE_KILLER)' BAKED_IMAGE='$(BAKED_IMAGE)' \
	  $(BIN)/python -m pytest tests/e2e $(ARGS)
