"""One direction cut into messages, whatever is between them and however the bytes arrive."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.captures.piece import Sort
from ofd_gateway.captures.splitter import Cut, Splitter
from ofd_gateway.protocol.session import MARKING_SIGNATURE, SIGNATURE
from tests.messages import DEBUG_FN, container, message

MESSAGE = message(container(DEBUG_FN, 7))
OTHER = message(container(DEBUG_FN, 8))
MARKING = MARKING_SIGNATURE + MESSAGE[4:]


def cut(*chunks: bytes) -> list[tuple[Sort, bytes]]:
    splitter: Splitter[int] = Splitter()
    cuts: list[Cut[int]] = []
    for moment, chunk in enumerate(chunks):
        cuts += splitter.feed(chunk, moment)
    cuts += splitter.finish()
    return [(one.sort, one.raw) for one in cuts]


def test_messages_one_after_another() -> None:
    assert cut(MESSAGE + OTHER + MARKING) == [
        (Sort.MESSAGE, MESSAGE),
        (Sort.MESSAGE, OTHER),
        (Sort.MESSAGE, MARKING),
    ]


def test_a_message_is_given_with_its_last_byte_and_dated_by_it() -> None:
    splitter: Splitter[int] = Splitter()
    assert list(splitter.feed(MESSAGE[:-1], 5)) == []
    assert list(splitter.feed(MESSAGE[-1:], 3)) == [Cut(Sort.MESSAGE, MESSAGE, 5)]
    assert list(splitter.feed(OTHER, 4)) == [Cut(Sort.MESSAGE, OTHER, 4)]


def test_foreign_bytes_are_given_at_once_but_for_the_beginning_of_a_signature() -> None:
    splitter: Splitter[int] = Splitter()
    assert list(splitter.feed(b"GET /" + SIGNATURE[:2], 1)) == [Cut(Sort.FOREIGN, b"GET /", 1)]
    assert list(splitter.feed(b"x", 2)) == [Cut(Sort.FOREIGN, SIGNATURE[:2] + b"x", 2)]
    assert list(splitter.feed(SIGNATURE[:3], 3)) == []
    assert list(splitter.feed(MESSAGE[3:], 4)) == [Cut(Sort.MESSAGE, MESSAGE, 4)]


def test_a_message_cut_short_ends_where_the_next_one_begins() -> None:
    assert cut(MESSAGE[:50] + MESSAGE) == [
        (Sort.MESSAGE, (MESSAGE[:50] + MESSAGE)[: len(MESSAGE)]),
        (Sort.FOREIGN, MESSAGE[-50:]),
    ]
    assert cut(MESSAGE[:-1]) == [(Sort.PARTIAL, MESSAGE[:-1])]
    assert cut(MESSAGE[:20]) == [(Sort.PARTIAL, MESSAGE[:20])]


def test_a_length_that_no_container_has_is_not_waited_for() -> None:
    long = MESSAGE[:24] + b"\xff\xff" + MESSAGE[26:]
    assert cut(long, MESSAGE) == [(Sort.FOREIGN, long), (Sort.MESSAGE, MESSAGE)]


def test_a_gap_gives_back_what_waited_for_it() -> None:
    splitter: Splitter[int] = Splitter()
    assert list(splitter.feed(MESSAGE[:40], 1)) == []
    assert list(splitter.skip(9, 2)) == [Cut(Sort.PARTIAL, MESSAGE[:40], 1), Cut(Sort.GAP, b"", 2, 9)]
    assert list(splitter.feed(MESSAGE, 3)) == [Cut(Sort.MESSAGE, MESSAGE, 3)]


def test_a_message_that_waited_for_a_gap_is_looked_into_for_the_next_one() -> None:
    splitter: Splitter[int] = Splitter()
    start = MESSAGE[:24] + (9999).to_bytes(2, "little") + MESSAGE[26:40]
    assert list(splitter.feed(start + MESSAGE, 1)) == []
    assert [one.sort for one in splitter.skip(1, 2)] == [Sort.PARTIAL, Sort.MESSAGE, Sort.GAP]


NOISE = st.binary(max_size=20).filter(lambda noise: not {0x2A, 0xDD} & set(noise))


@given(st.lists(st.one_of(NOISE, st.sampled_from([MESSAGE, OTHER, MARKING])), max_size=6), st.data())
def test_no_byte_is_lost_and_chunks_do_not_matter(parts: list[bytes], draw: st.DataObject) -> None:
    whole = b"".join(parts)
    chunks, at = [], 0
    while at < len(whole):
        size = draw.draw(st.integers(1, 200))
        chunks.append(whole[at : at + size])
        at += size
    pieces = cut(*chunks)
    assert b"".join(raw for _, raw in pieces) == whole
    assert [raw for sort, raw in pieces if sort is Sort.MESSAGE] == [part for part in parts if len(part) > 20]
    assert {sort for sort, _ in pieces} <= {Sort.MESSAGE, Sort.FOREIGN}


@given(st.binary(max_size=300))
def test_any_bytes_come_back(data: bytes) -> None:
    assert b"".join(raw for _, raw in cut(data, SIGNATURE, data)) == data + SIGNATURE + data
