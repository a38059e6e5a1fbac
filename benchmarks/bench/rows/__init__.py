"""The rows of the bench, by the names that `ROWS=` takes."""

from collections.abc import Callable, Mapping

from bench.results import Result
from bench.rows.fetch import fetch
from bench.rows.images import images
from bench.rows.memory import memory
from bench.rows.publish import publish
from bench.rows.rest import rest
from bench.rows.swaps import swaps
from bench.rows.throughput import large, small
from bench.turns import Bench

ROWS: Mapping[str, Callable[[Bench], list[Result]]] = {
    row.__name__: row for row in (small, large, swaps, memory, fetch, publish, rest, images)
}
