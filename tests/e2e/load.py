"""Load from within the cluster: keeps its connections, stops when told, prints what it saw as JSON.

Arguments: URL, connections, pause between requests in seconds, most seconds to run. It stops when
/tmp/stop is there. The last line of its output is `{"requests", "versions", "failures", "longest"}`.
"""

import http.client
import json
import os
import sys
import threading
import time
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

BODY = json.dumps(
    {"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 1, 8, 8], "data": [0.5] * 64}]}
)
PATH = "/v2/models/digits/infer"


class Client:
    """Sends one request after the other on one connection, and notes every one that fails."""

    def __init__(self, url: str, pause: float, until: float) -> None:
        """Speak to the host of `url`."""
        self.versions: Counter[str] = Counter()
        self.failures: list[str] = []
        self.longest = 0.0
        self._address = urlsplit(url).netloc
        self._pause, self._until = pause, until

    def run(self) -> None:
        """Ask until told to stop."""
        connection = http.client.HTTPConnection(self._address, timeout=10)
        while time.monotonic() < self._until and not os.path.exists("/tmp/stop"):
            began = time.monotonic()
            try:
                self.versions[self._ask(connection)] += 1
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                self.failures.append(f"{time.strftime('%H:%M:%S')} {error!r}")
                connection.close()
            self.longest = max(self.longest, time.monotonic() - began)
            time.sleep(self._pause)

    def _ask(self, connection: http.client.HTTPConnection) -> str:
        connection.request("POST", PATH, BODY, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        if response.status != 200:
            raise ValueError(f"{response.status} {answer}")
        return str(answer["model_version"])


def main(url: str, connections: str, pause: str, seconds: str) -> None:
    """Run the clients and print what they saw."""
    until = time.monotonic() + float(seconds)
    clients = [Client(url, float(pause), until) for _ in range(int(connections))]
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    versions = sum((client.versions for client in clients), Counter[str]())
    failures = [failure for client in clients for failure in client.failures]
    longest = round(max(client.longest for client in clients), 3)
    seen = {"requests": versions.total(), "versions": versions, "failures": failures, "longest": longest}
    print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
