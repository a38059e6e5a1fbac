"""A volume as a fetcher keeps it, for tests of the server."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Volume:
    """The directory that a server reads."""

    root: Path

    def add(self, model: str, version: str, make: Callable[[Path], None] | None, serving: Any = None) -> Path:
        """Write a version whole, with its manifest; `serving` is its serving.json. Returns its directory."""
        directory = self.root / model / "versions" / version
        directory.mkdir(parents=True)
        if make:
            make(directory / "model.onnx")
        if serving is not None:
            text = serving if isinstance(serving, str) else json.dumps(serving)
            (directory / "serving.json").write_text(text)
        (directory / "manifest.json").write_text(json.dumps(_manifest(directory, version)))
        return directory

    def point(self, model: str, version: str) -> None:
        """Flip the link of a model, as a fetcher does: by rename."""
        new = self.root / model / ".current.new"
        os.symlink(f"versions/{version}", new)
        os.replace(new, self.root / model / "current")


def _manifest(directory: Path, version: str) -> dict[str, Any]:
    files = [
        {
            "path": path.relative_to(directory).as_posix(),
            "bytes": path.stat().st_size,
            "sha256": sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    ]
    return {"format": 1, "version": version, "files": files}


def digest(directory: Path) -> str:
    """Return the digest of a version, as docs/contract.md defines it."""
    files = json.loads((directory / "manifest.json").read_text())["files"]
    lines = sorted((file["path"], file["sha256"]) for file in files)
    return sha256("".join(f"{sha}  {path}\n" for path, sha in lines).encode()).hexdigest()
