"""Ways to ask a model: the same tensors in, the same tensors out."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tritonclient.http as triton  # type: ignore[import-untyped]
from numpy.typing import NDArray

from servers import Server, tensor

Array = NDArray[Any]
Ask = Callable[..., dict[str, Array]]
# The fraction that a served answer may differ by from bare onnxruntime's, whose threads are other ones.
TOLERANCE = 1e-5
_DATATYPES = {"float32": "FP32", "int32": "INT32", "int64": "INT64"}


def raw(server: Server, model: str, **inputs: Array) -> dict[str, Array]:
    """Ask with tritonclient and its defaults: raw tensors both ways."""
    client = triton.InferenceServerClient(f"127.0.0.1:{server.port}", network_timeout=60)
    try:
        tensors = []
        for name, array in inputs.items():
            tensors.append(triton.InferInput(name, list(array.shape), _DATATYPES[array.dtype.name]))
            tensors[-1].set_data_from_numpy(array)
        answer = client.infer(model, tensors)
        names = [output["name"] for output in answer.get_response()["outputs"]]
        return {name: answer.as_numpy(name) for name in names}
    finally:
        client.close()


def as_json(server: Server, model: str, **inputs: Array) -> dict[str, Array]:
    """Ask with JSON both ways."""
    tensors = [
        tensor(name, _DATATYPES[array.dtype.name], list(array.shape), array.ravel().tolist())
        for name, array in inputs.items()
    ]
    answer = server.post(f"/v2/models/{model}/infer", {"inputs": tensors})
    assert answer.status == 200, answer.error
    return {
        output["name"]: np.array(output["data"], np.float32).reshape(output["shape"])
        for output in answer.json()["outputs"]
    }


WAYS: dict[str, Ask] = {"raw": raw, "json": as_json}


def assert_same(served: dict[str, Array], expected: dict[str, Array]) -> None:
    """Compare all outputs."""
    assert served.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(served[name], array, TOLERANCE, TOLERANCE, err_msg=name)
