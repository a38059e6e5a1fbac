"""Serves the ONNX models of a shared volume over HTTP, and swaps them without losing a request."""

__version__ = "0.1.0"
