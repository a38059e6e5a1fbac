"""sdk.py CONTAINER DIRECTORY: download a version as Azure's SDK does by default, comparing the SHA-256."""

import hashlib
import json
import os
import sys
from pathlib import Path

from azure.storage.blob import ContainerClient

ROOT = "models/model/versions/v1"


def main(container: str, place: Path) -> None:
    """Bring the file that the manifest names, by one connection and in the order of its bytes."""
    text = os.environ["AZURE_STORAGE_CONNECTION_STRING"]
    with ContainerClient.from_connection_string(text, container) as client:
        manifest = json.loads(client.download_blob(f"{ROOT}/manifest.json").readall())
        (told,) = manifest["files"]
        digest = hashlib.sha256()
        with (place / told["path"]).open("wb") as file:
            for chunk in client.download_blob(f"{ROOT}/{told['path']}").chunks():
                digest.update(chunk)
                file.write(chunk)
    if digest.hexdigest() != told["sha256"]:
        sys.exit("the hash differs")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
