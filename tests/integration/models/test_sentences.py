"""A text-embedding model: tokens in, vectors out."""

import numpy as np

from servers import Server

from . import asking
from .asking import Ask, assert_same
from .bundles import Bare
from .words import embedded, tokens

SENTENCES = [
    "A model is shipped without an image.",
    "Nobody builds a container to deliver new weights.",
    "The cat didn't like the café's unbelievably dry biscuits!",
    "Cats are picky about their food.",
]


def test_one_sentence_gives_what_bare_onnxruntime_gives(ask: Ask, alone: dict[str, Bare]) -> None:
    inputs = tokens(SENTENCES[:1])
    assert_same(ask("sentences", **inputs), alone["sentences"](**inputs))


def test_a_padded_batch_gives_what_bare_onnxruntime_gives(ask: Ask, alone: dict[str, Bare]) -> None:
    inputs = tokens(SENTENCES)
    assert not inputs["attention_mask"].all()
    assert_same(ask("sentences", **inputs), alone["sentences"](**inputs))


def test_sentences_about_the_same_are_near_each_other(server: Server) -> None:
    inputs = tokens(SENTENCES)
    states = asking.raw(server, "sentences", **inputs)["last_hidden_state"]
    vectors = embedded(states, inputs["attention_mask"])
    nearness = vectors @ vectors.T - np.eye(len(SENTENCES))
    assert nearness.argmax(axis=1).tolist() == [1, 0, 3, 2]
