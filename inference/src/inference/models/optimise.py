"""Writes an optimised copy of a model, in its own process: `python -m inference.models.optimise MODEL COPY`.

onnxruntime writes the graph after all its optimisations, and the weights in a file beside it, packed as its
kernels want them. Loading that is little work, and maps the weights: processes share them in the page cache.
The copy is for this onnxruntime on this kind of CPU only.
"""

import os
import sys
from functools import partial
from pathlib import Path

from onnxruntime import GraphOptimizationLevel, SessionOptions

from inference.errors import BadRequest, Refused
from inference.models import golden
from inference.models.execution import Execution
from inference.models.model import MODEL_FILE, Model

WEIGHTS_FILE = "model.onnx.data"
# Smaller weights stay in the graph.
_LEAST_BYTES = "1024"
# Serving comes first: this takes what it leaves.
_NICENESS = 19
_SINGLE = Execution(threads=1)
# Packed weights may be added up in another order.
_TOLERANCE = 1e-4


def main(source: Path, copy: Path) -> None:
    """Write `model.onnx` and its weights into the directory `copy`; ends with a reason if that fails."""
    os.nice(_NICENESS)
    try:
        original = Model(source, _SINGLE, adjust=partial(_write_to, copy))
        _compare(original, Model(copy / MODEL_FILE, _SINGLE, adjust=take_as_it_is))
        for file in (*copy.iterdir(), copy):
            _to_disk(file)
    except (Refused, BadRequest, OSError) as error:
        sys.exit(str(error))


def _write_to(copy: Path, options: SessionOptions) -> None:
    options.optimized_model_filepath = str(copy / MODEL_FILE)
    prefix = "session.optimized_model_external_initializers_"
    options.add_session_config_entry(prefix + "file_name", WEIGHTS_FILE)
    options.add_session_config_entry(prefix + "min_size_in_bytes", _LEAST_BYTES)
    options.add_session_config_entry("session.save_external_prepacked_constant_initializers", "1")


def take_as_it_is(options: SessionOptions) -> None:
    """Adjust the options for an optimised copy: there is nothing left to optimise."""
    options.graph_optimization_level = GraphOptimizationLevel.ORT_DISABLE_ALL


def _compare(original: Model, copy: Model) -> None:
    if copy.signature != original.signature:
        raise Refused("the copy has other inputs or outputs")
    if golden.warm_up(original):
        return
    zeros = golden.zeros(original.signature)
    given = copy.run(zeros)
    for name, wanted in original.run(zeros).items():
        golden.compare(name, given[name], wanted, _TOLERANCE)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
