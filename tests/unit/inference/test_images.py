"""Pictures to tensors."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from PIL import Image as Pillow

import models
import pictures
from inference.errors import BadRequest, Refused
from inference.models.bundle import Image, parse_bundle
from inference.models.images import Preprocessing, from_base64, resolve, to_array, to_batch
from inference.protocol.signature import Signature

MakeSignature = Callable[..., Signature]
BOUND = 10_000

GREY = Preprocessing(
    "image", 8, 8, "L", "NCHW", "stretch", 1.0, np.zeros(1, np.float32), np.ones(1, np.float32),
    np.dtype(np.float32), True,
)  # fmt: skip
COLOUR = replace(GREY, mode="RGB", width=2, height=2)


def section(**keys: Any) -> Image:
    image = parse_bundle({"image": keys}, Path()).image
    assert image is not None
    return image


def test_makes_channel_first_tensors() -> None:
    assert to_array(pictures.png(grey=7), GREY, BOUND).tolist() == [[[7.0] * 8] * 8]


def test_makes_channel_last_tensors() -> None:
    red = pictures.encoded(Pillow.new("RGB", (2, 2), (9, 1, 2)), "PNG")
    assert to_array(red, replace(COLOUR, layout="NHWC"), BOUND).tolist() == [[[9.0, 1.0, 2.0]] * 2] * 2
    assert to_array(red, COLOUR, BOUND)[:, 0, 0].tolist() == [9.0, 1.0, 2.0]


def test_scales_then_subtracts_the_mean_then_divides() -> None:
    mean, std = np.array([1, 2, 3], np.float32), np.array([2, 2, 4], np.float32)
    picture = pictures.encoded(Pillow.new("RGB", (2, 2), (10, 20, 30)), "PNG")
    tensor = to_array(picture, replace(COLOUR, scale=0.5, mean=mean, std=std), BOUND)
    assert tensor[:, 0, 0].tolist() == [2.0, 4.0, 3.0]


def test_gives_the_datatype_of_the_input() -> None:
    tensor = to_array(pictures.png(grey=200), replace(GREY, scale=2.0, dtype=np.dtype(np.uint8)), BOUND)
    assert tensor.dtype == np.dtype(np.uint8)
    assert tensor.max() == 255


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_reads_the_usual_formats(form: str) -> None:
    data = pictures.encoded(Pillow.new("RGB", (8, 8), (255, 255, 255)), form)
    assert to_array(data, GREY, BOUND).min() > 250


def test_halves_sixteen_bit_greys_instead_of_clipping_them() -> None:
    deep = Pillow.fromarray(np.full((8, 8), 0x8000, np.uint16))
    assert to_array(pictures.encoded(deep, "PNG"), GREY, BOUND).max() == 128


def test_turns_a_picture_as_its_camera_says() -> None:
    picture = Pillow.new("L", (2, 1))
    picture.putpixel((1, 0), 255)
    exif = Pillow.Exif()
    exif[0x0112] = 6  # turn by a quarter, clockwise
    buffer = BytesIO()
    picture.save(buffer, "PNG", exif=exif)
    upright = to_array(buffer.getvalue(), replace(GREY, width=1, height=2), BOUND)
    assert upright.ravel().tolist() == [0, 255]


def striped() -> bytes:
    """Make a picture of 4 x 2: black, white, white, black columns."""
    picture = Pillow.new("L", (4, 2))
    for x in (1, 2):
        for y in (0, 1):
            picture.putpixel((x, y), 255)
    return pictures.encoded(picture, "PNG")


def test_crops_from_the_centre_after_fitting_the_short_side() -> None:
    how = replace(GREY, width=2, height=2, resize="crop")
    assert to_array(striped(), how, BOUND).min() == 255


def test_pads_to_keep_the_proportions() -> None:
    tensor = to_array(striped(), replace(GREY, width=4, height=4, resize="pad"), BOUND)[0]
    assert tensor[0].tolist() == [0, 0, 0, 0]
    assert tensor[1].tolist() == [0, 255, 255, 0]


def test_stretches_by_default() -> None:
    assert to_array(striped(), GREY, BOUND).shape == (1, 8, 8)


@pytest.mark.parametrize("data", [b"", b"no picture", b"<svg/>"])
def test_says_that_it_is_no_picture(data: bytes) -> None:
    with pytest.raises(ValueError, match="no picture that this server reads"):
        to_array(data, GREY, BOUND)


def test_reads_only_the_formats_it_names() -> None:
    with pytest.raises(ValueError, match="PNG, JPEG, WEBP, GIF, BMP"):
        to_array(pictures.encoded(Pillow.new("L", (8, 8)), "TIFF"), GREY, BOUND)


def test_says_that_a_picture_is_cut_short() -> None:
    whole = pictures.encoded(Pillow.effect_noise((64, 64), 50), "PNG")
    with pytest.raises(ValueError, match="cannot be decoded"):
        to_array(whole[: len(whole) // 2], GREY, BOUND)


def test_refuses_a_decompression_bomb_before_decoding_it() -> None:
    with pytest.raises(ValueError, match=r"is 50000 x 50000 pixels, the server takes 10000 \(--max-pixels\)"):
        to_array(pictures.bomb(), GREY, BOUND)


def test_numbers_the_picture_that_is_wrong() -> None:
    with pytest.raises(BadRequest, match="image 2: is no picture"):
        to_batch([pictures.png(), b"?"], GREY, BOUND)


def test_stacks_pictures_of_any_size_into_one_batch() -> None:
    batch = to_batch([pictures.png(8, 8), pictures.png(30, 11)], GREY, BOUND)
    assert batch.shape == (2, 1, 8, 8)


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,", " \n"])
def test_reads_base64(prefix: str) -> None:
    assert from_base64(prefix + "aGVs\nbG8=") == b"hello"


@pytest.mark.parametrize("text", ["a", "%%%%", "é", "aGVsbG8"])
def test_says_that_it_is_not_base64(text: str) -> None:
    with pytest.raises(ValueError, match="is not base64"):
        from_base64(text)


def test_takes_from_the_signature_what_the_bundle_leaves_out(signature_of: MakeSignature) -> None:
    how = resolve(section(), signature_of(models.classifier))
    assert (how.input, how.width, how.height, how.mode, how.layout) == ("image", 8, 8, "L", "NCHW")
    assert how.batch


@pytest.mark.parametrize(
    ("shape", "layout", "mode"),
    [(("N", 3, 5, 6), "NCHW", "RGB"), (("N", 5, 6, 3), "NHWC", "RGB"), ((1, 5, 6, 1), "NHWC", "L")],
)
def test_finds_out_the_layout(signature_of: MakeSignature, shape: Any, layout: str, mode: str) -> None:
    how = resolve(section(), signature_of(models.identity, TensorProto.FLOAT, shape))
    assert (how.layout, how.mode, how.height, how.width) == (layout, mode, 5, 6)
    assert how.batch == (shape[0] == "N")


@pytest.mark.parametrize(
    ("keys", "shape", "sentence"),
    [
        ({"input": "x2"}, ("N", 1, 8, 8), "image.input: the model has no input 'x2'; it takes x"),
        ({"width": 9}, ("N", 1, 8, 8), "image.width: gives 9, input 'x' takes"),
        ({"mode": "RGB"}, ("N", 1, 8, 8), "image.mode: gives 3, input 'x' takes"),
        ({}, ("N", 1, "H", 8), "image.height: missing, and the model takes any; give it"),
        ({}, ("N", 64), "a picture needs four dimensions"),
        ({}, (4, 1, 8, 8), "takes 4 pictures at once; export it for 1 or any"),
        ({"mean": [1, 2]}, ("N", 3, 8, 8), "image.mean: has 2 numbers; give 1 or one a channel, 3"),
    ],
)
def test_refuses_a_section_that_does_not_fit_the_model(
    signature_of: MakeSignature, keys: Any, shape: Any, sentence: str
) -> None:
    signature = signature_of(models.identity, TensorProto.FLOAT, shape)
    with pytest.raises(Refused) as caught:
        resolve(section(**keys), signature)
    assert sentence in str(caught.value)


def test_refuses_pictures_for_a_model_of_two_inputs(signature_of: MakeSignature) -> None:
    with pytest.raises(Refused, match="needs a model with one input, this takes a, b"):
        resolve(section(), signature_of(models.add))
