"""A container of a real Azurite as a store."""

from dataclasses import dataclass

from azure.storage.blob import ContainerClient

from blobs import PREFIX, Store

ACCOUNT = "devstoreaccount1"
# The emulator's key; its documentation tells it to everybody.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass(frozen=True, slots=True)
class Container(Store):
    """A container in the emulator, and the root of a model in it."""

    client: ContainerClient
    endpoint: str
    connection_string: str
    account: str = ACCOUNT
    key: str = KEY

    @property
    def url(self) -> str:
        """See Store.url."""
        return f"az://{self.account}/{self.client.container_name}/{PREFIX.rstrip('/')}"

    @property
    def env(self) -> dict[str, str]:
        """See Store.env."""
        return {"AZURE_STORAGE_CONNECTION_STRING": self.connection_string}

    @property
    def missing(self) -> str:
        """See Store.missing."""
        return f"az://{self.account}/no-such-container/models/digits"

    def down(self) -> dict[str, str]:
        """See Store.down."""
        text = self.connection_string.replace(self.endpoint, "http://127.0.0.1:9/d")
        return {"AZURE_STORAGE_CONNECTION_STRING": text}

    def upload(self, path: str, data: bytes) -> None:
        """See Store.upload."""
        self.client.upload_blob(PREFIX + path, data, overwrite=True)

    def download(self, path: str) -> bytes:
        """See Store.download."""
        return self.client.download_blob(PREFIX + path).readall()

    def delete(self, path: str) -> None:
        """See Store.delete."""
        self.client.delete_blob(PREFIX + path)

    def names(self) -> list[str]:
        """See Store.names."""
        names = self.client.list_blob_names(name_starts_with=PREFIX)
        return [name.removeprefix(PREFIX) for name in names]
