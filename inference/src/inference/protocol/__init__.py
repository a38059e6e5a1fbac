"""The tensors of the Open Inference Protocol v2, from bytes to arrays and back. Pure."""
