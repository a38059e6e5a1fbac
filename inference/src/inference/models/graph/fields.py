"""Numbers of the fields that are read of an ONNX file, by message.

Source: `onnx/onnx.proto` of https://github.com/onnx/onnx (a test compares them with the package `onnx`).
"""

MODEL = {"graph": 7, "opset_import": 8, "functions": 25}
GRAPH = {"node": 1, "initializer": 5, "input": 11, "output": 12, "sparse_initializer": 15}
NODE = {"input": 1, "output": 2, "name": 3, "op_type": 4, "attribute": 5, "domain": 7, "overload": 8}
ATTRIBUTE = {
    "name": 1, "f": 2, "i": 3, "s": 4, "t": 5, "g": 6, "floats": 7, "ints": 8, "strings": 9,
    "ref_attr_name": 21,
}  # fmt: skip
FUNCTION = {
    "name": 1, "input": 4, "output": 5, "node": 7, "opset_import": 9, "domain": 10, "attribute_proto": 11,
    "overload": 13,
}  # fmt: skip
OPSET = {"domain": 1, "version": 2}
VALUE_INFO = {"name": 1, "type": 2}
TYPE = {"tensor_type": 1}
TENSOR_TYPE = {"shape": 2}
SHAPE = {"dim": 1}
DIMENSION = {"dim_value": 1}
TENSOR = {
    "dims": 1, "data_type": 2, "float_data": 4, "int32_data": 5, "int64_data": 7, "name": 8, "raw_data": 9,
    "double_data": 10, "uint64_data": 11, "external_data": 13, "data_location": 14,
}  # fmt: skip
ENTRY = {"key": 1, "value": 2}
# TensorProto.DataLocation: the bytes are in a file beside the model.
EXTERNAL = 1
