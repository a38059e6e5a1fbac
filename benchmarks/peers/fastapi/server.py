"""FastAPI + uvicorn[standard] by hand: orjson instead of models of pydantic, which cost more.

A quick model runs on the event loop, where it is fastest; a slow one (INLINE=0) on a thread of the pool.
"""

import os

import numpy as np
import onnxruntime
import orjson
import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

session = onnxruntime.InferenceSession(os.environ["MODEL"], providers=["CPUExecutionProvider"])
(tensor,) = session.get_inputs()
(output,) = session.get_outputs()
shape = [size if isinstance(size, int) else -1 for size in tensor.shape]
inline = os.environ["INLINE"] == "1"
app = FastAPI()


async def run(array: np.ndarray) -> np.ndarray:
    if inline:
        return session.run(None, {tensor.name: array})[0]
    return (await run_in_threadpool(session.run, None, {tensor.name: array}))[0]


@app.post("/v2/models/model/infer")
async def infer(request: Request) -> Response:
    given = orjson.loads(await request.body())["inputs"][0]
    answer = await run(np.array(given["data"], np.float32).reshape(given["shape"]))
    told = {"name": output.name, "datatype": "FP32", "shape": answer.shape, "data": answer.ravel()}
    body = orjson.dumps({"model_name": "model", "outputs": [told]}, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(body, media_type="application/json")


@app.post("/raw")
async def raw(request: Request) -> Response:
    answer = await run(np.frombuffer(await request.body(), np.float32).reshape(shape))
    return Response(answer.tobytes(), media_type="application/octet-stream")


if __name__ == "__main__":
    uvicorn.run(
        "server:app",
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        workers=int(os.environ["PROCESSES"]),
        access_log=False,
        log_level="warning",
    )
