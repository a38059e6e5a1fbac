"""Ranges: planned without gaps, read in parallel, handed over in order."""

import time
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path
from threading import Event, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_fetcher.errors import IntegrityError, SourceChanged, Stopped, StoreError
from model_fetcher.manifest import File
from model_fetcher.sources.file import FileSource
from model_fetcher.transfer import Range, Share, plan_ranges, read_in_order
from unit.fetcher.stores import FaultyStore, write_files

NAMES: Callable[[File], str] = lambda file: file.path  # noqa: E731


def read_all(source: FileSource, files: list[File], size: int = 3, connections: int = 4) -> list[bytes]:
    ranges = (piece for file in files for piece in plan_ranges(file, 0, size))
    return [data for _, data in read_in_order(source, ranges, NAMES, Event(), Share(connections))]


@given(total=st.integers(0, 500), offset=st.integers(0, 600), size=st.integers(1, 64))
def test_ranges_cover_the_rest_of_a_file_once_and_without_gaps(total: int, offset: int, size: int) -> None:
    ranges = list(plan_ranges(File("f", total), offset, size))
    covered = [byte for r in ranges for byte in range(r.offset, r.offset + r.bytes)]
    assert covered == list(range(offset, total))
    assert all(0 < r.bytes <= size for r in ranges)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=6), st.integers(1, 9), st.integers(1, 5))
def test_contents_come_back_whatever_the_sizes(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes], size: int, connections: int
) -> None:
    names = {f"f{i}": data for i, data in enumerate(contents)}
    root = write_files(tmp_path_factory.mktemp("store"), names)
    read = read_all(FileSource(root), [File(n, len(d)) for n, d in names.items()], size, connections)
    assert b"".join(read) == b"".join(contents)


class Uneven(FaultyStore):
    """The first range of all comes last."""

    def read_range(self, path: str, etag: str, offset: int, length: int) -> bytes:
        """See Source.read_range."""
        deadline = time.monotonic() + 10
        while offset == 0 and len(self.ranges) < 3 and time.monotonic() < deadline:
            time.sleep(0.001)
        return super().read_range(path, etag, offset, length)


def test_order_is_kept_when_the_first_range_comes_last(tmp_path: Path) -> None:
    write_files(tmp_path, {"f": b"abcdefghijkl"})
    store = Uneven(tmp_path)
    assert read_all(store, [File("f", 12)]) == [b"abc", b"def", b"ghi", b"jkl"]
    assert store.ranges[-1][1] == 0


def test_holds_few_ranges_however_slowly_they_are_taken(tmp_path: Path) -> None:
    write_files(tmp_path, {"f": bytes(100)})
    store = FaultyStore(tmp_path)
    taken = read_in_order(store, plan_ranges(File("f", 100), 0, 1), NAMES, Event(), Share(2))
    next(taken)
    time.sleep(0.05)
    assert len(store.ranges) <= 3
    assert len(list(taken)) == 99


@pytest.mark.parametrize(("reads", "each"), [(1, 5), (2, 3), (4, 2), (5, 1), (9, 1)])
def test_reads_that_go_on_together_hold_few_ranges_each(tmp_path: Path, reads: int, each: int) -> None:
    write_files(tmp_path, {"f": bytes(100)})
    share, stores = Share(4), [FaultyStore(tmp_path) for _ in range(reads)]
    taken = [read_in_order(s, plan_ranges(File("f", 100), 0, 1), NAMES, Event(), share) for s in stores]
    for one in taken:
        next(one)
    # The first had more while it was alone; it asks for none before those are taken.
    for one in taken:
        list(islice(one, 10))
    time.sleep(0.05)
    assert all(len(store.ranges) < 11 + each for store in stores)
    assert [len(list(one)) for one in taken] == [89] * reads


@pytest.mark.parametrize("taken", [1, 9])
def test_a_read_that_has_ended_leaves_its_share_to_the_others(tmp_path: Path, taken: int) -> None:
    write_files(tmp_path, {"f": bytes(9)})
    share = Share(4)
    with share:
        ranges = plan_ranges(File("f", 9), 0, 1)
        with closing(read_in_order(FileSource(tmp_path), ranges, NAMES, Event(), share)) as one:
            next(one)
            assert share.each() == 3
            assert len(list(islice(one, taken - 1))) == taken - 1
        assert share.each() == 5


def test_a_short_answer_is_an_error_that_says_where(tmp_path: Path) -> None:
    write_files(tmp_path, {"f": b"abcdef"})
    store = FaultyStore(tmp_path)
    store.short_by = 1
    with pytest.raises(StoreError, match=r"'f' of file://.* gave 2 of 3 bytes at 0"):
        read_all(store, [File("f", 6)])


def test_a_file_that_is_overwritten_between_two_ranges_is_never_mixed(tmp_path: Path) -> None:
    write_files(tmp_path, {"f": b"old" * 100})
    ranges = read_in_order(FileSource(tmp_path), plan_ranges(File("f", 300), 0, 3), NAMES, Event(), Share(1))
    assert next(ranges)[1] == b"old"
    write_files(tmp_path, {"new": b"new" * 100})
    (tmp_path / "new").replace(tmp_path / "f")
    with pytest.raises(SourceChanged, match=r"'f' of .* changed while it was read"):
        list(ranges)


def test_the_etag_of_the_listing_is_the_one_that_counts(tmp_path: Path) -> None:
    write_files(tmp_path, {"f": b"abc"})
    with pytest.raises(SourceChanged):
        read_all(FileSource(tmp_path), [File("f", 3, etag="another")])


def test_a_blob_of_another_size_than_its_manifest_says_is_refused_before_it_is_read(tmp_path: Path) -> None:
    write_files(tmp_path, {"f": b"abcdef"})
    store = FaultyStore(tmp_path)
    with pytest.raises(IntegrityError, match="has 6 bytes, its manifest says 5"):
        read_all(store, [File("f", 5)])
    assert store.ranges == []


def test_an_error_of_a_later_range_comes_after_the_data_before_it(tmp_path: Path) -> None:
    write_files(tmp_path, {"a": b"abc"})
    ranges = read_in_order(
        FileSource(tmp_path), [Range(File("a", 3), 0, 3), Range(File("gone", 3), 0, 3)], NAMES, Event()
    )
    assert next(ranges)[1] == b"abc"
    with pytest.raises(Exception, match="'gone'"):
        next(ranges)


class Hanging(FaultyStore):
    """A store that does not answer until it is released."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked, self.release = Event(), Event()

    def read_range(self, path: str, etag: str, offset: int, length: int) -> bytes:
        """See Source.read_range."""
        self.asked.set()
        self.release.wait(30)
        return super().read_range(path, etag, offset, length)


def test_stops_while_a_store_does_not_answer(tmp_path: Path) -> None:
    write_files(tmp_path, {"f": b"abc"})
    store, stop = Hanging(tmp_path), Event()
    ranges = read_in_order(store, plan_ranges(File("f", 3), 0), NAMES, stop)

    def stop_once_asked() -> None:
        store.asked.wait()
        stop.set()

    hurry = Thread(target=stop_once_asked)
    hurry.start()
    try:
        with pytest.raises(Stopped):
            list(ranges)
    finally:
        store.release.set()
        hurry.join()
