"""MLServer with the runtime of model.py. One process: it infers itself; several: in so many workers."""

import json
import os
import sys
import tempfile
from pathlib import Path

from mlserver.cli import main


def start() -> None:
    """Write the two files of settings, and start."""
    processes = int(os.environ["PROCESSES"])
    here = str(Path(__file__).parent)
    os.environ["PYTHONPATH"] = here
    sys.path.insert(0, here)
    settings = {
        "host": "127.0.0.1",
        "http_port": int(os.environ["PORT"]),
        "grpc_port": 0,
        "metrics_endpoint": None,
        "parallel_workers": processes if processes > 1 else 0,
        "debug": False,
    }
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "settings.json").write_text(json.dumps(settings))
        served = {"name": "model", "implementation": "model.Served"}
        Path(directory, "model-settings.json").write_text(json.dumps(served))
        sys.argv = ["mlserver", "start", directory]
        main()


if __name__ == "__main__":
    start()  # the workers of MLServer import this file again
