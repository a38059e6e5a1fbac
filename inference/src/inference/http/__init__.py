"""Bytes to requests and replies to bytes. The only package that imports waitress; it knows no model."""
