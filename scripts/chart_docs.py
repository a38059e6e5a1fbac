"""Write chart/values.schema.json and the tables of chart/README.md from the comments in chart/values.yaml.

`# -- text` above a key describes it, `# @schema {…}` is merged into its JSON schema, `# @section Title`
starts a table. A map with a default is closed (an unknown key is an error), unless its schema says
`"open": true`; an empty map takes any key. With `--check` nothing is written; exit 1 says what is stale.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parent.parent / "chart"
BEGIN, END = "<!-- values: begin -->", "<!-- values: end -->"
KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z]\w*):")
TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


@dataclass(frozen=True, slots=True)
class Comment:
    """What the lines above one key say about it."""

    section: str
    text: str = ""
    schema: dict[str, Any] = field(default_factory=dict)


def comments(lines: list[str]) -> dict[tuple[str, ...], Comment]:
    """Read the comments of every key, by its path, from the lines of values.yaml."""
    found: dict[tuple[str, ...], Comment] = {}
    section, text, schema = "", "", {}
    path: list[str] = []
    for line in lines:
        stripped = line.strip()
        if stripped.startswith("# @section "):
            section = stripped.removeprefix("# @section ")
        elif stripped.startswith("# -- "):
            text = stripped.removeprefix("# -- ")
        elif stripped.startswith("# @schema "):
            schema = json.loads(stripped.removeprefix("# @schema "))
        elif match := KEY.match(line):
            path = [*path[: len(match["indent"]) // 2], match["key"]]
            found[tuple(path)] = Comment(section, text, schema)
            text, schema = "", {}
    return found


def schema_of(value: Any, path: tuple[str, ...], known: dict[tuple[str, ...], Comment]) -> dict[str, Any]:
    """Return the JSON schema of one value; its type is that of the default."""
    comment = known.get(path, Comment(""))
    extra = dict(comment.schema)
    is_open = extra.pop("open", False) or value == {}
    schema: dict[str, Any] = {"type": TYPES[type(value)]}
    if comment.text:
        schema["description"] = comment.text
    if isinstance(value, dict) and not is_open:
        schema["additionalProperties"] = False
        schema["properties"] = {key: schema_of(child, (*path, key), known) for key, child in value.items()}
    if isinstance(value, dict) and is_open:
        # A null takes a default away, so an open object with defaults may be null as a whole.
        schema["type"] = ["object", "null"]
    return schema | extra


def leaves(
    value: Any, path: tuple[str, ...], known: dict[tuple[str, ...], Comment]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield path and default of each documented value; an undocumented one is an error."""
    if path and known[path].text:
        yield path, value
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from leaves(child, (*path, key), known)
    else:
        raise SystemExit(f"chart/values.yaml: {'.'.join(path)} has no `# --` line; write one")


def cell(text: str) -> str:
    """Escape what would end a cell of a Markdown table."""
    return text.replace("|", "\\|")


def tables(values: dict[str, Any], known: dict[tuple[str, ...], Comment]) -> str:
    """Render one Markdown table a section."""
    out: list[str] = []
    section = ""
    for path, default in leaves(values, (), known):
        comment = known[path]
        if comment.section != section:
            section = comment.section
            out += ["", f"### {section}", "", "| Value | Default | Meaning |", "|---|---|---|"]
        shown = json.dumps(default, ensure_ascii=False)
        out.append(f"| `{'.'.join(path)}` | `{cell(shown)}` | {cell(comment.text)} |")
    return "\n".join([*out, ""])


def generated() -> dict[Path, str]:
    """Return what the generated files should hold."""
    text = (CHART / "values.yaml").read_text()
    values, known = yaml.safe_load(text), comments(text.splitlines())
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", **schema_of(values, (), known)}
    readme = CHART / "README.md"
    head, _, rest = readme.read_text().partition(BEGIN)
    tail = rest.partition(END)[2]
    return {
        CHART / "values.schema.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n",
        readme: f"{head}{BEGIN}\n{tables(values, known)}\n{END}{tail}",
    }


def main(args: list[str]) -> int:
    """Write the files, or with `--check` say which are stale."""
    stale = {
        path: text for path, text in generated().items() if not path.exists() or path.read_text() != text
    }
    for path, text in stale.items():
        if "--check" in args:
            print(f"{path.relative_to(CHART.parent)} is stale: run `make chart-docs`", file=sys.stderr)
        else:
            path.write_text(text)
    return 1 if stale and "--check" in args else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
