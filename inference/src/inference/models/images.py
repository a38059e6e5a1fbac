"""Pictures to input tensors. Pure: bytes in, array out."""

import base64
import binascii
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from inference.errors import BadRequest, Refused
from inference.models.bundle import Image
from inference.protocol.signature import Signature, TensorSpec, names

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")

# The bound is --max-pixels, checked before anything is decoded; Pillow's own would warn on top of it.
Pillow.MAX_IMAGE_PIXELS = None
# Load the readers now, not at the first request.
Pillow.init()


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
    return Preprocessing(
        input=spec.name,
        width=_length("width", image.width, width),
        height=_length("height", image.height, height),
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


def from_base64(text: str) -> bytes:
    """Read a picture's bytes from base64, or from a `data:` URL; raises ValueError."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not base64; encode the picture file's bytes") from None


def to_array(data: bytes, how: Preprocessing, max_pixels: int) -> NDArray[Any]:
    """Make the input tensor of one picture, without the batch dimension.

    Raises ValueError if it is no picture, or has more than `max_pixels`.
    """
    picture = _fitted(_decoded(data, how, max_pixels), how)
    pixels = np.asarray(picture, np.float32)
    if pixels.ndim == 2:
        pixels = pixels[:, :, np.newaxis]
    tensor = (pixels * np.float32(how.scale) - how.mean) / how.std
    if how.layout == "NCHW":
        tensor = tensor.transpose(2, 0, 1)
    if how.dtype == np.uint8:
        tensor = np.clip(np.rint(tensor), 0, 255)
    return np.ascontiguousarray(tensor, dtype=how.dtype)


def _decoded(data: bytes, how: Preprocessing, max_pixels: int) -> Pillow.Image:
    try:
        picture = Pillow.open(BytesIO(data), formats=FORMATS)
        width, height = picture.size
        if width * height > max_pixels:
            raise ValueError(f"is {width} x {height} pixels, the server takes {max_pixels} (--max-pixels)")
        picture.load()
    except UnidentifiedImageError:
        raise ValueError(f"is no picture that this server reads ({', '.join(FORMATS)})") from None
    except (OSError, SyntaxError, EOFError, MemoryError) as error:
        raise ValueError(f"cannot be decoded: {error}") from None
    upright = ImageOps.exif_transpose(picture)
    return _eight_bits(upright).convert(how.mode)


def _eight_bits(picture: Pillow.Image) -> Pillow.Image:
    if not picture.mode.startswith("I"):
        return picture
    # Pillow would clip 16-bit greys at 255 instead of scaling them.
    return Pillow.fromarray((np.asarray(picture).astype(np.uint32) >> 8).astype(np.uint8))


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


def to_batch(pictures: list[bytes], how: Preprocessing, max_pixels: int) -> NDArray[Any]:
    """Make one input tensor of some pictures, [N, …]; raises BadRequest that numbers the wrong one from 1."""
    arrays = []
    for number, data in enumerate(pictures, 1):
        try:
            arrays.append(to_array(data, how, max_pixels))
        except ValueError as error:
            raise BadRequest(f"image {number}: {error}") from None
    return np.stack(arrays)
