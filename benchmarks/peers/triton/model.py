"""A model of Triton's Python backend, as its documentation shows one, with a session of onnxruntime."""

import os

import numpy as np
import onnxruntime
import triton_python_backend_utils as triton


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.output = self.session.get_outputs()[0].name

    def execute(self, requests: list) -> list:
        return [self.answer(request) for request in requests]

    def answer(self, request: "triton.InferenceRequest") -> "triton.InferenceResponse":
        given = triton.get_input_tensor_by_name(request, self.input).as_numpy()
        answer = self.session.run(None, {self.input: given})[0]
        return triton.InferenceResponse([triton.Tensor(self.output, np.ascontiguousarray(answer))])
