"""Requests as bytes, from plain to hostile, with the status that RFC 9112 asks for.

A request for a path that is not there is answered 404: so 404 says that it was read as a request. Any other
status is a refusal to read it, after which the connection ends.
"""

from framing.bodies import chunks, codings, lengths
from framing.case import NEXT, SEEN, Case
from framing.heads import lines, options, plain, targets, versions

__all__ = ["CASES", "NEXT", "SEEN", "Case"]

CASES = [
    case
    for family in (plain, lengths, codings, versions, lines, targets, chunks, options)
    for case in family()
]
