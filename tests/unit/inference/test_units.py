"""How settings are written."""

import pytest

from inference import units


@pytest.mark.parametrize(
    ("text", "bytes_"), [("64MiB", 64 * 2**20), ("10MB", 10**7), ("4096", 4096), ("1.5 kib", 1536), ("7B", 7)]
)
def test_reads_sizes(text: str, bytes_: int) -> None:
    assert units.size(text) == bytes_


@pytest.mark.parametrize(
    ("text", "seconds"), [("5s", 5), ("200ms", 0.2), ("1m", 60), ("0", 0), ("2h", 7200), ("1.5", 1.5)]
)
def test_reads_times(text: str, seconds: float) -> None:
    assert units.duration(text) == pytest.approx(seconds)


def test_reads_pixels() -> None:
    assert units.pixels("50MP") == 50_000_000


@pytest.mark.parametrize("text", ["", "-1s", "5 parsecs", "s", "1e3s", "nan"])
def test_says_how_a_time_is_written(text: str) -> None:
    with pytest.raises(ValueError, match="write it like 5s"):
        units.duration(text)


@pytest.mark.parametrize("text", ["0", "0.5", "0MiB"])
def test_refuses_a_size_of_nothing(text: str) -> None:
    with pytest.raises(ValueError, match="at least 1 byte"):
        units.size(text)


def test_refuses_an_interval_of_zero() -> None:
    with pytest.raises(ValueError, match="longer than 0"):
        units.interval("0s")


@pytest.mark.parametrize("text", ["65536", "-1", "http", "²"])
def test_refuses_what_is_no_port(text: str) -> None:
    with pytest.raises(ValueError, match="0 to 65535"):
        units.port(text)


@pytest.mark.parametrize("text", ["0", "-2", "two", "1.5", ""])
def test_refuses_what_is_no_count(text: str) -> None:
    with pytest.raises(ValueError, match="at least 1, or auto"):
        units.auto_count(text)


def test_reads_auto_as_none() -> None:
    assert units.auto_count("auto") is None
    assert units.auto_count("3") == 3


@pytest.mark.parametrize(
    "text", ["*", "https://a.example", "http://localhost:3000", "http://[::1]:81", "capacitor://localhost"]
)
def test_reads_origins(text: str) -> None:
    assert units.origin(text) == units.origin(text.upper()) == text


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("null", "give [*], or an origin"),
        ("a.example", "give [*], or an origin"),
        ("https://a.example/", "give [*], or an origin"),
        ("https://a.example/page", "give [*], or an origin"),
        ("https://*.a.example", "give [*], or an origin"),
        ("https://me@a.example", "give [*], or an origin"),
        ("https://a.example:443", "leave out the port 443"),
        ("http://a.example:80", "leave out the port 80"),
    ],
)
def test_refuses_what_no_browser_sends_as_an_origin(text: str, cure: str) -> None:
    with pytest.raises(ValueError, match=cure):
        units.origin(text)
