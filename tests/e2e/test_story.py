"""The life of a release, in order: each test goes on where the one before it ended."""

import base64
import json
from pathlib import Path

import pytest

from e2e.client import load
from e2e.kube import restarts, until
from e2e.release import Release
from e2e.store import SOURCE


@pytest.fixture(scope="module")
def digits(release: Release) -> Release:
    """Install with two replicas, and the channel at v1, wherever another module has left it."""
    release.store.fetcher("promote", SOURCE, "v1")
    notes = release.install()
    assert "curl $URL/version" in notes
    return release


@pytest.fixture(scope="module")
def picture(bundles: Path) -> tuple[str, str]:
    """Give a picture of a digit, and what it shows."""
    examples = json.loads((bundles / "1/serving.json").read_text())["examples"]
    one = next(example for example in examples if "label" in example)
    return base64.b64encode((bundles / "1" / one["image"]).read_bytes()).decode(), one["label"]


def test_the_address_answers_as_documented(digits: Release, picture: tuple[str, str]) -> None:
    until("the address answers", lambda: digits.ask("/") == "Healthy")
    image, label = picture
    result = digits.ask("/score", {"input": json.dumps([image])})["result"]
    assert result[0][0][0][0] == label
    assert digits.ask("/v2/models/digits")["versions"] == ["v1"]
    assert digits.ask("/version")["version"] == "v1"


def test_every_replica_takes_a_published_version_and_no_request_fails(digits: Release) -> None:
    before = digits.namespace.pods()
    with load(digits.namespace) as seen:
        digits.store.publish("2", "v2")
        digits.all_serve("v2")
    after = digits.namespace.pods()
    assert seen.failures == []
    assert seen.versions.keys() == {"v1", "v2"}
    assert restarts(after) == restarts(before)


def test_a_version_that_does_not_work_never_serves_and_says_why(digits: Release) -> None:
    with load(digits.namespace) as seen:
        digits.store.publish("broken", "v3", "--no-check")
        index = until(
            "v3 is refused",
            lambda: [one for one in digits.ask("/v2/repository/index", {}) if one["version"] == "v3"],
        )
        digits.all_serve("v2")
    assert seen.failures == []
    assert seen.versions.keys() == {"v2"}
    assert index[0]["state"] == "UNAVAILABLE"
    assert "example" in index[0]["reason"]
    pod = digits.namespace.pods()[0]["metadata"]["name"]
    until("the fetcher counts it", lambda: 'refused{model="digits"} 1.0' in digits.metrics(pod))
    log = digits.namespace.kubectl("logs", pod, "--container=fetcher").splitlines()
    assert index[0]["reason"] in [json.loads(line).get("reason") for line in log]


def test_a_rollback_of_the_channel_brings_the_version_before(digits: Release) -> None:
    digits.store.fetcher("rollback", SOURCE)
    digits.store.publish("1", "v4")
    digits.all_serve("v4")
    with load(digits.namespace) as seen:
        digits.store.fetcher("rollback", SOURCE)
        digits.all_serve("v2")
    assert seen.failures == []


def test_an_upgrade_under_load_loses_no_request(digits: Release) -> None:
    before = {pod["metadata"]["name"] for pod in digits.namespace.pods()}
    with load(digits.namespace) as seen:
        digits.install({"podAnnotations": {"example.com/change": "1"}})
    assert seen.failures == []
    assert before.isdisjoint(digits.versions())
    digits.all_serve("v2")


def test_a_changed_secret_rolls_the_pods_at_the_next_upgrade(digits: Release) -> None:
    before = {pod["metadata"]["name"] for pod in digits.namespace.pods()}
    digits.install({"podAnnotations": {"example.com/change": "1"}})
    assert before == {pod["metadata"]["name"] for pod in digits.namespace.pods()}
    digits.secret(digits.store.inside + "QueueEndpoint=http://unused/;")
    digits.install({"podAnnotations": {"example.com/change": "1"}})
    until("new pods alone", lambda: before.isdisjoint(p["metadata"]["name"] for p in digits.namespace.pods()))


def test_a_helm_rollback_under_load_loses_no_request(digits: Release) -> None:
    with load(digits.namespace) as seen:
        digits.namespace.helm("rollback", "digits", "1", "--wait", "--timeout=180s")
        digits.namespace.rollout()
    assert seen.failures == []
    digits.all_serve("v2")


def test_new_pods_come_with_the_right_model(digits: Release) -> None:
    with load(digits.namespace) as seen:
        digits.install({"replicaCount": 3})
        digits.all_serve("v2", pods=3)
    assert seen.failures == []
    assert seen.versions.keys() == {"v2"}
    digits.install()


def test_helm_test_passes(digits: Release) -> None:
    assert "digits v2: probabilities" in digits.namespace.helm("test", "digits", "--logs")


def test_the_name_in_the_cluster_answers(digits: Release) -> None:
    pod = digits.namespace.pods()[0]["metadata"]["name"]
    url = f"http://digits.{digits.namespace.name}.svc/version"
    code = f"import urllib.request as u; print(u.urlopen({url!r}).read().decode())"
    assert '"v2"' in digits.namespace.exec(pod, "inference", "python", "-c", code)


def test_uninstall_leaves_nothing(digits: Release) -> None:
    digits.namespace.helm("uninstall", "digits", "--wait")
    kinds = "all,serviceaccounts,poddisruptionbudgets,configmaps,secrets,ingresses,networkpolicies"
    label = "--selector=app.kubernetes.io/instance=digits"
    until("everything is gone", lambda: digits.namespace.get(kinds, label)["items"] == [])
