"""What is reported of models as they come and go."""

from typing import Protocol


class Events(Protocol):
    """Receives what happens to models, from the thread that it happens in; must return soon."""

    def loaded(self, model: str, seconds: float) -> None:
        """Record that a version became active, and how long its check and its load took."""

    def rejected(self, model: str) -> None:
        """Record that a version was rejected."""

    def forgotten(self, model: str, version: str) -> None:
        """Drop what was recorded of a version that was replaced twice."""


class NoEvents:
    """Records nothing."""

    def loaded(self, model: str, seconds: float) -> None:
        """Ignore it."""

    def rejected(self, model: str) -> None:
        """Ignore it."""

    def forgotten(self, model: str, version: str) -> None:
        """Ignore it."""
