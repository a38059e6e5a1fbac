"""Which models the I/O loop runs itself."""

from inference.models.pace import FIRST_PAUSE_NS, MAX_BYTES, QUICK_NS, SLOW_NS, SOON, WAITING, WINDOW, Pace

QUICK, SLOW = QUICK_NS / 2, SLOW_NS * 2
# Long after the process began.
NOW = 10**15


def learn(pace: Pace, took: float, *, size: int = 100, now: int = NOW, times: int = WINDOW) -> None:
    for _ in range(times):
        pace.learn(took, took, size, now)


def quick_one() -> Pace:
    pace = Pace()
    learn(pace, QUICK)
    return pace


def test_what_is_unknown_is_slow() -> None:
    pace = Pace()
    learn(pace, QUICK, times=WINDOW - 1)
    assert not pace.quick(0)


def test_becomes_quick_by_what_it_took() -> None:
    assert quick_one().quick(100)


def test_stays_as_it_is_between_the_two_limits() -> None:
    between = (QUICK_NS + SLOW_NS) / 2
    pace, other = quick_one(), Pace()
    learn(pace, between)
    learn(other, between)
    assert pace.quick(100)
    assert not other.quick(100)


def test_becomes_slow_and_stays_so_for_a_while() -> None:
    pace = quick_one()
    learn(pace, SLOW)
    learn(pace, QUICK)
    assert not pace.quick(100)
    learn(pace, QUICK, now=NOW + FIRST_PAUSE_NS)
    assert pace.quick(100)


def test_stays_slow_for_longer_if_that_comes_again_soon() -> None:
    pace = quick_one()
    pace.slow(NOW)
    pace.slow(NOW + FIRST_PAUSE_NS)
    learn(pace, QUICK, now=NOW + 2 * FIRST_PAUSE_NS)
    assert not pace.quick(100)
    learn(pace, QUICK, now=NOW + 3 * FIRST_PAUSE_NS)
    assert pace.quick(100)
    late = NOW + 4 * FIRST_PAUSE_NS + 2 * SOON * FIRST_PAUSE_NS
    pace.slow(late)
    learn(pace, QUICK, now=late + FIRST_PAUSE_NS)
    assert pace.quick(100)


def test_a_few_slow_requests_are_forgiven() -> None:
    pace = quick_one()
    learn(pace, SLOW, size=1000, times=WINDOW // 2 - 1)
    learn(pace, QUICK, times=WINDOW // 2 + 1)
    assert pace.quick(100)


def test_bodies_much_larger_than_those_that_were_quick_go_to_threads() -> None:
    pace = quick_one()
    assert pace.quick(200)
    assert not pace.quick(201)
    learn(pace, QUICK, size=MAX_BYTES)
    assert pace.quick(MAX_BYTES)
    assert not pace.quick(MAX_BYTES + 1)


def test_a_slow_request_takes_its_size_off_the_loop() -> None:
    pace = quick_one()
    learn(pace, QUICK, size=10_000, times=1)
    assert pace.quick(20_000)
    learn(pace, SLOW, size=10_000, times=1)
    assert not pace.quick(20_000)
    assert pace.quick(10_000)


def test_requests_that_are_too_large_say_nothing() -> None:
    pace = quick_one()
    learn(pace, SLOW, size=MAX_BYTES + 1)
    assert pace.quick(100)


def test_counts_cpu_time_on_a_busy_machine_and_the_clock_for_what_makes_it_wait() -> None:
    busy, waits = Pace(), Pace()
    for _ in range(WINDOW):
        busy.learn(QUICK * WAITING, QUICK, 100, NOW)
        waits.learn(SLOW * WAITING, QUICK, 100, NOW)
    assert busy.quick(100)
    assert not waits.quick(100)
