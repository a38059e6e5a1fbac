"""KServe's Python runtime with a model of its `Model` class. It speaks v2 with raw tensors itself."""

import asyncio
import logging
import os

import kserve
import numpy as np
import onnxruntime
from kserve.protocol.infer_type import InferOutput, InferRequest, InferResponse
from kserve.utils.utils import generate_uuid

inline = os.environ["INLINE"] == "1"


class Served(kserve.Model):
    def load(self) -> bool:
        logging.getLogger("uvicorn.access").setLevel("WARNING")  # nobody else logs each request
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.output = self.session.get_outputs()[0].name
        self.ready = True
        return True

    async def predict(self, payload: InferRequest, headers: dict | None = None) -> InferResponse:
        feed = {self.input: payload.inputs[0].as_numpy()}
        if inline:
            answer = self.session.run(None, feed)[0]
        else:
            answer = (await asyncio.to_thread(self.session.run, None, feed))[0]
        output = InferOutput(name=self.output, shape=list(answer.shape), datatype="FP32")
        output.set_data_from_numpy(np.ascontiguousarray(answer), binary_data=payload.use_binary_outputs)
        return InferResponse(
            response_id=payload.id or generate_uuid(),
            model_name=self.name,
            infer_outputs=[output],
            use_binary_outputs=payload.use_binary_outputs,
        )

    def __reduce__(self) -> tuple:
        return loaded, ()  # a session cannot be pickled: each process loads its own


def loaded() -> Served:
    model = Served("model")
    model.load()
    return model


if __name__ == "__main__":
    kserve.ModelServer(
        http_port=int(os.environ["PORT"]),
        workers=int(os.environ["PROCESSES"]),
        enable_grpc=False,
        enable_latency_logging=False,
        access_log_format=None,
    ).start([loaded()])
