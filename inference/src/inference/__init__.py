"""Serves the ONNX models of a shared volume over HTTP, and swaps them without losing a request."""

import os

# onnxruntime reads it when it is imported: a server inside a cluster calls nobody at home.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
