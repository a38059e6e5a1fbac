"""BentoML with a service of as many workers."""

import asyncio
import os
from typing import Any

import bentoml
import numpy as np
import onnxruntime

inline = os.environ["INLINE"] == "1"


@bentoml.service(
    workers=int(os.environ["PROCESSES"]),
    http={"host": "127.0.0.1"},
    traffic={"timeout": 60},
    logging={"access": {"enabled": False}},
)
class Served:
    def __init__(self) -> None:
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.output = self.session.get_outputs()[0].name

    @bentoml.api(route="/v2/models/model/infer")
    async def infer(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        given = inputs[0]
        array = np.array(given["data"], np.float32).reshape(given["shape"])
        feed = {self.input: array}
        if inline:
            answer = self.session.run(None, feed)[0]
        else:
            answer = (await asyncio.to_thread(self.session.run, None, feed))[0]
        told = {
            "name": self.output,
            "datatype": "FP32",
            "shape": list(answer.shape),
            "data": answer.ravel().tolist(),
        }
        return {"model_name": "model", "outputs": [told]}
