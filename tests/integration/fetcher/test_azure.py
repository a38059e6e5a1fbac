"""What only Azure Blob Storage has: its ways to sign in, what it denies, its markers of directories."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from azurite import Container
from blobs import FILES, delivered
from programs import failed, fetcher, last_message, log_lines

WRONG_KEY = base64.b64encode(b"not the key of this account").decode()


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    return tmp_path / "volume"


def sas(azure: Container, permission: ContainerSasPermissions, valid: timedelta) -> str:
    return generate_container_sas(
        azure.account,
        azure.client.container_name,
        account_key=azure.key,
        permission=permission,
        expiry=datetime.now(UTC) + valid,
    )


@pytest.mark.parametrize("method", ["connection-string", "key", "sas"])
def test_signs_in_by_what_is_set_and_says_how_without_the_secret(
    azure: Container, tmp_path: Path, method: str
) -> None:
    azure.publish_files(tmp_path, "v1", FILES)
    token = sas(azure, ContainerSasPermissions(read=True, list=True), timedelta(hours=1))
    env, secret = {
        "connection-string": (azure.env, azure.key),
        "key": ({"AZURE_STORAGE_KEY": azure.key}, azure.key),
        "sas": ({"AZURE_STORAGE_SAS_TOKEN": f"?{token}\n"}, token.rpartition("sig=")[2]),
    }[method]
    endpoint = () if method == "connection-string" else ("--endpoint", azure.endpoint)
    done = fetcher(
        "fetch", azure.url, "--volume", tmp_path / "volume", *endpoint, "--log-level", "debug", env=env
    )
    assert done.returncode == 0, done.stderr
    (told,) = [line for line in log_lines(done.stderr) if line["message"] == "sign in"]
    assert (told["auth"], told["endpoint"]) == (method, azure.endpoint)
    assert secret not in done.stderr + done.stdout
    assert delivered(tmp_path / "volume") == FILES


@pytest.fixture
def public(azure: Container) -> Container:
    """A container that anybody may read."""
    azure.client.set_container_access_policy(signed_identifiers={}, public_access="container")
    return azure


def test_a_public_container_needs_no_sign_in(public: Container, tmp_path: Path) -> None:
    public.publish_files(tmp_path, "v1", FILES)
    args = ("--volume", tmp_path / "volume", "--endpoint", public.endpoint, "--auth", "anonymous")
    done = fetcher("fetch", public.url, *args)
    assert done.returncode == 0, done.stderr
    assert delivered(tmp_path / "volume") == FILES


def test_a_wrong_key_is_denied_with_the_cure_and_is_not_told(azure: Container, volume: Path) -> None:
    env = {"AZURE_STORAGE_KEY": WRONG_KEY}
    done = fetcher("fetch", azure.url, "--volume", volume, "--endpoint", azure.endpoint, env=env)
    assert done.returncode == 4
    assert last_message(done).endswith("check AZURE_STORAGE_KEY")
    assert WRONG_KEY not in done.stderr
    text = azure.connection_string.replace(azure.key, WRONG_KEY)
    said = failed(4, "versions", azure.url, env={"AZURE_STORAGE_CONNECTION_STRING": text})
    assert said.endswith("check AZURE_STORAGE_CONNECTION_STRING")
    assert WRONG_KEY not in said


def test_a_key_that_is_not_base64_is_denied_with_the_cure(azure: Container) -> None:
    env = {"AZURE_STORAGE_KEY": "not base64!"}
    said = failed(4, "versions", azure.url, "--endpoint", azure.endpoint, env=env)
    assert said.endswith("check AZURE_STORAGE_KEY")
    assert "not base64!" not in said


@pytest.mark.parametrize(
    ("minutes", "code"), [(-5, "AuthenticationFailed"), (5, "AuthorizationPermissionMismatch")]
)
def test_a_sas_that_has_expired_or_does_not_permit_it_is_denied(
    azure: Container, tmp_path: Path, minutes: int, code: str
) -> None:
    token = generate_container_sas(
        azure.account,
        azure.client.container_name,
        account_key=azure.key,
        permission=ContainerSasPermissions(read=True, list=True),
        start=datetime.now(UTC) - timedelta(hours=1),
        expiry=datetime.now(UTC) + timedelta(minutes=minutes),
    )
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle/model.onnx").write_bytes(b"x")
    args = ("publish", tmp_path / "bundle", azure.url, "--no-check", "--endpoint", azure.endpoint)
    said = failed(4, *args, env={"AZURE_STORAGE_SAS_TOKEN": token})
    assert said.endswith("check that AZURE_STORAGE_SAS_TOKEN has not expired and permits this")
    assert token.rpartition("sig=")[2] not in said
    assert azure.names() == []


def test_a_private_container_is_denied_to_anonymous(azure: Container, volume: Path) -> None:
    args = ("--volume", volume, "--endpoint", azure.endpoint, "--auth", "anonymous")
    said = failed(4, "fetch", azure.url, *args)
    assert said.endswith("the container is not public: set one of the AZURE_STORAGE_… variables")


def test_a_method_without_its_variable_is_denied_with_the_cure(azure: Container, volume: Path) -> None:
    said = failed(4, "fetch", azure.url, "--volume", volume, "--auth", "sas")
    assert said == "--auth sas needs AZURE_STORAGE_SAS_TOKEN: set it, or choose another method"


def test_the_markers_of_a_hierarchical_namespace_are_no_files(azure: Container, volume: Path) -> None:
    for path, data in FILES.items():
        azure.upload(path, data)
    azure.client.upload_blob("models/digits/marker", b"", metadata={"hdi_isfolder": "true"})
    assert fetcher("fetch", azure.url, "--volume", volume, env=azure.env).returncode == 0
    assert delivered(volume) == FILES
