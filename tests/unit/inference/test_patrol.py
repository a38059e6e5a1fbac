"""Connections that take too long."""

from types import SimpleNamespace
from typing import Any

from inference.http.patrol import PROBE_SECONDS, look_after


def connection(requests: list[Any]) -> Any:
    """A connection whose client has ended its half; a thread answers its last request meanwhile."""
    sent: list[bytes] = []

    def is_queued(_: object) -> bool:
        requests.clear()
        return False

    dispatcher = SimpleNamespace(is_queued=is_queued)
    return SimpleNamespace(
        linger_until=0.0, total_outbufs_len=0, requests=requests, half_closed=1.0, probed=False, sent=sent,
        write_soon=sent.append, server=SimpleNamespace(task_dispatcher=dispatcher),
    )  # fmt: skip


def test_a_request_that_is_answered_at_this_moment_is_not_probed() -> None:
    half_closed = connection([SimpleNamespace(version="1.1")])
    look_after(half_closed, 1.0 + 2 * PROBE_SECONDS)
    assert half_closed.sent == []
