"""Pictures to tensors."""

import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
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
from inference.errors import BadRequest, Refused, TooLarge
from inference.models.bundle import Image, parse_bundle
from inference.models.images import MAX_TARGET_PIXELS, Preprocessing, resolve, to_array, to_batch
from inference.models.picturefiles import MAX_SIDE, PictureLimits, from_base64
from inference.protocol.signature import Signature

MakeSignature = Callable[..., Signature]
BOUND = 10_000
LIMITS = PictureLimits(pixels=BOUND)

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


def exif_in_disorder(form: str) -> bytes:
    """Make a picture whose EXIF data does not begin as TIFF does."""
    exif = Pillow.Exif()
    exif[0x0112] = 6
    buffer = BytesIO()
    Pillow.new("RGB", (8, 8)).save(buffer, form, exif=exif)
    data = buffer.getvalue().replace(b"MM\0*", b"XX\0*").replace(b"II*\0", b"XX*\0")
    return pictures.with_checksums(data) if form == "PNG" else data


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_says_that_exif_data_is_damaged(form: str) -> None:
    with pytest.raises(BadRequest, match=r"image 2: cannot be decoded: .*TIFF"):
        to_batch([pictures.png(), exif_in_disorder(form)], GREY, LIMITS)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_any_damage_to_a_picture_is_read_or_refused(form: str) -> None:
    exif = Pillow.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    buffer = BytesIO()
    more = {"exif": exif} if form in ("PNG", "JPEG", "WEBP") else {}
    Pillow.effect_noise((24, 24), 50).save(buffer, form, **more)
    whole = buffer.getvalue()
    random = np.random.default_rng(7)
    for _ in range(300):
        data = bytearray(whole)
        for place in random.integers(0, len(data), 3):
            data[place] = random.integers(0, 256)
        data = bytearray(pictures.with_checksums(bytes(data))) if form == "PNG" else data
        with suppress(BadRequest):
            batch = to_batch([bytes(data), bytes(data[: random.integers(1, len(data))])], GREY, LIMITS)
            assert batch.shape == (2, 1, 8, 8)


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("x"), struct.error("x"), IndexError(), MemoryError(), zlib.error("x")]
)
def test_whatever_the_decoder_raises_is_the_fault_of_the_picture(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_: Any) -> None:
        raise error

    monkeypatch.setattr("inference.models.picturefiles.ImageOps.exif_transpose", fail)
    with pytest.raises(BadRequest, match="image 1: cannot be decoded: "):
        to_batch([pictures.png()], GREY, LIMITS)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_of_several_frames_the_first_is_the_picture(form: str) -> None:
    frames = [Pillow.new("L", (8, 8), grey) for grey in (200, 10, 90)]
    buffer = BytesIO()
    frames[0].save(buffer, form, save_all=True, append_images=frames[1:], duration=40)
    assert to_array(buffer.getvalue(), GREY, BOUND).min() >= 198


def test_takes_as_many_pixels_a_picture_as_allowed_and_not_one_more() -> None:
    assert to_array(pictures.png(100, 100), GREY, BOUND).shape == (1, 8, 8)
    with pytest.raises(ValueError, match="is 101 x 100 pixels, the server takes 10000"):
        to_array(pictures.png(101, 100), GREY, BOUND)


def test_takes_as_many_pixels_a_request_as_allowed_and_not_one_more() -> None:
    bound = PictureLimits(pixels=100, request_pixels=150)
    assert len(to_batch([pictures.png(10, 10), pictures.png(10, 5)], GREY, bound)) == 2
    for some in ([pictures.png(10, 10), pictures.png(3, 17)], [pictures.bomb(), pictures.png()]):
        with pytest.raises((TooLarge, BadRequest), match=r"--max-request-pixels|image 1: is 50000 x 50000"):
            to_batch(some, GREY, bound)
    with pytest.raises(TooLarge, match="have 101 pixels together, the server takes 100"):
        to_batch([pictures.png(101, 1)], GREY, PictureLimits(pixels=1000, request_pixels=100))


def test_counts_the_pixels_of_all_pictures_before_it_decodes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.models.images.decoded", None)
    with pytest.raises(TooLarge, match="have 10000000000 pixels together"):
        to_batch([pictures.bomb()] * 4, GREY, PictureLimits(pixels=10**10))


def test_the_tensor_counts_like_the_pictures() -> None:
    large = replace(GREY, width=100, height=100)
    bound = PictureLimits(request_pixels=20_000)
    assert to_batch([pictures.png(1, 1)] * 2, large, bound).shape == (2, 1, 100, 100)
    with pytest.raises(TooLarge, match="have 30000 pixels together"):
        to_batch([pictures.png(1, 1)] * 3, large, bound)


def test_takes_as_many_pictures_as_allowed_and_not_one_more() -> None:
    assert len(to_batch([pictures.png()] * 3, GREY, PictureLimits(pictures=3))) == 3
    with pytest.raises(TooLarge, match="has 4 pictures"):
        to_batch([pictures.png()] * 4, GREY, PictureLimits(pictures=3))


def test_a_side_is_no_longer_than_that_of_a_jpeg() -> None:
    assert to_array(pictures.png(MAX_SIDE, 1), GREY, 10**6).shape == (1, 8, 8)
    with pytest.raises(ValueError, match="is 1 x 65536 pixels, the server takes 65535 on a side"):
        to_array(pictures.png(1, MAX_SIDE + 1), GREY, 10**6)


def test_numbers_the_picture_that_is_wrong() -> None:
    with pytest.raises(BadRequest, match="image 2: is no picture"):
        to_batch([pictures.png(), b"?"], GREY, LIMITS)


def test_stacks_pictures_of_any_size_into_one_batch() -> None:
    batch = to_batch([pictures.png(8, 8), pictures.png(30, 11)], GREY, LIMITS)
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


def test_a_bundle_cannot_ask_for_a_picture_that_takes_all_memory(signature_of: MakeSignature) -> None:
    signature = signature_of(models.identity, TensorProto.FLOAT, ("N", 1, "H", "W"))
    assert resolve(section(width=MAX_TARGET_PIXELS, height=1), signature).width == MAX_TARGET_PIXELS
    for width, height in ((MAX_TARGET_PIXELS + 1, 1), (10**6, 10**6), (10**30, 10**30)):
        with pytest.raises(Refused, match="pixels are more than 50000000; give a smaller width and height"):
            resolve(section(width=width, height=height), signature)


def test_refuses_pictures_for_a_model_of_two_inputs(signature_of: MakeSignature) -> None:
    with pytest.raises(Refused, match="needs a model with one input, this takes a, b"):
        resolve(section(), signature_of(models.add))
