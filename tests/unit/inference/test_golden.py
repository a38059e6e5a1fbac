"""The gate before traffic."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

import models
import pictures
from inference.errors import ModelFault, Refused
from inference.models.bundle import Bundle, parse_bundle
from inference.models.golden import run_examples, tolerance_of, try_scores, warm_up
from inference.models.model import Model
from inference.models.picturefiles import PictureLimits
from inference.models.pipeline import Pipeline, build
from inference.protocol.datatypes import BY_NAME
from inference.protocol.signature import Signature, TensorSpec

from .conftest import MakeModel

BOUND = 10_000


def bundle(directory: Path, *examples: Any, **keys: Any) -> Bundle:
    return parse_bundle({"examples": list(examples), **keys}, directory)


def example(inputs: Any, outputs: Any, **more: Any) -> dict[str, Any]:
    return {"inputs": inputs, "outputs": outputs, **more}


def refusal(given: Bundle, model: Model, pipeline: Pipeline | None = None) -> str:
    with pytest.raises(Refused) as caught:
        run_examples(given, model, pipeline, BOUND)
    return str(caught.value)


def test_passes_what_the_model_gives_within_tolerance(tmp_path: Path, load_model: MakeModel) -> None:
    inputs = {"a": [[1, 2]], "b": [[3, 4]]}
    given = bundle(
        tmp_path,
        example(inputs, {"total": [[4.0003, 6]], "difference": [[-2, -2]]}),
        example(inputs, {"total": [[4.05, 6]]}, tolerance=0.1),
    )
    run_examples(given, load_model(models.add), None, BOUND)


def test_the_largest_tolerance_of_the_examples_is_that_of_the_bundle(tmp_path: Path) -> None:
    assert tolerance_of(bundle(tmp_path)) == 1e-4
    assert tolerance_of(bundle(tmp_path, example({"a": [1]}, {"b": [1]}, tolerance=0))) == 1e-4
    both = [example({"a": [1]}, {"b": [1]}, tolerance=tolerance) for tolerance in (0.01, 0.001)]
    assert tolerance_of(bundle(tmp_path, *both)) == 0.01


def test_says_which_value_of_which_example_differs(tmp_path: Path, load_model: MakeModel) -> None:
    inputs = {"a": [[1, 2]], "b": [[3, 4]]}
    right, wrong = example(inputs, {"total": [[4, 6]]}), example(inputs, {"total": [[4, 7]]})
    reason = refusal(bundle(tmp_path, right, wrong), load_model(models.add))
    assert reason == (
        "example 2: output 'total'[0,1] is 6.0, expected 7.0 (tolerance 0.0001); 1 of 2 values differ"
    )


@pytest.mark.parametrize(
    ("inputs", "outputs", "sentence"),
    [
        ({"a": [[1, 2]]}, {"total": [[1, 2]]}, "gives inputs a; the model takes a, b"),
        ({"a": [[1, 2]], "b": [1, 2]}, {"total": 1}, "input 'b': shape is [2], the model takes [-1, 2]"),
        ({"a": [[1, 2]], "b": [["x", 2]]}, {"total": 1}, "input 'b': \"x\" is no FP32 value"),
        ({"a": [[1, 2]], "b": [[3, 4]]}, {"sum": 1}, "output 'sum': the model has no such output"),
        ({"a": [[1, 2]], "b": [[3, 4]]}, {"total": [4, 6]}, "output 'total': shape is [1, 2], expected [2]"),
    ],
)
def test_says_what_is_wrong_with_an_example(
    tmp_path: Path, load_model: MakeModel, inputs: Any, outputs: Any, sentence: str
) -> None:
    reason = refusal(bundle(tmp_path, example(inputs, outputs)), load_model(models.add))
    assert reason.startswith(f"example 1: {sentence}")


def test_null_stands_for_nan(tmp_path: Path, load_model: MakeModel) -> None:
    model = load_model(models.nan)
    run_examples(bundle(tmp_path, example({"x": [0]}, {"y": [None]})), model, None, BOUND)
    assert "expected 0.0" in refusal(bundle(tmp_path, example({"x": [0]}, {"y": [0]})), model)
    run_examples(bundle(tmp_path, example({"x": [None, 0]}, {"y": [None, None]})), model, None, BOUND)


def test_an_example_may_give_what_has_a_default(tmp_path: Path, load_model: MakeModel) -> None:
    model = load_model(models.scaled)
    given = (example({"x": [1]}, {"y": [2]}), example({"x": [1], "k": 5}, {"y": [5]}))
    run_examples(bundle(tmp_path, *given), model, None, BOUND)
    for inputs, names in (({"k": 5}, "k"), ({"x": [1], "q": 5}, "x, q")):
        reason = refusal(bundle(tmp_path, example(inputs, {"y": [5]})), model)
        assert reason == f"example 1: gives inputs {names}; the model takes x (optional: k)"


@pytest.mark.parametrize(
    ("kind", "data", "other"),
    [
        (TensorProto.STRING, [["a", "é"]], [["a", "e"]]),
        (TensorProto.BOOL, [[True, False]], [[True, True]]),
        (TensorProto.BFLOAT16, [[1.5, 2]], [[1.5, 3]]),
        (TensorProto.FLOAT16, [[1.5, 2]], [[1.5, 3]]),
        (TensorProto.INT8, [[-1, 2]], [[-1, 3]]),
    ],
)
def test_compares_every_kind(tmp_path: Path, load_model: MakeModel, kind: int, data: Any, other: Any) -> None:
    model = load_model(models.identity, kind)
    run_examples(bundle(tmp_path, example({"x": data}, {"y": data})), model, None, BOUND)
    assert "'y'[0,1] is" in refusal(bundle(tmp_path, example({"x": data}, {"y": other})), model)


def test_a_picture_must_be_given_its_label(tmp_path: Path, load_model: MakeModel) -> None:
    (tmp_path / "a.png").write_bytes(pictures.png())
    model = load_model(models.classifier, 7)
    labels = [f"n{number}" for number in range(10)]
    for label, right in (("n7", True), ("n3", False)):
        given = bundle(tmp_path, {"image": "a.png", "label": label}, image={}, labels=labels)
        pipeline = build(given, model.signature)
        if right:
            run_examples(given, model, pipeline, BOUND)
        else:
            expected = "example 1: a.png is given 'n7' (94.28 %), expected 'n3'"
            assert refusal(given, model, pipeline) == expected


def test_a_picture_needs_an_image_section(tmp_path: Path, load_model: MakeModel) -> None:
    (tmp_path / "a.png").write_bytes(pictures.png())
    given = bundle(tmp_path, {"image": "a.png", "label": "7"})
    assert "serving.json has no image section" in refusal(given, load_model(models.classifier))


def test_a_broken_picture_is_a_reason(tmp_path: Path, load_model: MakeModel) -> None:
    (tmp_path / "a.png").write_bytes(b"?")
    model = load_model(models.classifier)
    given = bundle(tmp_path, {"image": "a.png", "label": "7"}, image={})
    assert refusal(given, model, build(given, model.signature)).startswith(
        "example 1: image 1: is no picture"
    )


def test_warms_up_on_zeros_of_any_kind(load_model: MakeModel) -> None:
    for kind in (TensorProto.STRING, TensorProto.BFLOAT16, TensorProto.FLOAT):
        assert warm_up(load_model(models.identity, kind)) is None


def test_tells_why_a_warm_up_fails(load_model: MakeModel, tmp_path: Path) -> None:
    def reshape(path: Path) -> None:
        nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"])]
        shape = models.weights("shape", np.array([-1, 4]))
        output = models.value("y", TensorProto.FLOAT, ["M", 4])
        models.save(path, nodes, [models.value("x", TensorProto.FLOAT, ["N"])], [output], [shape])

    assert "the model fails on these inputs" in (warm_up(load_model(reshape)) or "")


@pytest.mark.parametrize(
    ("serving", "sentence"),
    [
        ({"image": {}, "labels": ["a", "b"]}, "labels: has 2, output 'probabilities' has 10 scores"),
        ({"image": {}, "scores": {"output": "x"}}, "scores.output: the model has no output 'x'"),
    ],
)
def test_refuses_a_bundle_that_does_not_fit_its_model(
    tmp_path: Path, load_model: MakeModel, serving: Any, sentence: str
) -> None:
    signature = load_model(models.classifier).signature
    with pytest.raises(Refused) as caught:
        build(parse_bundle(serving, tmp_path), signature)
    assert sentence in str(caught.value)


def test_refuses_an_example_with_a_label_that_is_none(tmp_path: Path, load_model: MakeModel) -> None:
    (tmp_path / "a.png").write_bytes(pictures.png())
    labels = [str(number) for number in range(10)]
    given = bundle(tmp_path, {"image": "a.png", "label": "seven"}, image={}, labels=labels)
    with pytest.raises(Refused, match="label 'seven' is not among labels"):
        build(given, load_model(models.classifier).signature)


def test_scores_pictures_one_by_one_where_the_model_takes_one(load_model: MakeModel, tmp_path: Path) -> None:
    model = load_model(models.classifier, 4, 1)
    pipeline = build(parse_bundle({"image": {}, "top_k": 1}, tmp_path), model.signature)
    assert pipeline is not None
    ranks = pipeline.score(model, [pictures.png(), pictures.png()], PictureLimits())
    assert ranks == [[["4", pytest.approx(94.28)]]] * 2
    assert not math.isnan(ranks[0][0][1])


def image_bundle(directory: Path, **keys: Any) -> Bundle:
    return parse_bundle({"image": {"scale": 0.001, "layout": "NHWC"}, **keys}, directory)


@pytest.mark.parametrize(
    ("shape", "picture"),
    [
        (["N", 3], ("N", 1, 1, 3)),
        (["N", 3, 1, 1], ("N", 1, 1, 3)),
        ([1, 3], (1, 1, 1, 3)),
        (["N", 3], (1, 1, 1, 3)),
    ],
)
def test_each_picture_has_its_own_scores(
    tmp_path: Path, load_model: MakeModel, shape: Any, picture: Any
) -> None:
    model = load_model(models.scores, shape, picture)
    pipeline = build(image_bundle(tmp_path, labels=["r", "g", "b"], top_k=1), model.signature)
    assert pipeline is not None
    assert try_scores(model, pipeline) is None
    some = [pictures.colour(250, 0, 0), pictures.colour(0, 100, 0), pictures.colour(0, 0, 40)]
    ranks = pipeline.score(model, some, PictureLimits())
    assert ranks == [[["r", 25.0]], [["g", 10.0]], [["b", 4.0]]]
    assert [pipeline.score(model, [one], PictureLimits())[0] for one in some] == ranks


@pytest.mark.parametrize(
    ("shape", "picture"),
    [
        ([4, "N", 3], ("N", 1, 1, 3)),
        (["T", "N", 3], ("N", 1, 1, 3)),
        ([1, 3], ("N", 1, 1, 3)),
        (["N", 1, 3], ("N", 1, 1, 3)),
        (["N"], ("N", 1, 1, 3)),
        ([3, 1], (1, 1, 1, 3)),
        ([], (1, 1, 1, 3)),
    ],
)
def test_refuses_scores_without_a_row_for_each_picture(tmp_path: Path, shape: Any, picture: Any) -> None:
    def sizes(dimensions: Any) -> tuple[int, ...]:
        return tuple(length if isinstance(length, int) else -1 for length in dimensions)

    fp32 = BY_NAME["FP32"]
    spec, output = TensorSpec("x", fp32, sizes(picture)), TensorSpec("y", fp32, sizes(shape))
    with pytest.raises(Refused) as caught:
        build(image_bundle(tmp_path), Signature((spec,), (output,)))
    wanted = f"scores: output 'y' has shape {list(output.shape)} (-1: any); it must be [pictures, classes]"
    assert wanted in str(caught.value)


class Gives(Model):
    """A model that gives the same output, whatever comes in."""

    def __init__(self, output: Any, signature: Signature) -> None:
        self._output = output
        self.signature = signature

    def __del__(self) -> None:
        pass

    def run(self, inputs: Any, outputs: Any = None, options: Any = None) -> dict[str, Any]:
        """Return it."""
        return {"y": self._output}


@pytest.mark.parametrize("shape", [(1, 3), (4, 3), (2,), (2, 3, 2), (2, 4)])
def test_black_pictures_show_what_a_signature_hides(
    tmp_path: Path, load_model: MakeModel, shape: tuple[int, ...]
) -> None:
    """A batch of 1 that is a part of the model, for one, behind a shape of any length."""
    signature = load_model(models.scores, ["N", 3]).signature
    open_shape = replace(signature, outputs=(TensorSpec("y", BY_NAME["FP32"], (-1, -1)),))
    given = image_bundle(tmp_path, labels=["r", "g", "b"])
    reason = refusal(given, Gives(np.zeros(shape), open_shape), build(given, open_shape))
    assert reason.startswith("a run on black pictures: output 'y' has ")
    assert reason.endswith(("for 2 pictures; it must be [pictures, classes]", "3 labels of serving.json"))


def test_a_run_is_never_taken_apart_by_guess(tmp_path: Path, load_model: MakeModel) -> None:
    model = load_model(models.scores, ["N", 3])
    pipeline = build(image_bundle(tmp_path), model.signature)
    assert pipeline is not None
    with pytest.raises(ModelFault, match=r"output 'y' has shape \[4, 2, 3\] for 2 pictures") as caught:
        pipeline.probabilities_of({"y": np.zeros((4, 2, 3), np.float32)}, 2)
    assert caught.value.status == 500


@pytest.mark.parametrize("softmax", [True, False])
def test_logits_need_a_softmax(tmp_path: Path, load_model: MakeModel, softmax: bool) -> None:
    (tmp_path / "a.png").write_bytes(pictures.colour(0, 250, 0))
    model = load_model(models.scores, ["N", 3])
    tensors = example({"x": [[[[1, 2.5, 3]]]]}, {"y": [[1, 2.5, 3]]})
    for one in ({"image": "a.png", "label": "g"}, tensors):
        keys = {"labels": ["r", "g", "b"], "scores": {"softmax": softmax}, "image": {"layout": "NHWC"}}
        given = bundle(tmp_path, one, **keys)
        pipeline = build(given, model.signature)
        if softmax:
            run_examples(given, model, pipeline, BOUND)
        else:
            assert "is no probability; give " in refusal(given, model, pipeline)


def test_a_score_that_is_no_probability_is_an_error_of_the_model(
    tmp_path: Path, load_model: MakeModel
) -> None:
    model = load_model(models.scores, ["N", 3])
    pipeline = build(parse_bundle({"image": {"layout": "NHWC"}}, tmp_path), model.signature)
    assert pipeline is not None
    assert try_scores(model, pipeline) is None
    with pytest.raises(ModelFault, match=r"output 'y' has the score 250, which is no probability"):
        pipeline.score(model, [pictures.colour(250, 0, 0)], PictureLimits())


def test_black_pictures_show_scores_that_are_no_probabilities(tmp_path: Path, load_model: MakeModel) -> None:
    model = load_model(models.scores, ["N", 3])
    pipeline = build(image_bundle(tmp_path), model.signature)
    assert pipeline is not None
    assert try_scores(model, replace(pipeline, softmax=True)) is None

    seven = Gives(np.full((2, 3), 7.0), model.signature)
    assert "has the score 7" in (try_scores(seven, pipeline) or "")
    assert try_scores(seven, replace(pipeline, softmax=True)) is None


@pytest.mark.parametrize(
    ("make", "arguments", "labels", "sentence"),
    [
        (models.identity, (TensorProto.FLOAT, ("N", 2)), 2, None),
        (models.identity, (TensorProto.FLOAT, ("N", 2)), 3, "labels: has 3, output 'y' has 2 scores"),
        (models.identity, (TensorProto.FLOAT, ("N", 2, 2)), 4, None),
        (models.identity, (TensorProto.FLOAT, (2, 2)), 2, "labels: has 2, output 'y' has 4 scores"),
        (models.identity, (TensorProto.FLOAT, ("N", "C")), 7, None),
        (models.identity, (TensorProto.STRING, ("N", 2)), 2, "scores: output 'y' is BYTES, not scores"),
        (models.add, (), 2, "scores.output: missing; say which of total, difference"),
    ],
)
def test_every_model_has_as_many_labels_as_classes(
    tmp_path: Path, load_model: MakeModel, make: Any, arguments: Any, labels: int, sentence: str | None
) -> None:
    signature = load_model(make, *arguments).signature
    given = parse_bundle({"labels": [str(number) for number in range(labels)]}, tmp_path)
    if sentence is None:
        assert build(given, signature) is None
    else:
        with pytest.raises(Refused) as caught:
            build(given, signature)
        assert sentence in str(caught.value)


def test_an_example_shows_a_number_of_classes_that_the_signature_leaves_open(
    tmp_path: Path, load_model: MakeModel
) -> None:
    model = load_model(models.identity, TensorProto.FLOAT, ("N", "C"))
    for labels, right in ((["a", "b"], True), (["a", "b", "c"], False)):
        given = bundle(tmp_path, example({"x": [[1, 2]]}, {"y": [[1, 2]]}), labels=labels)
        if right:
            run_examples(given, model, None, BOUND)
        else:
            assert "has 2 classes for the 3 labels" in refusal(given, model)
