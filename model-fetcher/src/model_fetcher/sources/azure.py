"""Azure Blob Storage as a store: `az://ACCOUNT/CONTAINER/PREFIX/digits`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceModifiedError,
    ResourceNotModifiedError,
)
from azure.storage.blob import BlobClient, BlobServiceClient, ExponentialRetry

from model_fetcher.errors import AccessDenied, Conflict, FetcherError, NotFound, SourceChanged, StoreError
from model_fetcher.manifest import File
from model_fetcher.sources.auth import SignIn
from model_fetcher.sources.base import RANGE_BYTES, Document, NoSuchBlob, Progress

_GONE = {"ContainerNotFound", "ContainerBeingDeleted", "ContainerDisabled", "AccountBeingCreated"}
_TAKEN = {"BlobAlreadyExists", "ConditionNotMet", "TargetConditionNotMet", "UnauthorizedBlobOverwrite"}
_CURE = {
    "connection-string": "check AZURE_STORAGE_CONNECTION_STRING",
    "key": "check AZURE_STORAGE_KEY",
    "sas": "check that AZURE_STORAGE_SAS_TOKEN has not expired and permits this",
    "workload-identity": "check the federated credential, and that the identity has the role Storage Blob "
    "Data Reader (to publish: Contributor)",
    "default": "sign in with 'az login', set one of the AZURE_STORAGE_… variables, or give --auth anonymous "
    "for a public container",
    "anonymous": "the container is not public: set one of the AZURE_STORAGE_… variables",
}


class AzureSource:
    """A prefix of a container as the root of a model."""

    def __init__(self, url: str, container: str, root: str, sign_in: SignIn) -> None:
        self.url = url
        self._root = root
        self._cure = _CURE[sign_in.method]
        self._service = BlobServiceClient(
            sign_in.endpoint,
            credential=sign_in.credential,
            # The SDK's own policy waits 15 s before its first retry and reads 60 s before it gives up.
            retry_policy=ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=3),
            connection_timeout=5,
            read_timeout=30,
            # A range is one request on one connection, and comes in one piece: the SDK puts others together.
            max_single_get_size=RANGE_BYTES,
            connection_data_block_size=RANGE_BYTES,
            max_single_put_size=8 << 20,
            max_block_size=8 << 20,
        )
        self._container = self._service.get_container_client(container)

    def read(self, path: str, unless: str = "") -> Document | None:
        """See Source.read."""
        with self._errors("read", path):
            try:
                stream = self._blob(path).download_blob(**_if(MatchConditions.IfModified, unless))
            except (ResourceNotModifiedError, ResourceModifiedError) as error:
                # The SDK says "modified" of a failed condition, also where the answer is 304.
                if error.status_code != 304:
                    raise
                return None
            return Document(stream.readall(), stream.properties.etag)

    def list(self, prefix: str = "") -> list[File]:
        """See Source.list. Directory markers of a hierarchical namespace are left out."""
        start = f"{self._root}/" if self._root else ""
        with self._errors("list", prefix):
            blobs = self._container.list_blobs(name_starts_with=start + prefix, include=["metadata"])
            return [
                File(blob.name.removeprefix(start), blob.size, etag=blob.etag)
                for blob in blobs
                if not blob.name.endswith("/") and "hdi_isfolder" not in (blob.metadata or {})
            ]

    def stat(self, path: str) -> File:
        """See Source.stat."""
        with self._errors("look at", path):
            found = self._blob(path).get_blob_properties()
            return File(path, found.size, etag=found.etag)

    def read_range(self, path: str, etag: str, offset: int, length: int) -> bytes:
        """See Source.read_range."""
        condition = _if(MatchConditions.IfNotModified, etag)
        with self._errors("read", path):
            try:
                data: bytes = self._blob(path).download_blob(offset, length, **condition).readall()
                return data
            except ResourceModifiedError as error:
                raise SourceChanged(f"{path!r} of {self.url} changed while it was read") from error

    def create(self, path: str, file: Path, progress: Progress) -> None:
        """See Source.create."""
        sent = 0

        def hook(now: int, _total: int | None) -> None:
            nonlocal sent
            progress(now - sent)
            sent = now

        with self._errors("write", path), file.open("rb") as data:
            self._blob(path).upload_blob(
                data, length=file.stat().st_size, overwrite=False, max_concurrency=4, progress_hook=hook
            )

    def write(self, path: str, data: bytes, replacing: str) -> None:
        """See Source.write."""
        condition = _if(MatchConditions.IfNotModified, replacing)
        with self._errors("write", path):
            self._blob(path).upload_blob(data, overwrite=bool(replacing), **condition)

    def close(self) -> None:
        """See Source.close."""
        self._service.close()

    def _blob(self, path: str) -> BlobClient:
        return self._container.get_blob_client("/".join(filter(None, (self._root, path))))

    @contextmanager
    def _errors(self, verb: str, path: str) -> Iterator[None]:
        doing = f"cannot {verb} {path!r} of {self.url}"
        try:
            yield
        except FetcherError:
            raise
        except HttpResponseError as error:
            raise self._translated(doing, error) from error
        except AzureError as error:
            raise StoreError(f"{doing}: {_first_line(error)}") from error

    def _translated(self, doing: str, error: HttpResponseError) -> FetcherError:
        code = getattr(error, "error_code", None) or ""
        code = str(getattr(code, "value", code))
        if code in _GONE:
            where = f"container {self._container.container_name!r} of {self._service.account_name!r}"
            return NotFound(f"{doing}: {where} is not there ({code}): create it or correct the source")
        # Without credentials, a private container answers as if nothing were there.
        if isinstance(error, ClientAuthenticationError) or error.status_code in (401, 403):
            return AccessDenied(f"{doing}: {code or _first_line(error)}; {self._cure}")
        if code in ("ResourceNotFound", "PublicAccessNotPermitted"):
            return AccessDenied(f"{doing}: {code}; {self._cure}")
        if code in _TAKEN:
            return Conflict(f"{doing}: somebody else wrote it first")
        if error.status_code == 404:
            return NoSuchBlob(f"{doing}: it is not there")
        return StoreError(f"{doing}: {code or _first_line(error)}")


def _if(condition: MatchConditions, etag: str) -> dict[str, Any]:
    return {"etag": etag, "match_condition": condition} if etag else {}


def _first_line(error: Exception) -> str:
    # The SDK quotes the URL that it asked, and with a SAS the query of the URL is the secret.
    return re.sub(r"\?[^\s'\")]*", "?…", str(error).strip().split("\n")[0])
