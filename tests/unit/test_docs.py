"""The docs say what the programs say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Words of Azure, not ours.
FOREIGN = {"AADSTS70021"}
PAGES = [Path("README.md"), *sorted(path.relative_to(ROOT) for path in ROOT.glob("docs/*.md"))]


def test_the_reference_pages_are_those_of_the_programs() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/reference.py", "--check"], text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr


def test_troubleshooting_quotes_what_the_programs_say() -> None:
    headings = set(re.findall(r"^### `(.+)`$", (ROOT / "docs/troubleshooting.md").read_text(), re.MULTILINE))
    sources = "".join(path.read_text() for path in ROOT.glob("*/src/**/*.py"))
    # A sentence may be written over two lines of code.
    said = re.sub(r'"\s*\n\s*f?"', "", sources)
    assert {heading for heading in headings - FOREIGN if heading not in said} == set()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    text = (ROOT / page).read_text()
    targets = [link.partition("#")[0] for link in re.findall(r"\]\((?!https?:)([^)]+)\)", text)]
    assert [t for t in targets if t and not (ROOT / page.parent / t).exists()] == []
