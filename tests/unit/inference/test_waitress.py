"""What we lean on in waitress beyond its documentation.

A new waitress that changes any of it fails here. Look at what the sentence names, adapt it if need be, run
tests/integration/inference, and only then write the new digest down.
"""

import importlib
from functools import reduce
from hashlib import sha256
from inspect import getsource

import pytest

LEANT_ON = [
    (
        "channel.HTTPChannel.service",
        "f73afa13748e1128",
        "Connection.answer: takes the first of `requests`, makes a task, and adds the next one; when it does "
        "no more than that, send_at_once does it",
    ),
    (
        "channel.HTTPChannel.handle_write",
        "6c900f395b306f09",
        "Listener: sends what is left of an answer, then closes",
    ),
    (
        "channel.HTTPChannel.write_soon",
        "20eedb92a8237c47",
        "Task.send: sends at once, and takes a View as it takes a file",
    ),
    ("channel.HTTPChannel._flush_some", "fe7a9a752a419402", "View: calls len, get, skip and close only"),
    (
        "channel.HTTPChannel._flush_outbufs_below_high_watermark",
        "27a2b75117abd0d7",
        "Connection: waits for the I/O loop, which must not call it",
    ),
    (
        "channel.HTTPChannel.handle_close",
        "8f59b9aaa45566bb",
        "Connection.handle_close: closes once, and wakes who waits",
    ),
    ("task.Task.service", "d96bb4019c488cca", "Task: start, execute and finish, in that order"),
    ("task.Task.finish", "9bc080ca74743a10", "Task.send: nothing follows an answer whose head is written"),
    (
        "server.BaseWSGIServer.__init__",
        "e70a16b5b63c0a98",
        "Listener: takes an open socket and our dispatcher",
    ),
    (
        "wasyncore.readwrite",
        "2467235cc3f4eb51",
        "Poller: lets a connection read, write or close by the flags of poll",
    ),
    (
        "wasyncore.dispatcher.send",
        "1f089e74390268a3",
        "send_at_once: returns how much was sent, and does not close",
    ),
    (
        "task.WSGITask.get_environment",
        "3bb57be6c7db4e59",
        "Task: makes the WSGI environment of a request from its command, path, query, headers and body",
    ),
    (
        "channel.HTTPChannel.__init__",
        "a194769af3fd2e35",
        "Connection: registers the socket, which calls add_channel, and starts with no request",
    ),
]


@pytest.mark.parametrize(("name", "digest", "sentence"), LEANT_ON, ids=[row[0] for row in LEANT_ON])
def test_waitress_is_the_one_that_we_lean_on(name: str, digest: str, sentence: str) -> None:
    module, *path = name.split(".")
    try:
        code = getsource(reduce(getattr, path, importlib.import_module(f"waitress.{module}")))
    except AttributeError:
        pytest.fail(f"waitress.{name} is gone. {sentence}")
    if sha256(code.encode()).hexdigest()[:16] != digest:
        pytest.fail(f"waitress.{name} has changed. {sentence}")
