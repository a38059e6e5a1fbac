"""Ask the service as a client would, and exit 1 where the answer is not right."""

import json
import math
import os
import re
import sys
import time
import urllib.error
import urllib.request

URL = os.environ["URL"]
ZERO = {"BOOL": False, "BYTES": ""}


def ask(path: str, body: str = "") -> str:
    """Send one request; an error status is an error."""
    request = urllib.request.Request(URL + path, data=body.encode() or None)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def zeros(tensor: dict) -> dict:
    """Make an input of zeros; a dimension that is free is 1."""
    shape = [max(1, size) for size in tensor["shape"]]
    data = [ZERO.get(tensor["datatype"], 0)] * math.prod(shape)
    return {"name": tensor["name"], "datatype": tensor["datatype"], "shape": shape, "data": data}


def infer(model: str) -> None:
    """Ask one model for an inference on zeros, and compare the answer with its metadata."""
    metadata = json.loads(ask(f"/v2/models/{model}"))
    body = json.dumps({"inputs": [zeros(tensor) for tensor in metadata["inputs"]]})
    answer = json.loads(ask(f"/v2/models/{model}/infer", body))
    outputs = {tensor["name"]: tensor for tensor in answer["outputs"]}
    for expected in metadata["outputs"]:
        found = outputs[expected["name"]]
        if found["datatype"] != expected["datatype"] or len(found["data"]) != math.prod(found["shape"]):
            raise ValueError(f"output {found['name']} of {model} is not what the metadata says: {found}")
    print(f"{model} {answer.get('model_version', '')}: {', '.join(outputs)}")


def check() -> None:
    """Run the request that the values name, or an inference for every model that serves."""
    if path := os.environ.get("REQUEST_PATH"):
        answer = ask(path, os.environ.get("REQUEST_BODY", ""))
        expected = os.environ.get("EXPECT", "")
        if not re.search(expected, answer):
            raise ValueError(f"{path} answered {answer[:500]!r}, which does not match {expected!r}")
        print(f"{path}: {answer[:500]}")
        return
    index = json.loads(ask("/v2/repository/index", "{}"))
    ready = sorted({model["name"] for model in index if model["state"] == "READY"})
    if not ready:
        raise ValueError(f"no model serves: {index}")
    for name in ready:
        infer(name)


def main() -> int:
    """Try for half a minute: a load balancer may need a moment."""
    deadline = time.monotonic() + 30
    while True:
        try:
            check()
        except (OSError, ValueError, KeyError) as error:
            detail = error.read().decode()[:500] if isinstance(error, urllib.error.HTTPError) else ""
            print(f"{URL}: {error} {detail}", file=sys.stderr)
            if time.monotonic() > deadline:
                return 1
            time.sleep(2)
        else:
            return 0


if __name__ == "__main__":
    sys.exit(main())
