"""What threads do: answer one request, or a batch."""

from dataclasses import dataclass

from inference.errors import ApiError
from inference.serving.answers import Answers
from inference.serving.call import Call
from inference.serving.deadline import Watch


@dataclass(frozen=True, slots=True, eq=False)
class Handle:
    """Answers a request that runs no model, but may wait."""

    call: Call
    answers: Answers

    def serve(self) -> None:
        """Answer it."""
        self.call.running = True
        self.answers.handle(self.call)


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Answers a request that runs a model."""

    call: Call
    answers: Answers
    watch: Watch

    def serve(self) -> None:
        """Wait for the model if it is being replaced, run it, and answer."""
        call = self.call
        call.running = True
        try:
            with self.answers.registry.lease(call.model, call.version) as served:
                self.answers.run([call], served, self.watch.on_thread([call]))
        except ApiError as error:
            # Raised before the model was found: an error of the run is answered there.
            self.answers.refuse(call, error)
