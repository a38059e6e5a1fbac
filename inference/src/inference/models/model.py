"""A model in onnxruntime."""

import ctypes
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from inference.errors import BadRequest, Refused
from inference.models.execution import PROVIDERS, Execution
from inference.models.ortmessages import sentence
from inference.protocol.datatypes import BF16, BY_ONNX
from inference.protocol.signature import VARIABLE, Signature, TensorSpec
from inference.protocol.values import Array

# onnxruntime writes its own lines to stderr; whatever matters also comes as an exception.
onnxruntime.set_default_logger_severity(4)

MODEL_FILE = "model.onnx"
# Changes onnxruntime's options before a model is loaded.
Adjust = Callable[[onnxruntime.SessionOptions], None]
# Runs a model on inputs for the outputs of these names, as `Model.run` does.
Run = Callable[["Model", Mapping[str, Array], Sequence[str]], dict[str, Array]]
# onnxruntime keeps what its largest runs took. A run whose inputs have that many times the usual bytes, or
# that part of them, makes it give that back; to do so after each one would cost a part of its time, and what
# small ones take is not worth it.
_UNUSUAL = 2
_LARGE_INPUTS = 1 << 16
_LEARNING = 1 / 8
_GIVE_BACK = ("memory.enable_memory_arena_shrinkage", "cpu:0")


class Model:
    """A loaded model. `run` may be called from many threads at once; it releases the GIL.

    Its memory has owners that are counted: whoever runs it does so between `acquire` and `release`. After
    `close` nobody acquires it any more, and the last release frees its memory. `signature` stays.
    """

    _session: Any = None
    # With one thread, for the runs that come while others have all CPUs; see `share_cpus`.
    _single: Any = None
    _under_way = 0
    _leases = 0
    _closed = False
    # Of the inputs of a run, in bytes; nothing is usual yet. Threads may race: it is an estimate.
    _usual = 0.0

    def __init__(self, path: Path, execution: Execution, adjust: Adjust | None = None) -> None:
        """Load by path, since from bytes it takes twice the memory and holds the GIL. Raises Refused."""
        # Called once, by any thread, when the memory of the model is free again.
        self.released: Callable[[], None] = lambda: None
        self._execution = execution
        self._open = partial(_open, path, adjust)
        self._lock = threading.Lock()
        self._session = self._open(execution)
        try:
            self.signature = self._read_signature()
        except Refused:
            self.close()
            raise
        tensors = self.signature.inputs + self.signature.outputs + self.signature.optional
        self._has_bf16 = any(spec.datatype is BF16 for spec in tensors)

    def _read_signature(self) -> Signature:
        # No variable holds the session: that of an exception's traceback would keep it in memory.
        return Signature(
            tuple(_spec(node, "input") for node in self._session.get_inputs()),
            tuple(_spec(node, "output") for node in self._session.get_outputs()),
            # A default that v2 cannot carry stays as it is.
            tuple(
                _spec(node, "input")
                for node in self._session.get_overridable_initializers()
                if node.type in BY_ONNX
            ),
        )

    def acquire(self) -> bool:
        """Keep the model in memory until `release`; returns False if it is closed."""
        with self._lock:
            if self._closed:
                return False
            self._leases += 1
            return True

    def release(self) -> None:
        """Undo one `acquire`; of a closed model the last one frees the memory."""
        with self._lock:
            self._leases -= 1
            last = self._closed and not self._leases
        if last:
            self._free()

    def close(self) -> None:
        """Let nobody acquire the model any more, and free its memory once nobody has it. May be repeated."""
        with self._lock:
            last = not self._closed and not self._leases
            self._closed = True
        if last:
            self._free()

    def _free(self) -> None:
        self._session = self._single = None
        self.released()

    def share_cpus(self) -> None:
        """Give a single thread to each run that makes as many as there are CPUs, or more.

        Several threads make a run short that is alone; of runs that have no CPU left, they take time. This
        takes a second session, which is small if the file has its weights packed and mapped. Raises Refused.
        """
        self._single = self._open(replace(self._execution, threads=1))

    def run(
        self, inputs: Mapping[str, Array], outputs: Sequence[str] | None = None, options: Any = None
    ) -> dict[str, Array]:
        """Run the model on arrays that fit its signature; `outputs` None is all of them.

        `options` are onnxruntime's RunOptions, by which another thread can end the run. Raises BadRequest if
        the model fails on the arrays: what fits the signature can still be out of range.
        """
        if self._session is None:
            raise RuntimeError("the model was closed; acquire it before it is run")
        wanted = list(outputs or (spec.name for spec in self.signature.outputs))
        try:
            results = self._run(wanted, inputs, options)
        except Exception as error:  # onnxruntime's exceptions have no common class but this
            reason = sentence(error)
        else:
            return dict(zip(wanted, results, strict=True))
        # Outside the except block: within, the new exception would keep the old one, whose traceback keeps
        # the session in memory after the model is closed.
        raise BadRequest(f"the model fails on these inputs: {reason}")

    def _run(self, outputs: list[str], inputs: Mapping[str, Array], options: Any) -> list[Array]:
        if self._is_unusual(sum([array.nbytes for array in inputs.values()])):
            options = options or onnxruntime.RunOptions()
            options.add_run_config_entry(*_GIVE_BACK)
        if self._single is None:
            return self._run_in(self._session, outputs, inputs, options)
        with self._place() as session:
            return self._run_in(session, outputs, inputs, options)

    def _run_in(
        self, session: Any, outputs: list[str], inputs: Mapping[str, Array], options: Any
    ) -> list[Array]:
        if not self._has_bf16:
            return list(session.run(outputs, inputs, options))
        words = {name: np.ascontiguousarray(array) for name, array in inputs.items()}
        values = {name: _to_ort(array) for name, array in words.items()}
        return [_from_ort(value) for value in session.run_with_ort_values(outputs, values, options)]

    @contextmanager
    def _place(self) -> Iterator[Any]:
        """Count a run, and choose its session."""
        with self._lock:
            self._under_way += 1
            session = self._session if self._under_way < self._execution.threads else self._single
        try:
            yield session
        finally:
            with self._lock:
                self._under_way -= 1

    def _is_unusual(self, size: int) -> bool:
        less, more = sorted((size, self._usual))
        unusual = more >= _LARGE_INPUTS and more > less * _UNUSUAL
        self._usual += (size - self._usual) * _LEARNING
        return unusual


def _open(path: Path, adjust: Adjust | None, execution: Execution) -> Any:
    if not path.is_file():
        raise Refused(f"the bundle has no {MODEL_FILE}; add it")
    try:
        options = _options(execution)
        if adjust:
            adjust(options)
        session = onnxruntime.InferenceSession(path, options, providers=execution.providers())
    except Exception as error:  # as above
        raise Refused(f"{MODEL_FILE}: onnxruntime cannot load it: {sentence(error, path.parent)}") from None
    wanted = PROVIDERS[execution.provider]
    if wanted not in session.get_providers():
        raise Refused(f"{wanted} does not start here: onnxruntime fell back to the CPU; check the device")
    return session


def _options(execution: Execution) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = execution.threads
    options.inter_op_num_threads = 1
    # Threads that spin while they wait take the CPU from other runs, and from the I/O loop.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Small blocks of work: a thread that others keep from its CPU leaves them to those that run.
    options.add_session_config_entry("session.dynamic_block_base", "4")
    return options


def _spec(node: Any, kind: str) -> TensorSpec:
    datatype = BY_ONNX.get(node.type)
    if datatype is None:
        cure = "; for a scikit-learn model, convert it with zipmap=False" if "map(" in node.type else ""
        raise Refused(f"{MODEL_FILE}: {kind} {node.name!r} is {node.type}, which v2 cannot carry{cure}")
    shape = tuple(length if isinstance(length, int) and length >= 0 else VARIABLE for length in node.shape)
    return TensorSpec(node.name, datatype, shape)


def _to_ort(array: Array) -> Any:
    if array.dtype != BF16.dtype:
        return onnxruntime.OrtValue.ortvalue_from_numpy(array)
    return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(array.view(np.uint16), BF16.number)


def _from_ort(value: Any) -> Array:
    if value.data_type() != BF16.onnx:
        return np.asarray(value.numpy())
    shape = value.shape()
    words = (ctypes.c_uint16 * math.prod(shape)).from_address(value.data_ptr())
    return np.array(words, np.uint16).view(BF16.dtype).reshape(shape)
