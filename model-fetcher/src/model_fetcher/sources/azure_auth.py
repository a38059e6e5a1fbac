"""How to sign in to Azure Storage."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from model_fetcher.errors import AccessDenied, FetcherError
from model_fetcher.sources.auth import Needs, SignIn, choose

CONNECTION_STRING = "AZURE_STORAGE_CONNECTION_STRING"
KEY = "AZURE_STORAGE_KEY"
SAS = "AZURE_STORAGE_SAS_TOKEN"
WORKLOAD = ("AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_ID", "AZURE_TENANT_ID")

NEEDS: Needs = {
    "connection-string": (CONNECTION_STRING,),
    "key": (KEY,),
    "sas": (SAS,),
    "workload-identity": WORKLOAD,
    "default": (),
    "anonymous": (),
}


def sign_in(account: str, env: Mapping[str, str], method: str = "auto", endpoint: str = "") -> SignIn:
    """Sign in to `account`; the endpoint is Azure's public one unless given or in the connection string."""
    method = choose(NEEDS, env, method)
    if method == "connection-string":
        return _from_connection_string(account, env[CONNECTION_STRING], endpoint)
    endpoint = endpoint or f"https://{account}.blob.core.windows.net"
    return SignIn(method, endpoint, _credential(method, account, env))


def _credential(method: str, account: str, env: Mapping[str, str]) -> Any:
    if method == "key":
        return {"account_name": account, "account_key": env[KEY].strip()}
    if method == "sas":
        return _sas(env[SAS])
    if method == "anonymous":
        return None
    # Imported late: azure-identity costs a third of a second and 20 MiB that a key does not need.
    from azure.identity import DefaultAzureCredential, WorkloadIdentityCredential

    # The default chain asks a metadata server first and waits for it; where the variables of workload
    # identity are set, there is nothing to search for.
    return WorkloadIdentityCredential() if method == "workload-identity" else DefaultAzureCredential()


def _sas(token: str) -> Any:
    # Imported late: `--help` and directories as stores do not pay for the Azure SDK.
    from azure.core.credentials import AzureSasCredential

    return AzureSasCredential(token.strip().lstrip("?"))


def _from_connection_string(account: str, text: str, endpoint: str) -> SignIn:
    fields = dict(part.split("=", 1) for part in text.strip().strip(";").split(";") if "=" in part)
    known = {name.lower(): value for name, value in fields.items()}
    if known.get("usedevelopmentstorage") == "true":
        raise FetcherError(f"{CONNECTION_STRING} is a shortcut for the emulator: give the full string")
    endpoint = endpoint or known.get("blobendpoint", "") or _public(account, known)
    owner = known.get("accountname") or (urlsplit(endpoint).hostname or "").split(".")[0]
    if owner != account:
        raise AccessDenied(f"{CONNECTION_STRING} is for account {owner!r}, the source names {account!r}")
    if key := known.get("accountkey"):
        credential: Any = {"account_name": account, "account_key": key}
    elif sas := known.get("sharedaccesssignature"):
        credential = _sas(sas)
    else:
        raise AccessDenied(f"{CONNECTION_STRING} holds neither AccountKey nor SharedAccessSignature")
    return SignIn("connection-string", endpoint.rstrip("/"), credential)


def _public(account: str, known: Mapping[str, str]) -> str:
    scheme = known.get("defaultendpointsprotocol", "https")
    return f"{scheme}://{account}.blob.{known.get('endpointsuffix', 'core.windows.net')}"
