"""Operators of ai.onnx.ml: scikit-learn's models and tree ensembles, on tables [rows, features].

A tensor of one dimension is a single row to most of them, so that they are refused on one that has rows.
"""

from inference.models.graph.broadcast import elementwise
from inference.models.graph.call import Call, Rule
from inference.models.graph.gather import feature_extractor
from inference.models.graph.terms import Length
from inference.models.graph.value import Mixes, Value


def table(call: Call, place: int = 0) -> Value:
    """Return an input that is a table, with rows along its first dimension or none."""
    value = call.data(place)
    if value.rank != 2:
        raise Mixes(f"its input has {value.rank} dimensions; only a table [rows, features] keeps rows apart")
    if value.rows not in (None, 0):
        raise Mixes(f"the rows lie along dimension {value.rows}, which has its features")
    return value


def scaled(call: Call) -> list[Value]:
    """Return a table of the same shape: each row is computed for itself."""
    value = table(call)
    return [value.with_shape(value.dims, value.rows)]


def classifier(call: Call) -> list[Value]:
    """Return the class of each row, and its scores."""
    value = table(call)
    return [Value(value.dims[:1], value.rows), Value((value.dims[0], _classes(call)), value.rows)]


def _classes(call: Call) -> Length:
    """Return how many scores a row has: one for each class where the operator leaves no doubt."""
    labels = call.count("classlabels_int64s", "classlabels_ints", "classlabels_strings")
    if call.node.op == "TreeEnsembleClassifier":
        return labels or call.fresh()
    if call.node.op == "LinearClassifier" and labels > 2 and labels == len(call.reals("intercepts")):
        return labels
    return call.fresh()


def regressor(call: Call) -> list[Value]:
    """Return the numbers that each row is given."""
    value = table(call)
    name, default = ("targets", 1) if call.node.op == "LinearRegressor" else ("n_targets", 0)
    width = 1 if call.node.op == "SVMRegressor" else call.integer(name, default)
    return [Value((value.dims[0], width or call.fresh()), value.rows)]


def one_hot(call: Call) -> list[Value]:
    """Return a vector for each element."""
    value = call.data(0)
    width = call.count("cats_int64s", "cats_strings") or call.fresh()
    return [value.with_shape((*value.dims, width), value.rows)]


def features(call: Call) -> list[Value]:
    """Return the columns of several tables in one."""
    tables = [table(call, place) for place in range(len(call.inputs))]
    if any(value.rows != tables[0].rows or value.dims[0] != tables[0].dims[0] for value in tables):
        raise Mixes("the rows of its inputs have different lengths")
    widths = [value.dims[1] for value in tables]
    known = [width for width in widths if isinstance(width, int)]
    width: Length = sum(known) if len(known) == len(widths) else call.fresh()
    return [Value((tables[0].dims[0], width), tables[0].rows)]


RULES: dict[str, Rule] = {
    **dict.fromkeys(("Binarizer", "CategoryMapper", "LabelEncoder"), elementwise),
    **dict.fromkeys(("Scaler", "Imputer", "Normalizer"), scaled),
    **dict.fromkeys(("LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier"), classifier),
    **dict.fromkeys(("LinearRegressor", "SVMRegressor", "TreeEnsembleRegressor", "TreeEnsemble"), regressor),
    "OneHotEncoder": one_hot,
    "FeatureVectorizer": features,
    "ArrayFeatureExtractor": feature_extractor,
}
