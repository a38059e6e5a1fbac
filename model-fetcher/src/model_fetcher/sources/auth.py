"""How to sign in, whatever the store: chosen by what is set, overridable, never telling the secret."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model_fetcher.errors import AccessDenied

METHODS = ("auto", "connection-string", "key", "sas", "workload-identity", "default", "anonymous")

Needs = Mapping[str, tuple[str, ...]]
"""The methods that a kind of store has, in the order of choice, each with the variables that it needs."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """Where the store is and what to present there."""

    method: str
    endpoint: str
    credential: Any = None

    def __repr__(self) -> str:
        """The method only: the credential may be a secret."""
        return f"SignIn({self.method}, {self.endpoint})"


def choose(needs: Needs, env: Mapping[str, str], method: str = "auto") -> str:
    """The method that `auto` means: the first whose variables are set, else `default`.

    Raises AccessDenied that names the variables missing for a method asked for by name, or the methods
    that there are.
    """
    if method == "auto":
        return next((name for name, names in needs.items() if names and all(map(env.get, names))), "default")
    if method not in needs:
        raise AccessDenied(
            f"--auth {method} is not for this kind of store: choose {', '.join(needs)} or auto"
        )
    if missing := [name for name in needs[method] if not env.get(name)]:
        raise AccessDenied(f"--auth {method} needs {' and '.join(missing)}: set it, or choose another method")
    return method
