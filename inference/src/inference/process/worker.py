"""A worker process; only the supervisor starts it, with all it must know in one argument of JSON."""

import json
import os
import socket
import sys
import threading
from typing import NoReturn

from inference import logs
from inference.process.signals import Stop, leave


def main(argument: str) -> NoReturn:
    """Serve on the sockets of the supervisor until it says to end, or is gone."""
    stop = Stop()
    # After the signals: these imports take most of the start, and SIGTERM or SIGQUIT may come meanwhile.
    from inference.models.check_client import CheckServer
    from inference.process.server import serve
    from inference.process.sockets import Sockets
    from inference.settings import read_settings

    told = json.loads(argument)
    settings = read_settings(told["given"])
    logs.set_up(settings.log_format, settings.log_level, worker=told["number"])
    logs.log_uncaught()
    threading.Thread(target=_follow_supervisor, args=(stop,), name="supervisor", daemon=True).start()
    public, admin, *siblings = (socket.socket(fileno=number) for number in told["sockets"])
    sockets = Sockets(public, admin, tuple(siblings))
    leave(serve(settings, sockets, stop, CheckServer(), told["number"], only_when_ready=told["again"]))


def _follow_supervisor(stop: Stop) -> None:
    # Not sys.stdin.read: a buffered reader that is blocked would be fatal when the interpreter ends.
    os.read(sys.stdin.fileno(), 1)
    stop.set()


if __name__ == "__main__":
    main(sys.argv[1])
