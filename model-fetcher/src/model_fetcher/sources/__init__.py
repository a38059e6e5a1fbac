"""The kinds of store, and how a SOURCE argument becomes one of them."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from model_fetcher.errors import FetcherError
from model_fetcher.names import check_name
from model_fetcher.sources.base import Source
from model_fetcher.sources.file import FileSource

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Address:
    """A SOURCE argument taken apart: `scheme://host/path`."""

    url: str
    scheme: str
    host: str
    path: str

    @property
    def model(self) -> str:
        """The model's name unless another is given: the last part, without `.onnx`."""
        return check_name("model", self.path.rpartition("/")[2].removesuffix(".onnx"))


def parse_source(url: str) -> Address:
    """Take a SOURCE apart, or raise FetcherError that says what one looks like."""
    known = "file:///DIR/MODEL or az://ACCOUNT/CONTAINER/PREFIX/MODEL"
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise FetcherError(f"source {url!r} is not a URL ({error}): give {known}") from error
    if parts.query or "@" in parts.netloc:
        bare = f"{parts.scheme}://{parts.hostname}{parts.path}"
        raise FetcherError(f"source {bare!r} carries a secret: put it into AZURE_STORAGE_SAS_TOKEN")
    path = unquote(parts.path).rstrip("/")
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and path.startswith("/"):
        return Address(url, "file", "", path)
    if parts.scheme == "az" and parts.netloc and len(path.split("/")) >= 3:
        return Address(url, "az", parts.netloc, path.lstrip("/"))
    if parts.scheme in ("file", "az"):
        raise FetcherError(f"source {url!r} is incomplete: give {known}")
    raise FetcherError(f"source {url!r} has an unknown scheme: give {known}")


def open_source(address: Address, env: Mapping[str, str], auth: str = "auto", endpoint: str = "") -> Source:
    """Open the store behind an address. Says in the log how it signs in, never with what."""
    if address.scheme == "file":
        return FileSource(Path(address.path))
    # Imported late: who keeps models in a directory does not pay for the Azure SDK.
    from model_fetcher.sources.azure import AzureSource
    from model_fetcher.sources.azure_auth import sign_in

    signed = sign_in(address.host, env, auth, endpoint)
    log.info("sign in", extra={"source": address.url, "auth": signed.method, "endpoint": signed.endpoint})
    container, _, root = address.path.partition("/")
    return AzureSource(address.url, container, root, signed)
