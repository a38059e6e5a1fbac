"""The channel: rollout by percent, and what publish, promote and rollback make of the history."""

import json

import pytest

from model_fetcher.channel import Channel, parse_channel, point, step_back
from model_fetcher.errors import IntegrityError, NotFound

PODS = [f"digits-7c9f-{i}" for i in range(1000)]


def test_reads_what_it_writes_and_keeps_keys_of_newer_programs() -> None:
    data = b'{"version": "v3", "history": ["v2", "v1"], "rollout": {"percent": 40}, "note": {"by": "me"}}'
    channel = parse_channel(data, "x")
    assert (channel.version, channel.previous, channel.percent) == ("v3", "v2", 40)
    written = json.loads(point(channel, "v4").to_json())
    assert written["note"] == {"by": "me"}
    assert written["previous"] == "v3"
    assert written["history"] == ["v3", "v2", "v1"]
    assert written["rollout"] == {"percent": 100}
    assert parse_channel(channel.to_json(), "x") == channel


def test_a_channel_without_history_falls_back_to_its_previous() -> None:
    assert parse_channel(b'{"version": "v2", "previous": "v1"}', "x").history == ("v1",)
    assert parse_channel(b'{"version": "v2", "previous": null}', "x").previous is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "Expecting value"),
        (b"[" * 200_000, "recursion"),
        (b"[]", "not a JSON object"),
        (b"{}", "the key 'version' is missing"),
        (b'{"version": ""}', "version '' is not a valid name"),
        (b'{"version": "", "history": ["v1"]}', "version '' is not a valid name"),
        (b'{"version": null, "previous": "v1"}', "expected string"),
        (b'{"version": "../v1"}', "not a valid name"),
        (b'{"version": "v2", "history": ["../../etc"]}', "not a valid name"),
        (b'{"version": "v2", "history": "v1"}', "history is 'v1', not a list"),
        (b'{"version": "v2", "previous": "a/b"}', "not a valid name"),
        (b'{"version": "v2", "rollout": {"percent": 101}}', "rollout.percent is 101"),
        (b'{"version": "v2", "rollout": {"percent": -1}}', "rollout.percent is -1"),
        (b'{"version": "v2", "rollout": {"percent": "50"}}', "rollout.percent is '50'"),
        (b'{"version": "v2", "rollout": {"percent": true}}', "rollout.percent is True"),
        (b'{"version": "v2", "rollout": 50}', "no attribute"),
    ],
)
def test_says_what_is_wrong_with_a_channel(data: bytes, said: str) -> None:
    with pytest.raises(
        IntegrityError, match=r"^stable\.json is not a channel: .*promote a version$"
    ) as error:
        parse_channel(data, "stable.json")
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("percent", "low", "high"), [(0, 0, 0), (10, 60, 140), (50, 430, 570), (100, 1000, 1000)]
)
def test_the_share_of_pods_takes_the_new_version(percent: int, low: int, high: int) -> None:
    channel = Channel("v2", ("v1",), percent)
    assert low <= sum(channel.wanted_by(pod) == "v2" for pod in PODS) <= high


def test_raising_the_percent_only_adds_pods() -> None:
    taken: set[str] = set()
    for percent in range(0, 101, 5):
        now = {pod for pod in PODS if Channel("v2", ("v1",), percent).wanted_by(pod) == "v2"}
        assert taken <= now
        taken = now


def test_another_version_tries_out_other_pods() -> None:
    first, second = ({p for p in PODS if Channel(v, ("v0",), 10).wanted_by(p) == v} for v in ("v1", "v2"))
    assert len(first & second) < len(first) / 2


def test_all_pods_take_the_only_version_there_is_whatever_the_percent() -> None:
    assert Channel("v1", percent=0).wanted_by("pod") == "v1"


def test_the_first_publish_makes_a_channel_without_previous() -> None:
    assert point(None, "v1") == Channel("v1")


def test_pointing_at_the_same_version_changes_the_percent_only() -> None:
    channel = Channel("v2", ("v1",), 10)
    assert point(channel, "v2", 60) == Channel("v2", ("v1",), 60)


def test_history_ends_at_ten() -> None:
    channel = point(None, "v0")
    for number in range(1, 15):
        channel = point(channel, f"v{number}")
    assert channel.history == tuple(f"v{number}" for number in range(13, 3, -1))


def test_rollback_never_returns_to_the_version_it_left_and_goes_further_back_each_time() -> None:
    channel = Channel("v3", ("v2", "v1"), 25)
    once = step_back(channel, "stable")
    assert (once.version, once.history, once.percent) == ("v2", ("v1",), 100)
    twice = step_back(once, "stable")
    assert (twice.version, twice.previous) == ("v1", None)
    with pytest.raises(
        NotFound, match="channel 'stable' has no version before 'v1': name one with 'promote'"
    ):
        step_back(twice, "stable")
