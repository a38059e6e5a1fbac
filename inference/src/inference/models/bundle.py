"""What `serving.json` says about a bundle; docs/contract.md has its keys."""

from codecs import BOM_UTF8
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from inference.errors import BadRequest, Refused, TooLarge
from inference.models.schema import Section
from inference.protocol.jsontext import load
from inference.protocol.limits import JsonLimits

FILE = "serving.json"
# A bundle comes from its publisher, and its examples may be large tensors.
LIMITS = JsonLimits(elements=50_000_000)
DEFAULT_TOP_K = 3
DEFAULT_TOLERANCE = 1e-4
DEFAULT_BATCH_SIZE, DEFAULT_MAX_QUEUE, DEFAULT_TIMEOUT = 32, 128, 10.0
# The proof that rows stay apart counts on it: a Slice that ends there has all rows.
MAX_BATCH_SIZE = 65_536


@dataclass(frozen=True, slots=True)
class Image:
    """How a picture becomes the input tensor. None: what the model's signature says."""

    input: str | None
    width: int | None
    height: int | None
    mode: str | None
    layout: str | None
    resize: str
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Scores:
    """Which output holds the class scores (None: the only one), and whether they need a softmax."""

    output: str | None = None
    softmax: bool = False


@dataclass(frozen=True, slots=True)
class Batching:
    """How requests share a run: rows a run, how many may wait and how long; times in seconds.

    `rows_are_independent` is the author's promise in place of the server's proof.
    """

    max_batch_size: int
    max_delay: float
    max_queue: int
    timeout: float
    rows_are_independent: bool = False


@dataclass(frozen=True, slots=True)
class TensorExample:
    """Inputs, and the outputs they must give within a tolerance, absolute and relative."""

    inputs: dict[str, Any]
    outputs: dict[str, Any]
    tolerance: float


@dataclass(frozen=True, slots=True)
class ImageExample:
    """A picture of the bundle, and the label it must be given."""

    image: Path
    label: str


Example = TensorExample | ImageExample


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle's `serving.json`; all of it is optional."""

    labels: tuple[str, ...] = ()
    image: Image | None = None
    scores: Scores = Scores()
    top_k: int = DEFAULT_TOP_K
    examples: tuple[Example, ...] = ()
    batching: Batching | None = None


def read_bundle(directory: Path) -> Bundle:
    """Read the `serving.json` of a bundle; without one, a Bundle that says nothing. Raises Refused."""
    return parse_bundle(read_value(directory), directory)


def read_value(directory: Path) -> object:
    """Read the JSON of a bundle's `serving.json`; without one, an empty object. Raises Refused."""
    try:
        text = (directory / FILE).read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Refused(f"{FILE}: cannot be read: {error.strerror}") from None
    try:
        return load(text.removeprefix(BOM_UTF8), LIMITS, f"{FILE}:")
    except BadRequest as error:
        raise Refused(error.message) from None
    except TooLarge:
        raise Refused(
            f"{FILE}: has more than {LIMITS.elements} elements or {LIMITS.depth} levels; shorten the examples"
        ) from None


def parse_bundle(value: object, directory: Path) -> Bundle:
    """Read the value of a `serving.json` whose files are in `directory`; raises Refused."""
    top = Section(value, FILE, ("labels", "image", "scores", "top_k", "examples", "batching"))
    return Bundle(
        labels=_labels(top, directory),
        image=_image(top.raw("image")) if top.has("image") else None,
        scores=_scores(top.raw("scores")) if top.has("scores") else Scores(),
        top_k=top.count("top_k") or DEFAULT_TOP_K,
        examples=_examples(top, directory),
        batching=_batching(top.raw("batching")) if top.has("batching") else None,
    )


def _file(name: str, directory: Path, place: str) -> Path:
    """Return the path of a file in the bundle, never outside it."""
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts:
        raise Refused(f"{place}: {name!r} is not inside the bundle; give a path below it")
    path = directory / relative
    if not path.is_file():
        raise Refused(f"{place}: the bundle has no file {name!r}; add it")
    return path


def _labels(top: Section, directory: Path) -> tuple[str, ...]:
    value = top.raw("labels")
    if value is None:
        return ()
    if isinstance(value, str):
        try:
            value = label_lines(_file(value, directory, top.place("labels")).read_bytes())
        except UnicodeDecodeError:
            raise Refused(f"{top.place('labels')}: the file is not UTF-8 text") from None
    if not isinstance(value, list) or not value or not all(isinstance(label, str) for label in value):
        raise top.wrong("labels", "a list of strings, or the name of a text file with one a line")
    return tuple(value)


def label_lines(text: bytes) -> list[str]:
    r"""Return the lines of a label file; raises UnicodeDecodeError.

    Only `\n` separates, `\r\n` included: a label may hold what `str.splitlines` splits at, such as U+2028.
    Windows' editors put a mark (BOM) at the start. One line end may follow the last label.
    """
    whole = text.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    return [line.removesuffix("\r") for line in whole.split("\n")] if whole else []


def _image(value: object) -> Image:
    keys = ("input", "width", "height", "mode", "layout", "resize", "scale", "mean", "std")
    section = Section(value, f"{FILE}: image", keys)
    std = section.numbers("std") or (1.0,)
    if not all(std):
        raise section.wrong("std", "a list of numbers, none of them 0")
    return Image(
        input=section.text("input"),
        width=section.count("width"),
        height=section.count("height"),
        mode=section.choice("mode", ("RGB", "L")),
        layout=section.choice("layout", ("NCHW", "NHWC")),
        resize=section.choice("resize", ("stretch", "crop", "pad")) or "stretch",
        scale=section.number("scale", 1.0),
        mean=section.numbers("mean") or (0.0,),
        std=std,
    )


def _scores(value: object) -> Scores:
    section = Section(value, f"{FILE}: scores", ("output", "softmax"))
    return Scores(section.text("output"), section.flag("softmax"))


def _batching(value: object) -> Batching:
    keys = ("max_batch_size", "max_delay", "max_queue", "timeout", "rows_are_independent")
    section = Section(value, f"{FILE}: batching", keys)
    timeout = section.duration("timeout", DEFAULT_TIMEOUT)
    if not timeout:
        raise section.wrong("timeout", "a time longer than 0")
    size = section.count("max_batch_size") or DEFAULT_BATCH_SIZE
    if size > MAX_BATCH_SIZE:
        raise section.wrong("max_batch_size", f"at most {MAX_BATCH_SIZE:,}")
    return Batching(
        max_batch_size=size,
        max_delay=section.duration("max_delay", 0.0),
        max_queue=section.count("max_queue") or DEFAULT_MAX_QUEUE,
        timeout=timeout,
        rows_are_independent=section.flag("rows_are_independent"),
    )


def _examples(top: Section, directory: Path) -> tuple[Example, ...]:
    value = top.raw("examples")
    if value is None:
        return ()
    if not isinstance(value, list):
        raise top.wrong("examples", "a list")
    return tuple(_example(item, f"{FILE}: examples[{at}]", directory) for at, item in enumerate(value))


def _example(value: object, where: str, directory: Path) -> Example:
    if isinstance(value, dict) and "image" in value:
        section = Section(value, where, ("image", "label"))
        name, label = section.text("image"), section.text("label")
        if name is None:
            raise section.wrong("image", "the name of a picture in the bundle")
        if label is None:
            raise section.wrong("label", "the label that the picture must be given")
        return ImageExample(_file(name, directory, section.place("image")), label)
    section = Section(value, where, ("inputs", "outputs", "tolerance"))
    tolerance = section.number("tolerance", DEFAULT_TOLERANCE, least=0)
    return TensorExample(section.tensors("inputs"), section.tensors("outputs"), tolerance)
