"""docs/azure.md and the template: what can be checked of them without a subscription."""

import re
import subprocess
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


def test_the_template_is_bicep() -> None:
    def errors(node: Node) -> list[str]:
        here = [f"line {node.start_point.row + 1}: {node.text!r}"] if node.is_error or node.is_missing else []
        return here + [error for child in node.children for error in errors(child)]

    assert errors(Parser(Language(tree_sitter_bicep.language())).parse(BICEP).root_node) == []


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
