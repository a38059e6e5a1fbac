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
        "Channel.answer: takes the first of `requests`, makes a task, and adds the next one; when it does no "
        "more than that, Channel._answer_at_once does it",
    ),
    (
        "channel.HTTPChannel.received",
        "08d6df73fb69da84",
        "Channel: a request is added once it is complete, if it is the first",
    ),
    (
        "channel.HTTPChannel.readable",
        "e4722238ce60c915",
        "Listener: reads on with channel_request_lookahead, but not while an answer is being sent",
    ),
    (
        "channel.HTTPChannel.handle_read",
        "5f1fb08c95aa00cc",
        "Channel.handle_read: reads the last byte of a body, and sees that a client is gone",
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
        "Channel: waits for the I/O loop, which must not call it",
    ),
    (
        "channel.HTTPChannel.handle_close",
        "8f59b9aaa45566bb",
        "Channel.handle_close: closes once, and wakes who waits",
    ),
    ("task.Task.service", "d96bb4019c488cca", "Task: start, execute and finish, in that order"),
    ("task.Task.finish", "9bc080ca74743a10", "Task.send: nothing follows an answer whose head is written"),
    (
        "task.ThreadedTaskDispatcher.handler_thread",
        "fe586964e3f09522",
        "Dispatcher: threads take from `queue` under `lock`, count in `active_count`, and call service",
    ),
    (
        "task.ThreadedTaskDispatcher.set_thread_count",
        "97cddfc021373f31",
        "Dispatcher: `threads`, `stop_count` and `active_count` tell which threads are idle",
    ),
    (
        "parser.HTTPRequestParser.received",
        "b466c02de37d4a01",
        "Parser: parse_header comes once and sets `body_rcv`; content_length is looked at before, and a "
        "request is `completed` after its `headers_finished`",
    ),
    (
        "parser.HTTPRequestParser.parse_header",
        "c2c093b901782da6",
        "Parser: what it sets depends on the head alone, but for `body_rcv`",
    ),
    (
        "server.BaseWSGIServer.__init__",
        "e70a16b5b63c0a98",
        "Listener: takes an open socket and our dispatcher",
    ),
    (
        "server.BaseWSGIServer.readable",
        "4eea9c1036b55b41",
        "Listener: does not accept beyond connection_limit",
    ),
    ("server.BaseWSGIServer.handle_accept", "69bfcf0fc140592a", "Listener: takes one connection a call"),
    (
        "server.BaseWSGIServer.maintenance",
        "4ab5b7f595bc4253",
        "Listener: closes idle and slow connections, never one with a request",
    ),
    (
        "wasyncore.readwrite",
        "2467235cc3f4eb51",
        "Poller: lets a connection read, write or close by the flags of poll",
    ),
    ("wasyncore.dispatcher.recv", "2e96a95e63f72440", "Channel: closes on the end of the stream"),
    (
        "wasyncore.dispatcher.send",
        "1f089e74390268a3",
        "Channel._answer_at_once: returns how much was sent, and does not close",
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
