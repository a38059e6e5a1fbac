"""Loads a version whose check has accepted it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnxruntime

from inference.errors import BadRequest, Refused
from inference.logs import fields, logger
from inference.models import gate, golden, optimise
from inference.models.bundle import Bundle, parse_bundle
from inference.models.changes import LoadContext
from inference.models.execution import Execution
from inference.models.model import MODEL_FILE, Model
from inference.models.pipeline import Pipeline, build
from inference.models.verdict import Verdict
from inference.models.volume import Target


@dataclass(frozen=True, slots=True)
class Loaded:
    """A version in memory. The bundle has no examples: they were run by the check."""

    bundle: Bundle
    model: Model
    pipeline: Pipeline | None
    most_rows: int


def load(
    directory: Path, verdict: Verdict, execution: Execution, seconds: float, copy: Path | None = None
) -> Loaded:
    """Load a version, or its optimised copy (a model file), and warm it up; raises Refused.

    The warm-up is one run on zeros, of at most `seconds`, unless the check found that such a run fails.
    """
    bundle = parse_bundle(verdict.serving, directory)
    model = _open(directory, verdict, execution, copy)
    try:
        pipeline = build(bundle, model.signature)
        if verdict.trouble is None:
            _warm_up(model, seconds)
    except BaseException:
        model.close()
        raise
    return Loaded(bundle, model, pipeline, verdict.most_rows)


def load_counted(
    name: str,
    target: Target,
    verdict: Verdict,
    context: LoadContext,
    copy: Path | None,
    freed: Callable[[], None],
) -> tuple[Loaded, threading.Event]:
    """Load a version as `load` does; the event is set, and `freed` called, once its memory is free again.

    Raises Refused, whatever the reason.
    """
    gone = threading.Event()

    def released() -> None:
        gone.set()
        freed()

    try:
        loaded = load(target.directory, verdict, context.execution, context.load_timeout, copy)
    except Refused:
        raise
    except Exception as error:
        logger.exception("loading failed", extra=fields(model=name, version=target.version))
        raise Refused(f"{type(error).__name__}: {error}") from None
    loaded.model.released = released
    return loaded, gone


def _open(directory: Path, verdict: Verdict, execution: Execution, copy: Path | None) -> Model:
    execution = gate.threads(execution, quick=verdict.quick)
    if copy is None:
        return Model(directory / MODEL_FILE, execution)
    model = Model(copy, execution, optimise.take_as_it_is)
    if execution.threads > 1:
        model.share_cpus()
    return model


def _warm_up(model: Model, seconds: float) -> None:
    options = onnxruntime.RunOptions()
    ended = threading.Event()

    def end() -> None:
        ended.set()
        options.terminate = True

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        model.run(golden.zeros(model.signature), options=options)
    except BadRequest:
        if ended.is_set():
            raise Refused(f"a run on zeros did not finish within {seconds:g} s (--load-timeout)") from None
    finally:
        timer.cancel()
