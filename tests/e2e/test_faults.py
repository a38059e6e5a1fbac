"""What goes wrong: containers and pods die, the store is away, the sign-in is wrong. In order."""

from typing import Any

import pytest

from e2e.client import CONNECTIONS, load
from e2e.kube import ready, restarts, until
from e2e.release import Release
from e2e.store import SOURCE, connection_string

END = "import os; os.kill(1, 15)"
"""Ends the first process of a container."""
AT_ONCE = 3 * CONNECTIONS
"""So many requests may fail when a pod is gone without a word: those on their way, and the first retries."""


@pytest.fixture(scope="module")
def digits(release: Release) -> Release:
    """Install with two replicas, the newest version being v10."""
    release.store.publish("1", "v10")
    release.install()
    release.all_serve("v10")
    return release


def restarted(release: Release, before: dict[str, int], container: str) -> bool:
    """Say whether a container has come back."""
    now = restarts(release.namespace.pods())
    more = [name for name, count in now.items() if name.endswith(container) and count > before.get(name, 0)]
    return bool(more) and sum(map(ready, release.namespace.pods())) == 2


def test_the_service_stays_when_a_server_ends(digits: Release) -> None:
    before = restarts(digits.namespace.pods())
    with load(digits.namespace) as seen:
        digits.namespace.exec(
            digits.namespace.pods()[0]["metadata"]["name"], "inference", "python", "-c", END
        )
        until("it is back", lambda: restarted(digits, before, "inference"))
    assert len(seen.failures) <= AT_ONCE, seen.failures
    digits.all_serve("v10")


def test_no_request_fails_when_a_fetcher_ends_and_the_next_version_still_comes(digits: Release) -> None:
    before = restarts(digits.namespace.pods())
    with load(digits.namespace) as seen:
        digits.namespace.exec(digits.namespace.pods()[0]["metadata"]["name"], "fetcher", "python", "-c", END)
        until("it is back", lambda: restarted(digits, before, "fetcher"))
        digits.store.publish("2", "v11")
        digits.all_serve("v11")
    assert seen.failures == []


def test_no_request_fails_when_a_pod_is_deleted(digits: Release) -> None:
    with load(digits.namespace) as seen:
        digits.namespace.kubectl("delete", "pod", digits.namespace.pods()[0]["metadata"]["name"])
        digits.namespace.rollout()
    assert seen.failures == []
    digits.all_serve("v11")


def test_the_service_stays_when_a_pod_is_gone_at_once(digits: Release) -> None:
    name = digits.namespace.pods()[0]["metadata"]["name"]
    with load(digits.namespace) as seen:
        digits.namespace.kubectl("delete", "pod", name, "--grace-period=0", "--force")
        digits.namespace.rollout()
    assert len(seen.failures) <= AT_ONCE, seen.failures
    digits.all_serve("v11")


def test_pods_go_on_serving_while_the_store_is_away_and_follow_it_afterwards(digits: Release) -> None:
    pod = digits.namespace.pods()[0]["metadata"]["name"]
    with load(digits.namespace) as seen:
        with digits.store.down():
            until(
                "the fetcher fails", lambda: 'fetch_failures{model="digits"} 0.0' not in digits.metrics(pod)
            )
            digits.namespace.exec(pod, "fetcher", "python", "-c", END)
            until("the fetcher is back", lambda: all(map(ready, digits.namespace.pods())))
            digits.all_serve("v11")
        digits.store.publish("1", "v12")
        digits.all_serve("v12")
    assert seen.failures == []


def reason(release: Release) -> str:
    """Return what the pods' status says of the last end of a fetcher."""
    statuses: list[dict[str, Any]] = [
        status
        for pod in release.namespace.pods()
        for status in pod["status"].get("initContainerStatuses", [])
    ]
    ends = [
        status.get(state, {}).get("terminated") for status in statuses for state in ("state", "lastState")
    ]
    return " ".join(end.get("message", "") for end in ends if end)


def test_a_wrong_sign_in_is_told_in_the_status_of_the_pod_and_mends_itself(digits: Release) -> None:
    digits.namespace.helm("uninstall", "digits", "--wait")
    right = digits.store.inside
    digits.secret(right.replace("AccountKey=Eby8", "AccountKey=AAAA"))
    digits.install(timeout="2s", fails=True)
    told = until("the status says why", lambda: reason(digits), seconds=60)
    assert "AZURE_STORAGE_CONNECTION_STRING" in told
    assert "AZURE_STORAGE_CONNECTION_STRING" in digits.namespace.kubectl("describe", "pods")
    digits.secret(right)
    digits.namespace.rollout()
    digits.all_serve("v12")


def test_a_store_that_cannot_be_reached_is_told_in_the_status_of_the_pod(digits: Release) -> None:
    digits.namespace.helm("uninstall", "digits", "--wait")
    digits.secret(connection_string("nobody.invalid:10000"))
    digits.install(timeout="2s", fails=True)
    told = until("the status says why", lambda: reason(digits), seconds=90)
    assert "nobody.invalid" in told or "channels/stable.json" in told


def test_a_model_that_is_not_published_is_told_in_the_status_of_the_pod_and_served_once_it_is(
    digits: Release,
) -> None:
    digits.namespace.helm("uninstall", "digits", "--wait")
    digits.secret(digits.store.inside)
    source = f"{SOURCE}-next"
    digits.install({"model": {"source": source}}, timeout="2s", fails=True)
    told = until("the status says why", lambda: reason(digits), seconds=90)
    assert "digits-next" in told
    digits.store.publish("2", "v1", source=source)
    digits.namespace.rollout()
    digits.all_serve("v1")
