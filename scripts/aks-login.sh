#!/usr/bin/env bash
# aks-login.sh RESOURCE_GROUP CLUSTER: let kubectl and helm reach a cluster as whoever `az login` signed in.
set -euo pipefail
bin=$HOME/.azure-kubelogin

if ! command -v kubelogin >/dev/null; then
  az aks install-cli --only-show-errors --install-location "$bin/kubectl" --kubelogin-install-location "$bin/kubelogin"
  PATH=$bin:$PATH
  [ -z "${GITHUB_PATH:-}" ] || echo "$bin" >>"$GITHUB_PATH"
  [ -z "${TF_BUILD:-}" ] || echo "##vso[task.prependpath]$bin"
fi
az aks get-credentials --resource-group "$1" --name "$2" --overwrite-existing --only-show-errors
kubelogin convert-kubeconfig --login azurecli
