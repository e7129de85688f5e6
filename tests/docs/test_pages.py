"""The pages themselves: links lead somewhere, decisions are whole, and nothing tells where they were written."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

import pytest
from pages import DOCS, ROOT, anchors, every_page, links, page, project_files, read


@pytest.mark.parametrize("path", every_page(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_resolve(path):
    broken = []
    for link in links(path):
        target = urlsplit(link)
        if target.scheme:
            continue
        file = (path.parent / unquote(target.path)).resolve() if target.path else path
        if not file.exists() or (target.fragment and unquote(target.fragment) not in anchors(file)):
            broken.append(link)
    assert broken == []


def test_every_page_can_be_reached_from_the_readme():
    reached = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in reached:
            continue
        reached.add(path)
        for link in links(path):
            file = (path.parent / unquote(urlsplit(link).path)).resolve()
            if file.suffix == ".md" and file.is_file():
                waiting.append(file)
    assert {path for path in every_page() if path not in reached} == set()


DECISIONS = sorted((DOCS / "adr").glob("0*.md"))


def test_decisions_are_numbered_without_gaps():
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_decisions_have_all_their_parts(path):
    text = read(path)
    number = int(path.name[:4])
    assert text.startswith(f"# {number}. ")
    assert re.search(r"^Status: (accepted|superseded by .+), \d{4}-\d\d-\d\d$", text, re.MULTILINE)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    consequences = text.partition("## Consequences\n")[2]
    assert "- Good: " in consequences
    assert "- Bad: " in consequences


def test_the_index_lists_every_decision_by_its_title():
    titles = {path.name: read(path).splitlines()[0].partition(". ")[2] for path in DECISIONS}
    listed = dict(re.findall(r"^\| \[\d+\]\((.+?)\) \| (.+?) \|$", page("adr/index.md"), re.MULTILINE))
    assert listed == titles


# Spelt apart, so that this file does not find itself.
FOREIGN = re.compile("|".join(["/wo" + "rk/", "/tmp/pl" + "an", "/opt/py" + "pi", "/opt/wh" + "eels"]))


def test_no_file_names_a_place_outside_the_project():
    found = []
    for path in project_files():
        text = path.read_bytes().decode("utf-8", "replace")
        found += [f"{path.relative_to(ROOT)}: {match}" for match in FOREIGN.findall(text)]
    assert found == []
