"""Pictures to input tensors, as serving.json says. Pure: bytes in, array out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

from inference.errors import BadRequest, Refused, TooLarge
from inference.models.bundle import Image
from inference.models.picturefiles import PictureLimits, check_count, decoded, decoding, opened
from inference.protocol.signature import Signature, TensorSpec, names

# Of the picture that a model takes: more is a mistake in serving.json, or an attempt to take all memory.
MAX_TARGET_PIXELS = 50_000_000


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How pictures become the input tensor, with everything known. Sizes in pixels."""

    input: str
    width: int
    height: int
    mode: str
    layout: str
    resize: str
    scale: float
    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    dtype: np.dtype[Any]
    batch: bool

    def describe(self) -> dict[str, object]:
        """Return what the page needs to know."""
        return {"mode": self.mode, "width": self.width, "height": self.height}


def resolve(image: Image, signature: Signature) -> Preprocessing:
    """Complete a bundle's image section with the model's signature; raises Refused if they differ."""
    spec = _input(image, signature)
    layout = image.layout or ("NHWC" if spec.shape[3] in (1, 3) and spec.shape[1] not in (1, 3) else "NCHW")
    batch, *rest = spec.shape
    channels, height, width = rest if layout == "NCHW" else (rest[2], rest[0], rest[1])
    mode = image.mode or ("L" if channels == 1 else "RGB")
    depth = 1 if mode == "L" else 3
    for what, own, model in (
        ("mode", depth, channels),
        ("height", image.height, height),
        ("width", image.width, width),
    ):
        if own is not None and model not in (-1, own):
            raise Refused(
                f"serving.json: image.{what}: gives {own}, input {spec.name!r} takes {list(spec.shape)}"
            )
    if batch not in (-1, 1):
        raise Refused(
            f"serving.json: image: input {spec.name!r} takes {batch} pictures at once; export it for 1 or any"
        )
    width, height = _length("width", image.width, width), _length("height", image.height, height)
    if width * height > MAX_TARGET_PIXELS:
        raise Refused(
            f"serving.json: image: {width} x {height} pixels are more than {MAX_TARGET_PIXELS}; "
            "give a smaller width and height"
        )
    return Preprocessing(
        input=spec.name,
        width=width,
        height=height,
        mode=mode,
        layout=layout,
        resize=image.resize,
        scale=image.scale,
        mean=_channels("mean", image.mean, depth),
        std=_channels("std", image.std, depth),
        dtype=spec.datatype.dtype,
        batch=batch == -1,
    )


def _input(image: Image, signature: Signature) -> TensorSpec:
    if len(signature.inputs) != 1:
        raise Refused(
            f"serving.json: image: needs a model with one input, this takes {names(signature.inputs)}"
        )
    spec = signature.inputs[0]
    if image.input not in (None, spec.name):
        raise Refused(
            f"serving.json: image.input: the model has no input {image.input!r}; it takes {spec.name}"
        )
    if len(spec.shape) != 4 or spec.datatype.name not in ("FP16", "FP32", "FP64", "UINT8"):
        raise Refused(
            f"serving.json: image: input {spec.name!r} is {spec.datatype.name} {list(spec.shape)}; "
            "a picture needs four dimensions of FP16, FP32, FP64 or UINT8"
        )
    return spec


def _length(key: str, given: int | None, model: int) -> int:
    if given is None and model == -1:
        raise Refused(f"serving.json: image.{key}: missing, and the model takes any; give it")
    return given or model


def _channels(key: str, given: tuple[float, ...], depth: int) -> NDArray[np.float32]:
    if len(given) not in (1, depth):
        raise Refused(
            f"serving.json: image.{key}: has {len(given)} numbers; give 1 or one a channel, {depth}"
        )
    return np.array(given, np.float32)


def to_array(data: bytes, how: Preprocessing, max_pixels: int) -> NDArray[Any]:
    """Make the input tensor of one picture, without the batch dimension.

    Raises ValueError if it is no picture, or has more than `max_pixels`.
    """
    with decoding():
        picture = _fitted(decoded(data, how.mode, max_pixels), how)
    pixels = np.asarray(picture, np.float32)
    if pixels.ndim == 2:
        pixels = pixels[:, :, np.newaxis]
    tensor = (pixels * np.float32(how.scale) - how.mean) / how.std
    if how.layout == "NCHW":
        tensor = tensor.transpose(2, 0, 1)
    if how.dtype == np.uint8:
        tensor = np.clip(np.rint(tensor), 0, 255)
    return np.ascontiguousarray(tensor, dtype=how.dtype)


def _fitted(picture: Pillow.Image, how: Preprocessing) -> Pillow.Image:
    size = (how.width, how.height)
    if picture.size == size:
        return picture
    method = Pillow.Resampling.BILINEAR
    match how.resize:
        case "crop":
            return ImageOps.fit(picture, size, method)
        case "pad":
            return ImageOps.pad(picture, size, method)
        case _:
            return picture.resize(size, method)


def to_batch(pictures: list[bytes], how: Preprocessing, limits: PictureLimits) -> NDArray[Any]:
    """Make one input tensor of some pictures, [N, …].

    All headers are read before a picture is decoded. Raises TooLarge, or BadRequest that numbers the wrong
    picture from 1.
    """
    if len(pictures) > 1 or limits.request_pixels < limits.pixels:
        _check_request(pictures, how, limits)
    return np.stack([_numbered(number, data, how, limits) for number, data in enumerate(pictures, 1)])


def _check_request(pictures: list[bytes], how: Preprocessing, limits: PictureLimits) -> None:
    check_count(len(pictures), limits)
    # The tensor counts like the pictures that it is made of.
    made = len(pictures) * how.width * how.height
    read = sum(_pixels(number, data, limits) for number, data in enumerate(pictures, 1))
    if max(made, read) > limits.request_pixels:
        raise TooLarge(
            f"the pictures have {max(made, read)} pixels together, the server takes {limits.request_pixels} "
            "(--max-request-pixels); send several requests"
        )


def _pixels(number: int, data: bytes, limits: PictureLimits) -> int:
    try:
        with decoding(), opened(data, limits.pixels) as picture:
            return picture.width * picture.height
    except ValueError as error:
        raise BadRequest(f"image {number}: {error}") from None


def _numbered(number: int, data: bytes, how: Preprocessing, limits: PictureLimits) -> NDArray[Any]:
    try:
        return to_array(data, how, limits.pixels)
    except ValueError as error:
        raise BadRequest(f"image {number}: {error}") from None
