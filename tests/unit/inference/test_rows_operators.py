"""Each operator on models whose rows stay apart, and on those that mix them: `graphs_of_rows/`.

An accepted model is run, too: the rows must be the same together and alone.
"""

import re
from pathlib import Path

import onnx
import pytest

from inference.models.graph.broadcast import ELEMENTWISE
from inference.models.graph.walk import RULES, why_mixed

from .graphs import Case, assert_rows_apart, cases, save

KINDS = ("float", "bool", "uint8", "int64", "string")
EXTRA = {
    "BitShift": '<direction = "LEFT">',
    "Cast": "<to = 1>",
    "Mod": "<fmod = 1>",
    "RegexFullMatch": '<pattern = "a+">',
}
ACCEPTED, REFUSED = cases("accepted.txt"), cases("refused.txt")


@pytest.mark.parametrize("case", ACCEPTED, ids=str)
def test_accepts_what_keeps_rows_apart(tmp_path: Path, case: Case) -> None:
    save(tmp_path / "model.onnx", case.text, opset=case.opset)
    assert why_mixed(tmp_path / "model.onnx") is None
    assert_rows_apart(tmp_path / "model.onnx")


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refuses_what_may_mix_rows(tmp_path: Path, case: Case) -> None:
    save(tmp_path / "model.onnx", case.text, opset=case.opset)
    assert case.reason in (why_mixed(tmp_path / "model.onnx") or "accepted")


@pytest.mark.parametrize("op", ELEMENTWISE)
def test_accepts_each_elementwise_operator(tmp_path: Path, op: str) -> None:
    schema = onnx.defs.get_schema(op)
    count = min(max(schema.min_input, 2), schema.max_input) if op != "Clip" else 1
    kind = next(kind for kind in KINDS if f"tensor({kind})" in schema.inputs[-1].types)
    result = next(one for one in (kind, "bool", "int64") if f"tensor({one})" in schema.outputs[0].types)
    given = [f"{kind}[N,3] {name}" for name in "abc"[:count]]
    if op == "Where":
        given[0] = "bool[N,3] a"
    call = f"{op}{EXTRA.get(op, '')}({', '.join('abc'[:count])})"
    save(tmp_path / "model.onnx", f"({', '.join(given)}) => ({result}[N,3] y) {{ y = {call} }}", opset=24)
    assert why_mixed(tmp_path / "model.onnx") is None
    assert_rows_apart(tmp_path / "model.onnx")


def test_each_other_rule_is_tried() -> None:
    texts = " ".join(case.text for case in (*ACCEPTED, *REFUSED))
    names = {f"{domain}.{op}".lstrip(".") for domain, operators in RULES.items() for op in operators}
    tried = {name for name in names if re.search(rf" {re.escape(name)}[<(]", texts)}
    assert names - tried - set(ELEMENTWISE) == set()
