"""The bytes of responses that a client has not read yet: their memory, and how fast they go."""

from inference.http.limits import Limits, too_slow


class Unsent:
    """The account of one connection. The caller holds the lock of its output."""

    def __init__(self, limits: Limits) -> None:
        """Start with nothing unsent."""
        self._limits = limits
        self.size = 0
        # The response's bytes that the socket did not take at once, and since when they wait.
        self._total = 0
        self._since = 0.0

    def note(self, size: int, now: float) -> None:
        """Note that `size` bytes are unsent now, and count them as memory in use."""
        if not self.size:
            self._since, self._total = now, size
        self._total = max(self._total, size)
        self._limits.memory.force(size - self.size)
        self.size = size

    def too_slow(self, now: float) -> bool:
        """Return whether the client reads more slowly than the limits allow.

        A thread may be sending a response that is not noted yet: nothing is late then.
        """
        return bool(self.size) and too_slow(self._total - self.size, now - self._since, self._limits)
