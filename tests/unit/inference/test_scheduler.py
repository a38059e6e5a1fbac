"""Which waiting work starts next."""

from hypothesis import given
from hypothesis import strategies as st

from inference.serving.scheduler import RESERVED, Scheduler


def started(scheduler: Scheduler[str]) -> list[tuple[str, str]]:
    """Start whatever may start."""
    found = []
    while (one := scheduler.start()) is not None:
        found.append(one)
    return found


def test_a_saturated_model_leaves_a_thread_to_another() -> None:
    scheduler: Scheduler[str] = Scheduler(2, 10)
    for number in range(5):
        assert scheduler.offer("slow", f"s{number}")
    assert started(scheduler) == [("slow", "s0"), ("slow", "s1")]
    assert scheduler.offer("quick", "q0")
    assert started(scheduler) == [("quick", "q0")]
    assert scheduler.offer("quick", "q1")
    assert started(scheduler) == []
    scheduler.finish("quick")
    assert started(scheduler) == [("quick", "q1")]


def test_models_share_the_threads_evenly() -> None:
    scheduler: Scheduler[str] = Scheduler(4, 10)
    for key in "ab":
        for number in range(4):
            scheduler.offer(key, f"{key}{number}")
    assert sorted(work for _, work in started(scheduler)) == ["a0", "a1", "b0", "b1"]


def test_as_much_waits_as_allowed_beside_what_can_start_and_one_more_does_not() -> None:
    scheduler: Scheduler[str] = Scheduler(2, 3)
    assert [scheduler.offer("m", str(number)) for number in range(6)] == [True] * 5 + [False]
    assert len(started(scheduler)) == 2
    assert not scheduler.offer("m", "again")
    scheduler.finish("m")
    assert len(started(scheduler)) == 1
    assert scheduler.offer("m", "again")


def test_the_queue_of_one_model_is_not_the_queue_of_another() -> None:
    scheduler: Scheduler[str] = Scheduler(1, 1)
    assert [scheduler.offer("full", str(number)) for number in range(3)] == [True, True, False]
    assert scheduler.offer("other", "0")


def test_drops_what_nobody_waits_for() -> None:
    scheduler: Scheduler[str] = Scheduler(1, 3)
    for work in ("kept", "gone", "kept too"):
        scheduler.offer("m", work)
    assert scheduler.drop(lambda work: work == "gone") == 1
    scheduler.start()
    scheduler.finish("m")
    assert started(scheduler) == [("m", "kept too")]


def test_reserved_threads_have_a_limit() -> None:
    scheduler: Scheduler[str] = Scheduler(1, 1)
    for number in range(RESERVED + 5):
        scheduler.offer(str(number), "work")
    assert len(started(scheduler)) == scheduler.most_running == RESERVED + 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60), st.integers(1, 4))
def test_work_starts_in_the_order_of_its_model_and_none_is_lost(
    steps: list[tuple[str, bool]], slots: int
) -> None:
    scheduler: Scheduler[str] = Scheduler(slots, 100)
    offered: list[tuple[str, str]] = []
    done: list[tuple[str, str]] = []
    running: list[str] = []
    for number, (key, finish) in enumerate(steps):
        if finish and running:
            scheduler.finish(running.pop(0))
        scheduler.offer(key, f"{number:03}")
        offered.append((key, f"{number:03}"))
        new = started(scheduler)
        done += new
        running += [name for name, _ in new]
        assert len(running) <= slots + 3
    while running:
        scheduler.finish(running.pop(0))
        new = started(scheduler)
        done += new
        running += [name for name, _ in new]
    assert sorted(done) == sorted(offered)
    for key in "abc":
        mine = [work for name, work in done if name == key]
        assert mine == sorted(mine)
