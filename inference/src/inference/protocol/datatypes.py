"""Datatypes: ONNX's, the Open Inference Protocol's and numpy's names for the same thing."""

from dataclasses import dataclass

import ml_dtypes
import numpy as np


@dataclass(frozen=True, slots=True)
class Datatype:
    """One datatype: its name in v2, its numpy type, and its number in ONNX's TensorProto.DataType."""

    name: str
    onnx: str
    dtype: np.dtype[np.generic]
    number: int


# How the names of the datatypes begin that have NaN and infinities.
FLOATING = ("FP", "BF")
# numpy has no bfloat16; onnxruntime takes and gives it as raw 16-bit words.
BF16 = Datatype("BF16", "tensor(bfloat16)", np.dtype(ml_dtypes.bfloat16), 16)
BOOL = Datatype("BOOL", "tensor(bool)", np.dtype(np.bool_), 9)
BYTES = Datatype("BYTES", "tensor(string)", np.dtype(object), 8)

_ALL = (
    BOOL,
    Datatype("UINT8", "tensor(uint8)", np.dtype(np.uint8), 2),
    Datatype("UINT16", "tensor(uint16)", np.dtype(np.uint16), 4),
    Datatype("UINT32", "tensor(uint32)", np.dtype(np.uint32), 12),
    Datatype("UINT64", "tensor(uint64)", np.dtype(np.uint64), 13),
    Datatype("INT8", "tensor(int8)", np.dtype(np.int8), 3),
    Datatype("INT16", "tensor(int16)", np.dtype(np.int16), 5),
    Datatype("INT32", "tensor(int32)", np.dtype(np.int32), 6),
    Datatype("INT64", "tensor(int64)", np.dtype(np.int64), 7),
    Datatype("FP16", "tensor(float16)", np.dtype(np.float16), 10),
    BF16,
    Datatype("FP32", "tensor(float)", np.dtype(np.float32), 1),
    Datatype("FP64", "tensor(double)", np.dtype(np.float64), 11),
    BYTES,
)

BY_NAME = {datatype.name: datatype for datatype in _ALL}
BY_ONNX = {datatype.onnx: datatype for datatype in _ALL}
