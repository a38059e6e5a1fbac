"""How onnxruntime runs models: on which device, with how many threads."""

from dataclasses import dataclass

import onnxruntime

# onnxruntime's own default, which can do all that another provider leaves to it.
DEFAULT = "CPUExecutionProvider"
PROVIDERS = {"cpu": DEFAULT, "cuda": "CUDAExecutionProvider", "openvino": "OpenVINOExecutionProvider"}
# Older ones hold Python's lock for as long as a model loads (github.com/microsoft/onnxruntime, issue 27063).
_LOADS_BESIDE = (1, 31)


@dataclass(frozen=True, slots=True)
class Execution:
    """Threads within one run, and a key of `PROVIDERS`."""

    threads: int
    provider: str = "cpu"

    def providers(self) -> list[tuple[str, dict[str, str]]]:
        """Return onnxruntime's providers with their options, the first choice first."""
        # OpenVINO has threads of its own, and takes a core each, whatever the limit is.
        options = {"num_of_threads": str(self.threads)} if self.provider == "openvino" else {}
        chosen = (PROVIDERS[self.provider], options)
        return [chosen] if self.provider == "cpu" else [chosen, (DEFAULT, {})]


def provider(text: str) -> str:
    """Read the name of a provider that the installed onnxruntime has; raises ValueError with the cure."""
    if text not in PROVIDERS:
        raise ValueError(f"give one of {', '.join(PROVIDERS)}")
    if PROVIDERS[text] not in onnxruntime.get_available_providers():
        raise ValueError(
            f"the installed onnxruntime {onnxruntime.__version__} has no {PROVIDERS[text]}; "
            f"build the image with --build-arg ONNXRUNTIME={text}"
        )
    return text


def find_libraries(provider: str) -> None:
    """Load CUDA's libraries from the packages that the image has them in; onnxruntime looks elsewhere."""
    if provider == "cuda":
        onnxruntime.preload_dlls()


def stalls_while_loading(version: str = onnxruntime.__version__) -> bool:
    """Tell whether everything else stands still while this onnxruntime loads a model."""
    return tuple(int(part) for part in version.split(".")[:2]) < _LOADS_BESIDE
