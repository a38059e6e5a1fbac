"""The kinds of store, and how a SOURCE argument becomes one of them."""

import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from model_fetcher.errors import FetcherError
from model_fetcher.names import check_name
from model_fetcher.sources.auth import SignIn
from model_fetcher.sources.base import Source
from model_fetcher.sources.file import FileSource

log = logging.getLogger(__name__)

_KNOWN = "file:///DIR/MODEL, az://ACCOUNT/CONTAINER/PREFIX/MODEL, s3://BUCKET/PREFIX/MODEL or gs://BUCKET/PREFIX/MODEL"
_PARTS = {"az": 3, "s3": 2, "gs": 2}
"""How many parts a source of the scheme has at the least, the host among them."""


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
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise FetcherError(f"source {url!r} is not a URL ({error}): give {_KNOWN}") from error
    if parts.query or "@" in parts.netloc:
        bare = f"{parts.scheme}://{parts.hostname}{parts.path}"
        raise FetcherError(f"source {bare!r} carries a secret: put it into the variable of the sign-in")
    path = unquote(parts.path).rstrip("/")
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and path.startswith("/"):
        return Address(url, "file", "", path)
    if parts.netloc and len(path.split("/")) >= _PARTS.get(parts.scheme, sys.maxsize):
        return Address(url, parts.scheme, parts.netloc, path.lstrip("/"))
    if parts.scheme == "file" or parts.scheme in _PARTS:
        raise FetcherError(f"source {url!r} is incomplete: give {_KNOWN}")
    raise FetcherError(f"source {url!r} has an unknown scheme: give {_KNOWN}")


def open_source(address: Address, env: Mapping[str, str], auth: str = "auto", endpoint: str = "") -> Source:
    """Open the store behind an address. Says in the log how it signs in, never with what."""
    if address.scheme == "file":
        return FileSource(Path(address.path))
    return (
        _open_azure(address, env, auth, endpoint)
        if address.scheme == "az"
        else _open_objects(address, env, auth, endpoint)
    )


# Imported late, each: who keeps models in one kind of store does not pay for the library of another.


def _open_azure(address: Address, env: Mapping[str, str], auth: str, endpoint: str) -> Source:
    from model_fetcher.sources.azure import AzureSource
    from model_fetcher.sources.azure_auth import sign_in

    signed = sign_in(address.host, env, auth, endpoint)
    _tell(address, signed)
    container, _, root = address.path.partition("/")
    return AzureSource(address.url, container, root, signed)


def _open_objects(address: Address, env: Mapping[str, str], auth: str, endpoint: str) -> Source:
    from model_fetcher.sources.objects import ObjectSource
    from model_fetcher.sources.objects_auth import sign_in

    signed = sign_in(address.scheme, env, auth, endpoint)
    _tell(address, signed)
    return ObjectSource(address.url, address.scheme, address.host, address.path, signed)


def _tell(address: Address, signed: SignIn) -> None:
    log.info("sign in", extra={"source": address.url, "auth": signed.method, "endpoint": signed.endpoint})
