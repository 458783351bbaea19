"""The documents name files that are there."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
NAMED = re.compile(r"`((?:contracts|docs|scripts|sequencer|sp1_program|tests)/[\w./-]+)`")
NOT_COMMITTED = {"contracts/node_modules"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_path_in_a_document_exists(document: Path) -> None:
    named = set(NAMED.findall(document.read_text())) - NOT_COMMITTED
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_threat_has_a_test() -> None:
    lines = (ROOT / "docs" / "security.md").read_text().splitlines()
    rows = [line for line, below in pairwise(lines) if line.startswith("| ") and not below.startswith("|---")]
    assert rows
    assert [row for row in rows if not NAMED.search(row)] == []
