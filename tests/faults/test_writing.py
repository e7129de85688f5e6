"""Rules as they are written: read, spelt again, and refused with the name of the key that is to blame."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.faults import (
    CATALOGUE,
    CONDITIONS,
    KEYS,
    PARAMETERS,
    Attempt,
    FaultError,
    What,
    parse_fault,
    spell_fault,
)

_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "delay": st.sampled_from(["1ms", "250ms", "3s", "1h"]),
    "pause": st.sampled_from(["0ms", "1ms", "2s"]),
    "bytes": st.integers(0, 65_535),
    "connection": st.sampled_from(["keep", "close"]),
    "code": st.integers(0, 255),
    "bits": st.integers(1, 255),
    "length_change": st.integers(-100, 60_000).filter(bool),
    "service_data": st.sampled_from(["0000", "100a", "ffff"]),
    "fn": st.one_of(st.from_regex(r"[0-9]{15,16}", fullmatch=True), st.from_regex(r"[0-9]{1,15}\*", fullmatch=True)),
    "rnm": st.from_regex(r"[0-9]{1,20}", fullmatch=True),
    "kind": st.sampled_from(["receipt", "openShift", "closeArchive"]),
    "fd": st.one_of(
        st.integers(1, 2**24).map(str),
        st.integers(1, 2**24).map(lambda n: f"{n}-"),
        st.integers(1, 2**24).map(lambda n: f"-{n}"),
        st.integers(1, 2**20).map(lambda n: f"{n}-{n + 7}"),
    ),
    "version": st.sampled_from(["1.0", "1.05", "1.1", "1.2", "0120", "beef"]),
    "attempt": st.sampled_from(["first", "repeat"]),
    "first": st.integers(1, 10**9),
    "every": st.integers(1, 10**9),
    "probability": st.floats(0.001, 1),
    "seed": st.integers(0, 10**9),
    "times": st.integers(1, 10**9),
}


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    what = draw(st.sampled_from(list(What)))
    entry = CATALOGUE[what]
    possible = ["delay", *entry.parameters, *CONDITIONS]
    chosen = set(draw(st.lists(st.sampled_from(possible), max_size=6))) | set(entry.needed)
    return {"what": what.value, **{key: draw(_VALUES[key]) for key in sorted(chosen)}}


def test_every_key_is_described_and_every_description_is_a_key() -> None:
    assert set(KEYS) == {"what", *PARAMETERS, *CONDITIONS}
    assert set(_VALUES) == set(KEYS) - {"what"}
    assert set(CATALOGUE) == set(What)


@given(rules())
def test_a_rule_is_spelt_so_that_it_reads_the_same(written: dict[str, Any]) -> None:
    fault = parse_fault(written)
    assert parse_fault(spell_fault(fault)) == fault


@given(rules())
def test_numbers_may_be_written_as_text(written: dict[str, Any]) -> None:
    as_text = {key: str(value) for key, value in written.items()}
    assert parse_fault(as_text) == parse_fault(written)


def test_a_rule_says_what_it_is_given() -> None:
    fault = parse_fault({"what": "half_answer", "bytes": "7", "connection": "keep", "delay": "1s", "fd": "10-20"})
    assert (fault.bytes, fault.keep_connection, fault.delay_s, fault.fd_from, fault.fd_to) == (7, True, 1.0, 10, 20)
    assert parse_fault({"what": "reset", "attempt": "repeat"}).attempt is Attempt.REPEAT
    assert spell_fault(parse_fault({"what": "reset", "fd": "-9"})) == {"what": "reset", "fd": "-9"}


@pytest.mark.parametrize(
    ("written", "field", "reason"),
    [
        ({}, "what", "it is needed"),
        ({"what": "explode"}, "what", "is none of delay"),
        ({"what": ["reset"]}, "what", "is none of delay"),
        ({"what": "reset", "when": "now"}, "when", "there is no such key"),
        ({"what": "reset", "code": 1}, "code", "reset takes no code"),
        ({"what": "response_code"}, "code", "response_code needs it"),
        ({"what": "delay"}, "delay", "delay needs it"),
        ({"what": "delay", "delay": 3}, "delay", "is no duration"),
        ({"what": "delay", "delay": "3"}, "delay", "is no duration"),
        ({"what": "delay", "delay": "2h"}, "delay", "is longer than 3600 s"),
        ({"what": "response_code", "code": 256}, "code", "from 0 to 255"),
        ({"what": "response_code", "code": True}, "code", "from 0 to 255"),
        ({"what": "response_code", "code": "x"}, "code", "from 0 to 255"),
        ({"what": "operator_message", "bits": 0}, "bits", "from 1 to 255"),
        ({"what": "wrong_length", "length_change": "0"}, "length_change", "would change nothing"),
        ({"what": "half_answer", "connection": "open"}, "connection", "neither keep nor close"),
        ({"what": "foreign_service_data", "service_data": "1009"}, "service_data", "would change nothing"),
        ({"what": "foreign_service_data", "service_data": "10"}, "service_data", "four hexadecimal digits"),
        ({"what": "reset", "fn": "12"}, "fn", "15 or 16 digits"),
        ({"what": "reset", "fn": 9999078900000001}, "fn", "15 or 16 digits"),
        ({"what": "reset", "rnm": "RNM"}, "rnm", "digits only"),
        ({"what": "reset", "kind": "operatorAck"}, "kind", "is none of fiscalReport"),
        ({"what": "reset", "fd": "9-3"}, "fd", "ends before it begins"),
        ({"what": "reset", "fd": "-"}, "fd", "neither a number nor a range"),
        ({"what": "reset", "fd": True}, "fd", "neither a number nor a range"),
        ({"what": "reset", "version": "1.3"}, "version", "is none of 1.0"),
        ({"what": "reset", "attempt": "second"}, "attempt", "is none of any"),
        ({"what": "reset", "every": 0}, "every", "from 1 to"),
        ({"what": "reset", "probability": 0}, "probability", "above 0 and up to 1"),
        ({"what": "reset", "probability": "nan"}, "probability", "above 0 and up to 1"),
        ({"what": "reset", "probability": "half"}, "probability", "above 0 and up to 1"),
    ],
)
def test_nonsense_is_refused_by_name(written: dict[str, Any], field: str, reason: str) -> None:
    with pytest.raises(FaultError) as raised:
        parse_fault(written)
    assert raised.value.field == field
    assert reason in raised.value.reason


@given(st.dictionaries(st.sampled_from([*KEYS, "x"]), st.one_of(st.none(), st.integers(), st.text(), st.floats())))
def test_garbage_is_refused_and_nothing_else(written: dict[str, Any]) -> None:
    with contextlib.suppress(FaultError):
        fault = parse_fault(written)
        assert parse_fault(spell_fault(fault)) == fault
