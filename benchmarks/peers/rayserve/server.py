"""Ray Serve: one proxy, and a replica for each process."""

import asyncio
import os
import signal

import numpy as np
import onnxruntime
import orjson
import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import Response

inline = os.environ["INLINE"] == "1"


@serve.deployment
class Served:
    def __init__(self) -> None:
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], providers=["CPUExecutionProvider"])
        (self.input,) = self.session.get_inputs()
        self.output = self.session.get_outputs()[0].name
        self.shape = [size if isinstance(size, int) else -1 for size in self.input.shape]

    async def __call__(self, request: Request) -> Response:
        body = await request.body()
        if request.url.path == "/raw":
            answer = await self.run(np.frombuffer(body, np.float32).reshape(self.shape))
            return Response(answer.tobytes(), media_type="application/octet-stream")
        given = orjson.loads(body)["inputs"][0]
        answer = await self.run(np.array(given["data"], np.float32).reshape(given["shape"]))
        told = {"name": self.output, "datatype": "FP32", "shape": answer.shape, "data": answer.ravel()}
        told = orjson.dumps({"model_name": "model", "outputs": [told]}, option=orjson.OPT_SERIALIZE_NUMPY)
        return Response(told, media_type="application/json")

    async def run(self, array: np.ndarray) -> np.ndarray:
        feed = {self.input.name: array}
        if inline:
            return self.session.run(None, feed)[0]
        return (await asyncio.to_thread(self.session.run, None, feed))[0]


if __name__ == "__main__":
    processes = int(os.environ["PROCESSES"])
    environment = {name: os.environ[name] for name in ("MODEL", "INLINE")}
    ray.init(
        num_cpus=2 * processes,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": environment},
        object_store_memory=256 * 2**20,
    )
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])})
    serve.run(
        Served.options(num_replicas=processes, max_ongoing_requests=16).bind(),
        route_prefix="/",
    )
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    ray.shutdown()
