"""The errors that end a command, each with its exit code.

The message names the thing and the cure. Whoever raises knows what was being done; whoever catches
decides whether to end (a command) or to try again later (`watch`).
"""


class FetcherError(Exception):
    """Something failed that no more special error describes."""

    exit_code = 1


class StoreError(FetcherError):
    """The store cannot be reached or answered with an error; trying again may help."""


class SourceChanged(StoreError):
    """A blob was overwritten while it was read, or since its beginning was; what was read of it is void."""


class NotFound(FetcherError):
    """The container, channel, version or blob is not there."""

    exit_code = 3


class AccessDenied(FetcherError):
    """The store refuses the credentials, or there are none."""

    exit_code = 4


class IntegrityError(FetcherError):
    """A manifest or a file is not what it should be."""

    exit_code = 5


class VolumeError(FetcherError):
    """The volume is full, read-only, or holds something that is not ours."""

    exit_code = 6


class BundleRefused(FetcherError):
    """The bundle is not fit to be published, or the server refused the version."""

    exit_code = 7


class Conflict(FetcherError):
    """Somebody else wrote the same thing first."""

    exit_code = 8


class Stopped(Exception):
    """A signal asked to end; not an error."""
