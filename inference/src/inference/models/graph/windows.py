"""How many windows of a convolution or a pooling fit along each dimension of a picture."""

from inference.models.graph.call import Call
from inference.models.graph.terms import Length


def windows(call: Call, dims: tuple[Length, ...], kernel: tuple[Length, ...]) -> list[Length]:
    """Return the lengths of the result along the dimensions behind the channels, unknown ones if need be."""
    count = len(dims)
    strides = call.integers("strides") or [1] * count
    dilations = call.integers("dilations") or [1] * count
    pads = call.integers("pads") or [0] * (2 * count)
    if not len(kernel) == len(strides) == len(dilations) == count == len(pads) // 2:
        return call.unknown(count)
    found = []
    for place, (length, size) in enumerate(zip(dims, kernel, strict=True)):
        exact = None
        if isinstance(length, int) and isinstance(size, int):
            reach = dilations[place] * (size - 1) + 1
            exact = _along(call, length, reach, strides[place], pads[place] + pads[place + count])
        found.append(call.fresh() if exact is None else exact)
    return found


def _along(call: Call, length: int, reach: int, stride: int, pads: int) -> int | None:
    """Return the number of windows that reach so far; None where versions of onnxruntime may differ."""
    automatic = call.text("auto_pad", "NOTSET")
    if stride < 1:
        return None
    if automatic in ("SAME_UPPER", "SAME_LOWER"):
        return -(-length // stride)
    steps, rest = divmod(length + (pads if automatic == "NOTSET" else 0) - reach, stride)
    if steps < 0 or (rest and call.integer("ceil_mode", 0)):
        return None
    return steps + 1
