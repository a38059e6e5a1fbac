"""What `fetch` and `watch` are told: built once from flags and variables, never changed."""

import socket
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from model_fetcher.sources import Address


@dataclass(frozen=True, slots=True)
class Settings:
    """All times are seconds. Secrets are not settings: they are read from variables when signing in."""

    source: tuple[Address, ...]
    volume: Path
    model: str | None = None
    channel: str = "stable"
    version: str | None = None
    auth: str = "auto"
    endpoint: str = ""
    keep: int = 2
    grace: float = 300.0
    interval: float = 60.0
    give_up_after: float = 0.0
    confirm_url: str = ""
    confirm_timeout: float = 60.0
    admin_port: int = 9091
    pod: str = field(default_factory=socket.gethostname)

    def models(self) -> dict[str, Address]:
        """The sources by the names of their models."""
        return {self.model or address.model: address for address in self.source}

    def to_log(self) -> dict[str, Any]:
        """What the first log line tells of them."""
        told = asdict(self) | {
            "source": [address.url for address in self.source],
            "volume": str(self.volume),
        }
        return {name: value for name, value in told.items() if value not in (None, "")}
