"""Keeps a volume equal to a model in blob storage, and publishes models to it."""

__version__ = "0.1.0"
