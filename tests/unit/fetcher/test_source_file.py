"""A directory as a store: conditional writes, races, links and hidden files."""

import os
import threading
from pathlib import Path

import pytest

from model_fetcher.errors import AccessDenied, Conflict, IntegrityError, SourceChanged, StoreError
from model_fetcher.sources.base import Document, NoSuchBlob
from model_fetcher.sources.file import FileSource
from unit.fetcher.stores import powerless, write_files


@pytest.fixture
def store(root: Path) -> FileSource:
    return FileSource(root)


def read(store: FileSource, path: str) -> Document:
    document = store.read(path)
    assert document is not None
    return document


def at_once(job: object, count: int = 8) -> list[bool]:
    """Run `job(i)` in `count` threads that begin together; True for each that raised no Conflict."""
    gate, won = threading.Barrier(count), [False] * count

    def run(number: int) -> None:
        gate.wait()
        try:
            job(number)  # type: ignore[operator]
            won[number] = True
        except Conflict:
            pass

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won


def test_reads_a_document_and_nothing_while_it_is_the_same(store: FileSource, root: Path) -> None:
    write_files(root, {"channels/stable.json": b"{}", "empty": b""})
    document = read(store, "channels/stable.json")
    assert document.data == b"{}"
    assert store.read("channels/stable.json", unless=document.etag) is None
    store.write("channels/stable.json", b"{ }", replacing=document.etag)
    again = store.read("channels/stable.json", unless=document.etag)
    assert again is not None
    assert again.data == b"{ }"
    assert read(store, "empty").data == b""


@pytest.mark.parametrize("path", ["gone", "folder", "folder/file/below", ""])
def test_what_is_not_there_is_named(store: FileSource, root: Path, path: str) -> None:
    write_files(root, {"folder/file": b"x"})
    for call in (
        lambda: store.read(path),
        lambda: store.stat(path),
        lambda: store.read_range(path, "", 0, 1),
    ):
        with pytest.raises(NoSuchBlob, match=f"{path!r} of file://.*: it is not there"):
            call()


def test_a_pipe_in_the_store_is_no_blob_and_does_not_hang(store: FileSource, root: Path) -> None:
    write_files(root, {"model.onnx": b"x"})
    os.mkfifo(root / "pipe")
    with pytest.raises(NoSuchBlob):
        store.read("pipe")
    assert [file.path for file in store.list()] == ["model.onnx"]


def test_lists_by_prefix_without_hidden_files_at_the_root(store: FileSource, root: Path) -> None:
    names = ["versions/v1/a", "versions/v1/.b", "versions/v10/a", "channels/stable.json", ".tmp/x", ".lock"]
    write_files(root, dict.fromkeys(names, b"xyz"))
    assert [f.path for f in store.list()] == sorted(names[:4])
    assert [f.path for f in store.list("versions/v1/")] == ["versions/v1/.b", "versions/v1/a"]
    assert [f.path for f in store.list("versions/v1")] == sorted(names[:3])
    assert [(f.bytes, f.etag) for f in store.list("channels/")] == [
        (3, store.stat("channels/stable.json").etag)
    ]
    assert store.list("nothing/here") == []


def test_a_range_is_read_under_its_etag(store: FileSource, root: Path) -> None:
    write_files(root, {"f": b"abcdef"})
    etag = store.stat("f").etag
    assert store.read_range("f", etag, 2, 3) == b"cde"
    assert store.read_range("f", "", 4, 10) == b"ef"
    write_files(root, {"other": b"ABCDEF"})
    (root / "other").replace(root / "f")
    with pytest.raises(SourceChanged, match=r"'f' of .* changed while it was read"):
        store.read_range("f", etag, 2, 3)


@pytest.mark.parametrize("target", ["/etc/hostname", "../../outside", "versions/../../../outside"])
def test_a_link_out_of_the_source_is_refused(store: FileSource, root: Path, target: str) -> None:
    write_files(root.parent.parent, {"outside": b"secret"})
    root.mkdir(parents=True)
    (root / "model.onnx").symlink_to(target)
    for call in (store.read, store.stat):
        with pytest.raises(IntegrityError, match="is a link out of the source: replace it by the file"):
            call("model.onnx")


def test_a_linked_directory_out_of_the_source_is_refused(store: FileSource, root: Path) -> None:
    outside = write_files(root.parent.parent / "outside", {"manifest.json": b"secret"})
    (root / "versions").mkdir(parents=True)
    (root / "versions/v1").symlink_to(outside)
    with pytest.raises(IntegrityError, match="is a link out of the source"):
        store.read("versions/v1/manifest.json")
    with pytest.raises(IntegrityError, match="is a link out of the source"):
        store.read("../../outside/manifest.json")


def test_a_link_within_the_source_is_followed(store: FileSource, root: Path) -> None:
    """A mounted ConfigMap looks like that."""
    write_files(root / "..data", {"model.onnx": b"x"})
    (root / "model.onnx").symlink_to("..data/model.onnx")
    assert [file.path for file in store.list()] == ["model.onnx"]
    assert read(store, "model.onnx").data == b"x"


def test_a_source_that_is_itself_a_link_is_read(store: FileSource, root: Path, tmp_path: Path) -> None:
    write_files(root, {"a": b"x"})
    (tmp_path / "link").symlink_to(root)
    assert read(FileSource(tmp_path / "link"), "a").data == b"x"


def test_creates_a_file_once_and_tells_the_progress(store: FileSource, root: Path, tmp_path: Path) -> None:
    write_files(tmp_path, {"local": b"weights"})
    moved: list[int] = []
    store.create("versions/v1/model.onnx", tmp_path / "local", moved.append)
    with pytest.raises(Conflict, match=r"'versions/v1/model.onnx' of file://.* is there already"):
        store.create("versions/v1/model.onnx", tmp_path / "local", moved.append)
    assert (root / "versions/v1/model.onnx").read_bytes() == b"weights"
    assert (root / "versions/v1/model.onnx").stat().st_mode & 0o777 == 0o644
    assert sum(moved) >= 7
    assert [path.name for path in (root / ".tmp").iterdir() if path.name != "lock"] == []


def test_of_many_that_create_the_same_file_one_wins_and_its_content_stays(
    store: FileSource, root: Path, tmp_path: Path
) -> None:
    for number in range(8):
        write_files(tmp_path, {f"local{number}": bytes([number]) * 100_000})
    won = at_once(lambda n: store.create("model.onnx", tmp_path / f"local{n}", lambda _: None))
    assert sum(won) == 1
    assert (root / "model.onnx").read_bytes() == bytes([won.index(True)]) * 100_000


def test_of_many_that_replace_the_same_document_one_wins(store: FileSource, root: Path) -> None:
    store.write("channels/stable.json", b"start", replacing="")
    for _ in range(10):
        etag = read(store, "channels/stable.json").etag
        won = at_once(lambda n, e=etag: store.write("channels/stable.json", b"%d" % n, replacing=e))
        assert sum(won) == 1
        assert read(store, "channels/stable.json").data == b"%d" % won.index(True)


def test_of_many_that_make_the_first_document_one_wins(store: FileSource, root: Path) -> None:
    won = at_once(lambda n: store.write("channels/stable.json", b"%d" % n, replacing=""))
    assert sum(won) == 1
    assert read(store, "channels/stable.json").data == b"%d" % won.index(True)


def test_does_not_replace_what_was_changed_or_removed_meanwhile(store: FileSource, root: Path) -> None:
    store.write("channel", b"one", replacing="")
    etag = read(store, "channel").etag
    store.write("channel", b"two", replacing=etag)
    with pytest.raises(Conflict, match="changed by somebody else"):
        store.write("channel", b"three", replacing=etag)
    (root / "channel").unlink()
    with pytest.raises(Conflict, match="changed by somebody else"):
        store.write("channel", b"three", replacing=etag)


def test_what_may_not_be_read_is_denied_with_the_cure(store: FileSource, root: Path) -> None:
    write_files(root, {"model.onnx": b"x", "closed/weights": b"x"})
    for path, mode in (("model.onnx", 0), ("closed", 0), ("", 0o555)):
        (root / path).chmod(mode)
    with powerless(root):
        with pytest.raises(AccessDenied, match=r"cannot read 'model.onnx' of file://.*check owner and mode"):
            store.read("model.onnx")
        with pytest.raises(AccessDenied, match=r"cannot list file://.*check owner and mode"):
            store.list()
        with pytest.raises(AccessDenied, match=r"cannot write 'x' to file://.*check owner and mode"):
            store.write("x", b"", replacing="")
    (root / "closed").chmod(0o755)


def test_a_store_below_a_plain_file_says_that_it_cannot_be_written(tmp_path: Path) -> None:
    write_files(tmp_path, {"model.onnx": b"x"})
    with pytest.raises(
        StoreError, match=r"model.onnx is a single file, no place for versions: publish to a directory"
    ):
        FileSource(tmp_path / "model.onnx").write("a", b"x", replacing="")
