"""What a model is asked, and what onnxruntime alone answers: everybody measured has to answer the same."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import orjson
from numpy.typing import NDArray

from bench.setup import Unavailable
from bench.targets import Request, json_request, raw_request


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a model, and what onnxruntime alone answers."""

    tensor: NDArray[np.float32]
    input: str
    answer: NDArray[np.float32]

    @classmethod
    def of(cls, bundle: Path) -> "Question":
        """Ask the model of a bundle about noise between 0 and 1."""
        path, providers = str(bundle / "model.onnx"), ["CPUExecutionProvider"]
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(path, options, providers)
        (given,) = session.get_inputs()
        shape = [size if isinstance(size, int) else 1 for size in given.shape]
        tensor = np.random.default_rng(7).random(shape, np.float32)
        return cls(tensor, given.name, session.run(None, {given.name: tensor})[0])

    def request(self, form: str | None, raw: bool) -> Request:
        """The question as a request; raises Unavailable if raw tensors are wanted and not taken."""
        if raw:
            return raw_request(self.tensor, self.input, form)
        return json_request(self.tensor, self.input)

    def check(self, body: bytes, raw: bool) -> None:
        """Raise Unavailable unless a server has done the same work."""
        try:
            told = self._read(body, raw)
        except (ValueError, KeyError, IndexError, TypeError):
            raise Unavailable(f"Its answer cannot be read: {body[:100]!r}…") from None
        if told.size != self.answer.size or not np.allclose(told, self.answer.ravel(), rtol=1e-3, atol=1e-5):
            raise Unavailable(f"It answers otherwise than onnxruntime: {told[:3]}…")

    def _read(self, body: bytes, raw: bool) -> NDArray[np.float32]:
        if raw:
            return np.frombuffer(body[-self.answer.nbytes :], np.float32)
        return np.array(orjson.loads(body)["outputs"][0]["data"], np.float32).ravel()
