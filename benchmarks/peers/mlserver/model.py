"""A runtime for MLServer, as its documentation shows one. It has no raw tensors over HTTP."""

import asyncio
import os

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

inline = os.environ["INLINE"] == "1"


class Served(MLModel):
    async def load(self) -> bool:
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.output = self.session.get_outputs()[0].name
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        feed = {self.input: NumpyCodec.decode_input(payload.inputs[0])}
        if inline:
            answer = self.session.run(None, feed)[0]
        else:
            answer = (await asyncio.to_thread(self.session.run, None, feed))[0]
        output = NumpyCodec.encode_output(self.output, answer)
        return InferenceResponse(model_name=self.name, outputs=[output])
