"""Requests to the model `slow`, which take as long as they say."""

import threading

from servers import DEADLINE_SECONDS, Answer, Server, eventually, tensor

PATH = "/v2/models/slow/infer"
# A second or more on a machine of today, and more than any test waits for.
LONG, ENDLESS = 3000, 10**7


def rounds(number: int) -> dict[str, object]:
    return {"inputs": [tensor("rounds", "INT64", [], [number])]}


class Asking(threading.Thread):
    """A request on its way."""

    def __init__(self, server: Server, number: int) -> None:
        """Send it."""
        super().__init__()
        self.server, self.number = server, number
        self.answer: Answer | None = None
        self.start()

    def run(self) -> None:
        """Wait for the answer."""
        self.answer = self.server.post(PATH, rounds(self.number))

    @property
    def status(self) -> int:
        """Return the status, once the answer is there."""
        self.join(DEADLINE_SECONDS)
        assert self.answer is not None
        return self.answer.status


def wait_in_flight(server: Server, number: int) -> None:
    eventually(lambda: server.metric("modelsidecar_inference_in_flight") == number, f"{number} in flight")


def wait_queued(server: Server, number: int) -> None:
    eventually(lambda: server.metric("modelsidecar_inference_queue_length") == number, f"{number} queued")
