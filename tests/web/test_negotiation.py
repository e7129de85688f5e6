"""Form and language by the asker's preferences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.web.negotiation import language_wanted, wants_json

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/json", True),
        ("APPLICATION/JSON; charset=utf-8", True),
        ("application/json, text/plain, */*", True),
        ("application/json;q=0.9, text/html;q=0.5", True),
        ("application/json;q=0.5, text/html", False),
        ("application/json, text/html", False),
        ("application/json;q=0", False),
        ("application/json;q=nonsense", False),
        (BROWSER, False),
        ("*/*", False),
        ("", False),
    ],
)
def test_json_is_for_those_who_want_it_most(accept: str, expected: bool) -> None:
    assert wants_json(accept) is expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("", "ru"),
        ("ru", "ru"),
        ("en", "en"),
        ("en-US,en;q=0.9", "en"),
        ("ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        ("en;q=0.8,ru;q=0.9", "ru"),
        ("de-DE,de;q=0.9,en;q=0.3", "en"),
        ("de", "ru"),
        ("*", "ru"),
        ("en;q=0", "ru"),
        ("enm", "ru"),
    ],
)
def test_the_language_that_is_wanted_most(wanted: str, expected: str) -> None:
    assert language_wanted(wanted) == expected


@given(st.text(max_size=200))
def test_any_header_is_understood_somehow(header: str) -> None:
    assert wants_json(header) in (True, False)
    assert language_wanted(header) in ("ru", "en")
