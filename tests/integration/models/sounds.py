"""A sentence of vowels, synthesised: enough like speech for a model that tells speech from noise."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

Array = NDArray[np.float32]

RATE = 16_000
# The model takes 32 ms at a time, with the last 4 ms before them.
CHUNK, CONTEXT = 512, 64
# The three lowest resonances of a mouth, Hz, and their widths.
VOWELS = {
    "a": ((700, 80), (1220, 90), (2600, 120)),
    "i": ((300, 60), (2300, 100), (3000, 120)),
    "o": ((450, 70), (800, 80), (2600, 120)),
}
PITCH = 120


def sentence(vowels: str = "aioa", rate: int = RATE) -> Array:
    """Return half a second of silence, a fifth of a second for each vowel, and half a second of silence."""
    still = np.zeros(rate // 2)
    sound = np.concatenate([still, *(_vowel(vowel, rate) for vowel in vowels), still])
    noise = np.random.default_rng(0).normal(0, 1e-4, sound.size)
    return (sound + noise).astype(np.float32)


def _vowel(vowel: str, rate: int) -> NDArray[np.float64]:
    time = np.arange(rate // 5) / rate
    pitch = PITCH * (1 + 0.03 * np.sin(2 * np.pi * 5 * time))  # a voice never holds its pitch
    sound: Any = np.diff(np.floor(np.cumsum(pitch) / rate), prepend=0.0)
    for frequency, width in VOWELS[vowel]:
        radius = np.exp(-np.pi * width / rate)
        turn = 2 * np.pi * frequency / rate
        sound = lfilter([1 - radius], [1, -2 * radius * np.cos(turn), radius**2], sound)
    fade = np.hanning(sound.size) ** 0.3
    return np.asarray(sound / np.abs(sound).max() / 2 * fade)


def chunks(sound: Array, rate: int = RATE) -> list[Array]:
    """Cut a sound into what the model takes, [1, context + chunk] each."""
    length, before = CHUNK * rate // RATE, CONTEXT * rate // RATE
    padded = np.concatenate([np.zeros(before, np.float32), sound])
    starts = range(0, sound.size - length + 1, length)
    return [padded[np.newaxis, start : start + before + length] for start in starts]


def silence(batch: int) -> Array:
    """Return the state before the first chunk."""
    return np.zeros((2, batch, 128), np.float32)
