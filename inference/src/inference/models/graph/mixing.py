"""Operators that mix rows, or may, whatever their attributes are: the reasons for the author of a model."""

_ANY_NUMBER = "a row may give any number of elements, so whose they are is lost"
_CHANCE = "it makes random numbers, so a request's answer is never the same"
_ONE_SCALE = "it computes one scale from all rows, so the rows change each other's rounding"
_SUBGRAPH = "this server does not follow its subgraph"

_RANDOM = (
    "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
)  # fmt: skip
_SUBGRAPHS = ("Loop", "Scan", "SequenceMap")
REASONS = {
    **dict.fromkeys(("DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM"), _ONE_SCALE),
    **dict.fromkeys(("NonZero", "Unique", "NonMaxSuppression"), _ANY_NUMBER),
    **dict.fromkeys(
        (
            "Bernoulli",
            "Multinomial",
            "RandomNormal",
            "RandomNormalLike",
            "RandomUniform",
            "RandomUniformLike",
        ),
        _CHANCE,
    ),
    **dict.fromkeys(("Loop", "Scan", "SequenceMap"), _SUBGRAPH),
    "StringNormalizer": "it removes elements, so whose the others are is lost",
    "StringSplit": "the length of its result is that of the longest row",
    "ZipMap": "its result is no tensor; with skl2onnx: options={id(model): {'zipmap': False}}",
}
# Operators whose result is never known from constants alone.
NEVER_CONSTANT = frozenset(name for name, reason in REASONS.items() if reason in (_CHANCE, _SUBGRAPH)) | {
    "If"
}
UNKNOWN = "this server does not know that the operator keeps rows apart"
