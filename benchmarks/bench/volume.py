"""A model volume as docs/contract.md describes it, written as the fetcher would."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Volume:
    """The volume of one model, which is called `model`."""

    directory: Path

    @property
    def current(self) -> Path:
        """The link that the server looks at."""
        return self.directory / "model/current"

    def add(self, version: str, bundle: Path) -> None:
        """Copy a bundle as a version that no other one equals, byte by byte."""
        place = self.directory / "model/versions" / version
        shutil.copytree(bundle, place)
        with (place / "model.onnx").open("ab") as file:
            file.write(doc_string(version))

    def point(self, version: str) -> None:
        """Let the link name a version."""
        fresh = self.current.with_name("current.new")
        fresh.symlink_to(Path("versions", version))
        os.rename(fresh, self.current)

    def remove(self, version: str) -> None:
        """Remove a version that is served no more."""
        shutil.rmtree(self.directory / "model/versions" / version)


def doc_string(text: str) -> bytes:
    """The field `doc_string` (number 6, onnx.proto) of a ModelProto of its own, at most 127 bytes long.

    Protocol buffers merge messages that follow each other, so it may be appended to any model.
    """
    data = text.encode()
    return bytes([6 << 3 | 2, len(data)]) + data
