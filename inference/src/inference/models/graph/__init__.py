"""The graph of an ONNX model, read without its weights, and a proof that its rows stay apart."""
