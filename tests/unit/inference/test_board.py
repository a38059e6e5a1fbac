"""What the workers of one server tell each other."""

import os
from pathlib import Path

from inference.observe import board
from inference.observe.board import Row


def test_what_all_serve_is_read_once_with_its_first_time(tmp_path: Path) -> None:
    board.write(tmp_path, [Row("digits", "v1", "", 2.0), Row("other", "v1", "", 1.0)])
    (tmp_path / "7.serves").write_bytes(b'[{"model":"digits","version":"v1","digest":"","since":1.0}]')
    assert sorted(board.read(tmp_path), key=lambda row: row.model) == [
        Row("digits", "v1", "", 1.0),
        Row("other", "v1", "", 1.0),
    ]


def test_workers_that_differ_are_both_told(tmp_path: Path) -> None:
    board.write(tmp_path, [Row("digits", "v2", "", 2.0)])
    (tmp_path / "7.serves").write_bytes(b'[{"model":"digits","version":"v1","digest":"","since":1.0}]')
    assert {row.version for row in board.read(tmp_path)} == {"v1", "v2"}


def test_what_a_process_says_takes_the_place_of_what_it_said(tmp_path: Path) -> None:
    board.write(tmp_path, [Row("digits", "v1", "", 1.0)])
    board.write(tmp_path, [])
    assert board.read(tmp_path) == []


def test_workers_are_waited_for_until_each_has_come(tmp_path: Path) -> None:
    for number in (1, 2):
        board.expect(tmp_path, number)
    for number in (1, 1, 2):
        assert board.waiting(tmp_path)
        board.arrive(tmp_path, number)
    assert not board.waiting(tmp_path)


def test_what_a_process_said_goes_with_it(tmp_path: Path) -> None:
    board.write(tmp_path, [Row("digits", "v1", "", 1.0)])
    for _ in range(2):
        board.forget(tmp_path, os.getpid())
    assert board.read(tmp_path) == []
