"""What scripts/deploy.py tells about a deploy; deploying itself is in test_release.py."""

from deploy import State, images, report

MANIFEST = """
      containers:
        - name: inference
          image: "registry/inference:1@sha256:aa"
        - image: registry/fetcher:1
          name: fetcher
        - name: again
          image: "registry/inference:1@sha256:aa"
"""


def test_every_image_is_named_once() -> None:
    assert images(MANIFEST) == ("registry/fetcher:1", "registry/inference:1@sha256:aa")


def test_a_changed_image_stands_beside_the_one_before() -> None:
    told = report("digits", State(1, ("a:1", "b:1"), "x: 1\n"), State(2, ("a:2", "b:1"), "x: 2\n"))
    assert "| `a:1` | `a:2` |" in told
    assert "b:1" not in told
    assert "-x: 1" in told
    assert "+x: 2" in told


def test_nothing_changed_is_said_too() -> None:
    same = State(1, ("a:1",), "x: 1\n")
    told = report("digits", same, same)
    assert "| the same | the same |" in told
    assert "(the same)" in told


def test_a_first_deploy_has_nothing_before() -> None:
    told = report("digits", State(), State(1, ("a:1",), ""))
    assert "|  | `a:1` |" in told
