"""docs/azure.md and the template: what can be checked of them without a subscription."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

from pipelines.test_workflows import TARGETS

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/azure.md").read_text()
COMMANDS = "\n".join(re.findall(r"```bash\n(.*?)```", GUIDE, re.S))
BICEP = (ROOT / "deploy/azure/main.bicep").read_bytes()


def test_the_commands_are_sound_shell_and_use_no_variable_before_it_is_set(tmp_path: Path) -> None:
    script = tmp_path / "guide.sh"
    script.write_text(f"#!/usr/bin/env bash\n{COMMANDS}")
    done = subprocess.run(["shellcheck", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_commands_call_what_is_there() -> None:
    assert set(re.findall(r"^make ([a-z][a-z-]*)", COMMANDS, re.M)) <= TARGETS
    named = set(re.findall(r"\b(?:scripts|deploy/azure|examples/digits)/[a-z0-9-]+\.[a-z]+", COMMANDS))
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


def syntax() -> Iterator[Node]:
    """Every node of the template's syntax."""
    nodes = [Parser(Language(tree_sitter_bicep.language())).parse(BICEP).root_node]
    while nodes:
        node = nodes.pop()
        yield node
        nodes += node.children


def test_the_template_is_bicep() -> None:
    assert [f"line {n.start_point.row + 1}" for n in syntax() if n.is_error or n.is_missing] == []


def test_the_template_uses_every_name_that_it_declares_and_no_other() -> None:
    given, used = set(), set()
    for node in syntax():
        names = [child for child in node.children if child.type == "identifier"]
        declares = node.type in {"parameter_declaration", "variable_declaration"}
        if declares or node.type in {"resource_declaration", "output_declaration"}:
            given |= {names[0].text} if declares else set()
            names = names[1:]
        elif node.type == "object_property" and node.children[0].type == "identifier":
            names = names[1:]  # the first is the key
        used |= {name.text for name in names} if node.type != "call_expression" else set()
    resources = {n.children[1].text for n in syntax() if n.type == "resource_declaration"}
    assert given <= used <= given | resources


def test_the_template_makes_what_the_commands_make() -> None:
    template = BICEP.decode()
    for command, resource in {
        "acr create": "ContainerRegistry/registries@",
        "aks create": "ContainerService/managedClusters@",
        "storage account create": "Storage/storageAccounts@",
        "storage container-rm create": "'containers'",
        "identity create": "ManagedIdentity/userAssignedIdentities@",
        "identity federated-credential create": "'federatedIdentityCredentials'",
        "role assignment create": "Authorization/roleAssignments@",
    }.items():
        assert f"az {command}" in COMMANDS
        assert resource in template


def test_all_that_the_guide_makes_goes_with_one_command() -> None:
    assert 'az group delete --name "$RESOURCE_GROUP"' in COMMANDS
