"""Measures model-sidecar beside its peers; `make bench` runs it."""
