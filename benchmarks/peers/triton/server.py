"""Triton Inference Server with the model of model.py: the program itself, without PyTriton's proxy.

Each of the PROCESSES is an instance of the model: a process of the Python backend, fed by one tritonserver.
"""

import ctypes
import os
import shutil
import sys
import sysconfig
from pathlib import Path

import onnxruntime
import pytriton

PACKAGE = Path(pytriton.__file__).parent
SERVER = PACKAGE / "tritonserver"
HERE = Path(__file__).parent
REPOSITORY = Path(sys.prefix, "model-repository")
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
CONFIG = """\
backend: "python"
max_batch_size: 0
input {{ name: "{input.name}" data_type: TYPE_FP32 dims: {input_dims} }}
output {{ name: "{output.name}" data_type: TYPE_FP32 dims: {output_dims} }}
instance_group {{ kind: KIND_CPU count: {count} }}
"""


def repository() -> None:
    """Write the model repository: the configuration, and version 1 of the model."""
    shutil.rmtree(REPOSITORY, ignore_errors=True)
    session = onnxruntime.InferenceSession(os.environ["MODEL"], providers=["CPUExecutionProvider"])
    (given,), (output,) = session.get_inputs(), session.get_outputs()
    config = CONFIG.format(
        input=given,
        input_dims=dims(given.shape),
        output=output,
        output_dims=dims(output.shape),
        count=os.environ["PROCESSES"],
    )
    (REPOSITORY / "model/1").mkdir(parents=True)
    (REPOSITORY / "model/config.pbtxt").write_text(config)
    (REPOSITORY / "model/1/model.py").symlink_to(HERE / "model.py")


def dims(shape: list[int | str]) -> list[int]:
    return [size if isinstance(size, int) else -1 for size in shape]


def backend() -> None:
    """Put the backend's program for this Python where the backend looks for it, as PyTriton does."""
    place = SERVER / "backends/python/triton_python_backend_stub"
    place.unlink(missing_ok=True)
    place.symlink_to(SERVER / "python_backend_stubs" / VERSION / place.name)


def libraries() -> str:
    """The directories of the package's libraries and of libpython, which the backend's program links to."""
    name, own = f"libpython{VERSION}.so.1.0", Path(sysconfig.get_config_var("LIBDIR"))
    if not (own / name).exists():
        try:
            ctypes.CDLL(name)
        except OSError:
            sys.exit(f"Triton's Python backend needs {name}: install it, in Debian as libpython{VERSION}.")
    return f"{PACKAGE.parent / 'nvidia_pytriton.libs'}:{own}"


def start() -> None:
    """Write what Triton reads, and become Triton."""
    repository()
    backend()
    words = {
        "model-repository": REPOSITORY,
        "backend-directory": SERVER / "backends",
        "http-address": "127.0.0.1",
        "http-port": os.environ["PORT"],
        "allow-grpc": "false",
        "allow-metrics": "false",
        "log-info": "false",
    }
    os.environ["LD_LIBRARY_PATH"] = libraries()
    program = SERVER / "bin/tritonserver"
    os.execv(program, [str(program), *(f"--{name}={value}" for name, value in words.items())])


if __name__ == "__main__":
    start()
