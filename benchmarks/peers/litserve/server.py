"""LitServe: its HTTP processes hand the work to as many inference processes."""

import os

import litserve
import numpy as np
import onnxruntime


class Served(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.output = self.session.get_outputs()[0].name

    def decode_request(self, request: dict) -> np.ndarray:
        given = request["inputs"][0]
        return np.array(given["data"], np.float32).reshape(given["shape"])

    def predict(self, array: np.ndarray) -> np.ndarray:
        return self.session.run(None, {self.input: array})[0]

    def encode_response(self, answer: np.ndarray) -> dict:
        told = {
            "name": self.output,
            "datatype": "FP32",
            "shape": list(answer.shape),
            "data": answer.ravel().tolist(),
        }
        return {"model_name": "model", "outputs": [told]}


if __name__ == "__main__":
    processes = int(os.environ["PROCESSES"])
    api = Served(api_path="/v2/models/model/infer")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=processes)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        num_api_servers=processes,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
