"""The route table: finds the route of a request, or the reply to one that no route takes. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from types import MappingProxyType

from inference.api.route import Found, Route, Where
from inference.messages import Headers, Reply, error_body
from inference.options import NAME

# What `find` remembers: more and longer paths would let clients fill the memory.
REMEMBERED, REMEMBERED_CHARACTERS = 1024, 512
# Of a path in an error.
_SHOWN_CHARACTERS = 200
# Up to here an error lists all paths.
_FEW_PATHS = 8
# Parameters of paths that must be names (docs/contract.md).
NAMED = ("model", "version")
EVERYTHING = "*"


class _InvalidName(Exception):
    """A parameter of the path cannot be the name of anything."""


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A path of the table by its segments, and its routes by method."""

    segments: tuple[str, ...]
    routes: dict[str, Route] = field(default_factory=dict)

    def match(self, segments: list[str]) -> Mapping[str, str] | None:
        """Return the parameters in a path of as many segments; None if it is another. Raises _InvalidName."""
        params: dict[str, str] = {}
        for own, given in zip(self.segments, segments, strict=True):
            if own[:1] == "{":
                params[own[1:-1]] = given
            elif own != given:
                return None
        for name, value in params.items():
            if name in NAMED and not NAME.fullmatch(value):
                raise _InvalidName(
                    f"{name} {_shown(value)!r}: no such name; a name has 1 to 128 letters, digits, '.', '_' "
                    "and '-', and starts with a letter or digit"
                )
        return MappingProxyType(params)


class Table:
    """Routes, found by method and path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """Raise ValueError if two routes answer the same requests."""
        self.routes = tuple(routes)
        self._patterns = _patterns(self.routes)
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._find)

    def find(self, method: str, path: str) -> Found | Reply:
        """Return the route for a method and a path, or the reply: 404, 405, or that to OPTIONS.

        `path` is percent-decoded, and must match exactly: `//score` and `/score/` are not `/score`. HEAD
        finds the route of GET.
        """
        short = len(path) <= REMEMBERED_CHARACTERS
        return self._remembered(method, path) if short else self._find(method, path)

    @property
    def remembered(self) -> int:
        """Return how many results `find` remembers now."""
        return self._remembered.cache_info().currsize

    def flask_rules(self) -> Iterator[tuple[str, Route]]:
        """Yield each route that Flask serves, with its path in Flask's form: `/v2/models/<name:model>`."""
        for route in self.routes:
            if route.where is Where.LOOP:
                yield "/".join(map(_flask_segment, route.path.split("/"))), route

    def _find(self, method: str, path: str) -> Found | Reply:
        if path == EVERYTHING:
            return _allow({route.method for route in self.routes})
        found: dict[str, Found] = {}
        reason = f"{_shown(path)}: no such path{self._cure()}"
        segments = path.split("/")
        for pattern in self._patterns.get(len(segments), ()):
            try:
                params = pattern.match(segments)
            except _InvalidName as invalid:
                reason = str(invalid)
                continue
            if params is not None:
                # Patterns with fewer parameters come first.
                found = {verb: Found(route, params) for verb, route in pattern.routes.items()} | found
        if not found:
            return Reply(error_body(reason), HTTPStatus.NOT_FOUND)
        wanted = "GET" if method == "HEAD" else method
        if wanted in found:
            return found[wanted]
        return _allow(set(found)) if method == "OPTIONS" else _not_allowed(method, path, set(found))

    def _cure(self) -> str:
        paths = list(dict.fromkeys(route.path for route in self.routes))
        if len(paths) <= _FEW_PATHS:
            return f"; there is {', '.join(paths)}"
        return "; /docs lists all paths" if "/docs" in paths else ""


def _patterns(routes: Iterable[Route]) -> dict[int, list[_Pattern]]:
    """Return the patterns by their number of segments, those with text where others have parameters first."""
    by_shape: dict[tuple[str, ...], _Pattern] = {}
    for route in routes:
        segments = tuple(route.path.split("/"))
        shape = tuple("{}" if segment[:1] == "{" else segment for segment in segments)
        pattern = by_shape.setdefault(shape, _Pattern(segments))
        if route.method in pattern.routes or pattern.segments != segments:
            raise ValueError(f"{route.method} {route.path}: another route has this path already")
        pattern.routes[route.method] = route
    patterns: dict[int, list[_Pattern]] = {}
    for shape in sorted(by_shape, key=lambda shape: [segment == "{}" for segment in shape]):
        patterns.setdefault(len(shape), []).append(by_shape[shape])
    return patterns


def _flask_segment(segment: str) -> str:
    if segment[:1] != "{":
        return segment
    name = segment[1:-1]
    return f"<name:{name}>" if name in NAMED else f"<{name}>"


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _allowed(methods: set[str]) -> Headers:
    implied = {"HEAD", "OPTIONS"} if "GET" in methods else {"OPTIONS"}
    return (("Allow", ", ".join(sorted(methods | implied))),)


def _allow(methods: set[str]) -> Reply:
    return Reply(b"", HTTPStatus.NO_CONTENT, content_type="", headers=_allowed(methods))


def _not_allowed(method: str, path: str, methods: set[str]) -> Reply:
    message = f"{_shown(path)}: {method} is not allowed; use {' or '.join(sorted(methods))}"
    return Reply(error_body(message), HTTPStatus.METHOD_NOT_ALLOWED, headers=_allowed(methods))
