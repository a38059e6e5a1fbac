"""Everybody is asked the same, in the form that they take."""

import numpy as np
import orjson
import pytest

from bench.rows.throughput import LONE_BOUNDS, SMALL_BOUNDS
from bench.setup import HERE, Unavailable
from bench.targets import NO_RAW, PEERS, json_request, raw_request

TENSOR = np.arange(4, dtype=np.float32).reshape(2, 2)


def test_the_same_tensor_goes_out_as_json_and_in_each_raw_form() -> None:
    (given,) = orjson.loads(json_request(TENSOR, "x").body)["inputs"]
    assert given == {"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [0, 1, 2, 3]}
    assert raw_request(TENSOR, "x", "body").body == TENSOR.tobytes()
    extended = raw_request(TENSOR, "x", "v2")
    length = int(extended.headers["Inference-Header-Content-Length"])
    assert orjson.loads(extended.body[:length])["inputs"][0]["parameters"] == {"binary_data_size": 16}
    assert extended.body[length:] == TENSOR.tobytes()


def test_who_takes_no_raw_tensors_is_named_so() -> None:
    with pytest.raises(Unavailable, match=NO_RAW):
        raw_request(TENSOR, "x", None)


def test_each_bound_names_a_peer_and_each_peer_is_pinned() -> None:
    names = {which.name for which in PEERS}
    assert set(SMALL_BOUNDS) | set(LONE_BOUNDS) <= names
    for which in PEERS:
        lock = (HERE / "peers" / which.directory / "requirements.txt").read_text()
        assert "\nonnxruntime==" in lock, which.name
