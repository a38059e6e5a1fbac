"""Where models run."""

import pytest

from inference.models.execution import Execution, provider, stalls_while_loading


def test_takes_a_provider_that_is_installed() -> None:
    assert provider("cpu") == "cpu"


@pytest.mark.parametrize("name", ["cuda", "openvino"])
def test_names_the_build_argument_that_brings_a_provider(name: str) -> None:
    with pytest.raises(ValueError, match=f"has no .*; build the image with --build-arg ONNXRUNTIME={name}"):
        provider(name)


def test_names_the_providers_that_there_are() -> None:
    with pytest.raises(ValueError, match="give one of cpu, cuda, openvino"):
        provider("tpu")


def test_leaves_to_the_cpu_what_a_provider_cannot_do() -> None:
    assert Execution(2).providers() == [("CPUExecutionProvider", {})]
    cuda = Execution(2, "cuda").providers()
    assert cuda == [("CUDAExecutionProvider", {}), ("CPUExecutionProvider", {})]


def test_openvino_gets_the_threads_that_the_limit_allows() -> None:
    (chosen, _) = Execution(3, "openvino").providers()
    assert chosen == ("OpenVINOExecutionProvider", {"num_of_threads": "3"})


@pytest.mark.parametrize(("version", "stalls"), [("1.24.1", True), ("1.31.0", False), ("2.0.0rc1", False)])
def test_knows_which_onnxruntime_stops_all_else_while_it_loads(version: str, stalls: bool) -> None:
    assert stalls_while_loading(version) is stalls
