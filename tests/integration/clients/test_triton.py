"""tritonclient[http] against the server, with its defaults."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton  # type: ignore[import-untyped]
from tritonclient.utils import InferenceServerException  # type: ignore[import-untyped]

from inference.protocol.datatypes import BY_NAME
from servers import Server


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    """A client that is closed with the test."""
    client = triton.InferenceServerClient(f"127.0.0.1:{server.port}")
    yield client
    client.close()


def given(name: str, array: Any, datatype: str = "FP32", **how: Any) -> Any:
    tensor = triton.InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array, **how)
    return tensor


def ones(*shape: int) -> Any:
    return np.ones(shape, np.float32)


SAMPLES: dict[str, Any] = {
    "BOOL": np.array([[True, False]]),
    "FP16": np.array([[0.5, -65504]], np.float16),
    "BF16": np.array([[0.5, -3]], np.float32),  # this client takes and gives it as FP32
    "BYTES": np.array([["é\0", ""]], object),
}


@pytest.mark.parametrize("datatype", BY_NAME)
def test_every_datatype_comes_back_as_it_went(client: Any, datatype: str) -> None:
    array = SAMPLES.get(datatype)
    if array is None:
        dtype: Any = BY_NAME[datatype].dtype
        array = np.array([[0, np.iinfo(dtype).max]] if dtype.kind in "iu" else [[0.1, 1e30]], dtype)
    back = client.infer(datatype, [given("x", array, datatype)]).as_numpy("y")
    if datatype == "BYTES":
        back = np.array([[item.decode() for item in row] for row in back], object)
    assert back.shape == array.shape
    assert (back == array).all()


@pytest.mark.parametrize("raw_in", [True, False])
@pytest.mark.parametrize("raw_out", [True, False])
def test_raw_tensors_and_json_mix(client: Any, raw_in: bool, raw_out: bool) -> None:
    inputs = [given("a", ones(2, 2), binary_data=raw_in), given("b", ones(2, 2), binary_data=True)]
    outputs = [
        triton.InferRequestedOutput("difference", binary_data=raw_out),
        triton.InferRequestedOutput("total", binary_data=True),
    ]
    answer = client.infer("sums", inputs, outputs=outputs, request_id="42")
    assert answer.get_response()["id"] == "42"
    assert answer.as_numpy("total").tolist() == [[2, 2], [2, 2]]
    assert answer.as_numpy("difference").tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compresses_both_ways(client: Any, encoding: str) -> None:
    inputs = [given("a", ones(900, 2)), given("b", ones(900, 2))]
    answer = client.infer(
        "sums", inputs, request_compression_algorithm=encoding, response_compression_algorithm=encoding
    )
    assert answer.as_numpy("total").sum() == 3600


def test_classifies(client: Any) -> None:
    output = triton.InferRequestedOutput("probabilities", class_count=2)
    answer = client.infer("digits", [given("image", ones(3, 1, 8, 8))], outputs=[output])
    best = answer.as_numpy("probabilities")
    assert best.shape == (3, 2)
    assert best[0, 0].decode().split(":")[1:] == ["7", "seven"]


def test_asks_for_everything_else(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("sums", "v1")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    assert client.get_model_metadata("sums")["versions"] == ["v1"]
    config = client.get_model_config("sums", "v1")
    assert config["input"][0] == {"name": "a", "data_type": "TYPE_FP32", "dims": [-1, 2]}
    assert {row["state"] for row in client.get_model_repository_index()} == {"READY"}


def test_counts_what_ran_by_batch_size(client: Any) -> None:
    def stats() -> dict[str, Any]:
        found: dict[str, Any] = client.get_inference_statistics("sums", "v1")["model_stats"][0]
        return found

    before = stats()
    client.infer("sums", [given("a", ones(17, 2)), given("b", ones(17, 2))])
    with pytest.raises(InferenceServerException, match="input 'c'"):
        client.infer("sums", [given("c", ones(1, 2))])
    after = stats()
    assert after["inference_count"] - before["inference_count"] == 17
    assert after["execution_count"] - before["execution_count"] == 1
    ends = {end: after["inference_stats"][end]["count"] - before["inference_stats"][end]["count"]
            for end in ("success", "fail", "queue", "compute_infer")}  # fmt: skip
    assert ends == {"success": 1, "fail": 1, "queue": 1, "compute_infer": 1}
    (batch,) = [entry for entry in after["batch_stats"] if entry["batch_size"] == 17]
    assert batch["compute_infer"]["count"] == 1
    assert len(client.get_inference_statistics()["model_stats"]) == 2 + len(BY_NAME)


def test_unloads_and_loads(client: Any) -> None:
    client.unload_model("INT8")
    assert not client.is_model_ready("INT8")
    (row,) = [row for row in client.get_model_repository_index() if row["name"] == "INT8"]
    assert (row["state"], row["reason"]) == ("UNAVAILABLE", "unloaded")
    client.load_model("INT8")
    assert client.is_model_ready("INT8")
    with pytest.raises(InferenceServerException, match="config: a bundle is served as it was published"):
        client.load_model("INT8", config="{}")
    with pytest.raises(InferenceServerException, match="no such name"):
        client.load_model("..")
