"""KServe's client against a server, in the environment that its pins need; prints what it got as JSON.

Run by test_kserve.py. Everything is left at its default but the protocol, which would be KServe's v1.
"""

import asyncio
import json
import sys
from typing import Any

import httpx  # type: ignore[import-not-found]
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig  # type: ignore[import-not-found]
from kserve.protocol.infer_type import RequestedOutput  # type: ignore[import-not-found]

SAMPLES = {
    "BOOL": np.array([[True, False]]),
    "FP16": np.array([[0.5, -65504]], np.float16),
    "FP32": np.array([[0.1, 1e30]], np.float32),
    "FP64": np.array([[0.1, 1e300]], np.float64),
    "BYTES": np.array([["é", ""]], object),
    **{f"{kind.upper()}{bits}": np.array([[0, np.iinfo(f"{kind}{bits}").max]], f"{kind}{bits}")
       for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
}  # fmt: skip


def given(name: str, datatype: str, array: Any, raw: bool) -> Any:
    """Make an input, raw or in the JSON."""
    tensor = InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array, binary_data=raw)
    return tensor


def listed(array: Any) -> Any:
    """Return an array as JSON has it."""
    return [[item.decode() if isinstance(item, bytes) else item for item in row] for row in array.tolist()]


async def comes_back(client: Any, url: str, datatype: str, raw_in: bool, raw_out: bool) -> list[Any]:
    """Return what went to the model that gives back what it takes, and what came."""
    array = SAMPLES[datatype]
    tensors = [given("x", datatype, array, raw_in)]
    request = InferRequest(datatype, tensors, parameters={"binary_data_output": True} if raw_out else None)
    answer = await client.infer(url, request, model_name=datatype)
    return [listed(array), listed(answer.outputs[0].as_numpy())]


async def sums(client: Any, url: str) -> dict[str, Any]:
    """Ask two raw tensors for one output, with an id."""
    ones = np.ones((2, 2), np.float32)
    tensors = [given(name, "FP32", ones, raw=True) for name in ("a", "b")]
    wanted = [RequestedOutput("total", {"binary_data": True})]
    request = InferRequest("sums", tensors, request_id="42", request_outputs=wanted)
    answer = await client.infer(url, request, model_name="sums")
    outputs = {output.name: listed(output.as_numpy()) for output in answer.outputs}
    return {"id": answer.id, "model": answer.model_name, "outputs": outputs}


async def refusal(client: Any, url: str, model: str, array: Any) -> str:
    """Return the sentence of an error."""
    request = InferRequest(model, [given("x", "FP32", array, raw=True)])
    try:
        await client.infer(url, request, model_name=model)
    except httpx.HTTPStatusError as error:
        return str(error)
    return "no error"


async def main(url: str) -> None:
    """Make all calls."""
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        called = {
            "live": await client.is_server_live(url),
            "ready": await client.is_server_ready(url),
            "model ready": await client.is_model_ready(url, "digits"),
            "unknown model ready": await client.is_model_ready(url, "cats"),
            "sums": await sums(client, url),
            "wrong shape": await refusal(client, url, "FP32", np.ones((2, 3), np.float32)),
            "unknown model": await refusal(client, url, "cats", np.ones((2, 2), np.float32)),
        }
        for datatype in SAMPLES:
            for raw_in in (True, False):
                for raw_out in (True, False):
                    if datatype != "FP16" or raw_in:  # it refuses to write FP16 as JSON
                        name = f"{datatype} {raw_in} {raw_out}"
                        called[name] = await comes_back(client, url, datatype, raw_in, raw_out)
    print(json.dumps(called))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
