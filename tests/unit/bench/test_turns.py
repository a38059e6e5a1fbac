"""Targets take turns, and who drops out is named."""

from collections.abc import Callable
from pathlib import Path

from bench.setup import Unavailable
from bench.turns import Bench


def bench(rounds: int) -> Bench:
    return Bench(rounds=rounds, seconds=1, quick=False, peers=())


def test_all_targets_are_measured_in_each_round_and_none_is_always_the_first(tmp_path: Path) -> None:
    order: list[str] = []

    def target(name: str) -> Callable[[Path], float]:
        def measure(work: Path) -> float:
            assert work.is_dir()
            order.append(name)
            return len(order)

        return measure

    turns = bench(2).interleaved({name: target(name) for name in "abc"}, tmp_path)
    assert "".join(order) == "abcbca"
    assert turns.frozen() == {"a": (1, 6), "b": (2, 4), "c": (3, 5)}


def test_a_target_that_cannot_be_measured_is_left_out_with_the_reason(tmp_path: Path) -> None:
    calls = []

    def breaks(work: Path) -> float:
        calls.append(work)
        if len(calls) > 1:
            raise Unavailable("It ended with exit code 1: … no memory")
        return 1

    turns = bench(3).interleaved({"ours": lambda _: 2.0, "theirs": breaks}, tmp_path)
    assert turns.frozen() == {"ours": (2, 2, 2)}
    assert turns.missing == {"theirs": "It ended with exit code 1: … no memory"}
    assert len(calls) == 2
