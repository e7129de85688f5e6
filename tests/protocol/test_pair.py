"""Both roles joined by a link that cuts the bytes as it likes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ofd_gateway.protocol import (
    FROM_FN,
    ConfirmationReceived,
    Connection,
    CrcMode,
    MessageReceived,
    Need,
    PeerClosed,
    Role,
    ServiceAnswered,
    ServiceRequested,
    build_container,
    parse_container,
)
from tests.protocol.feeding import cut
from tests.protocol.samples import FN_TRAILER, NONCE, confirmation_container, confirmation_fields

FN_NUMBERS = st.from_regex(r"[0-9]{15,16}", fullmatch=True).filter(str.isascii)
MODES = st.sampled_from([CrcMode.NONE, CrcMode.HEADER, CrcMode.FULL])
VERSIONS = st.binary(min_size=2, max_size=2)
CUTS = st.lists(st.integers(0, 5000), max_size=12)
MESSAGES = st.fixed_dictionaries(
    {
        "fd": st.integers(1, 0xFF_FFFF),
        "body": st.binary(min_size=4, max_size=400),
        "mode": MODES,
        "expects_answer": st.booleans(),
        "service_before": st.booleans(),
        "code": st.integers(0, 255),
    }
)


class ConnectionPair:
    """A register and an operator; every byte that one of them gives goes to the other, in pieces."""

    def __init__(self, draw_cuts) -> None:
        self.register = Connection(Role.REGISTER)
        self.operator = Connection(Role.OPERATOR)
        self._draw_cuts = draw_cuts

    def to_operator(self, data: bytes):
        return self._deliver(self.operator, data)

    def to_register(self, data: bytes):
        return self._deliver(self.register, data)

    def _deliver(self, receiver: Connection, data: bytes):
        pieces = cut(data, self._draw_cuts())
        for piece in pieces[:-1]:
            receiver.receive(piece)
            assert receiver.next_event() is Need.DATA
        receiver.receive(pieces[-1])
        event = receiver.next_event()
        assert receiver.buffered_bytes == 0
        return event


@settings(deadline=None)
@given(fn=FN_NUMBERS, version=VERSIONS, messages=st.lists(MESSAGES, min_size=1, max_size=5), data=st.data())
def test_what_one_side_sends_the_other_receives(fn, version, messages, data):
    pair = ConnectionPair(lambda: data.draw(CUTS))
    for number, one in enumerate(messages, start=1):
        if one["service_before"]:
            ask_for_service(pair, fn, version, one["mode"])
        container = build_container(
            kind=FROM_FN, document_code=3, fn=fn, fd=one["fd"], nonce=NONCE, body=one["body"], trailer=FN_TRAILER
        )
        event = pair.to_operator(
            pair.register.send_message(
                container, version=version, fn=fn, crc_mode=one["mode"], expects_answer=one["expects_answer"]
            )
        )
        assert isinstance(event, MessageReceived), number
        assert event.container == parse_container(container)
        assert (event.header.version, event.header.fn) == (version, fn)
        assert (event.header.crc_mode, event.header.expects_answer) == (one["mode"], one["expects_answer"])
        if one["expects_answer"]:
            confirm(pair, event, one["code"])
        else:
            pair.operator.skip_answer()
    for side in (pair.register, pair.operator):
        side.receive_eof()
        assert isinstance(side.next_event(), PeerClosed)


def ask_for_service(pair: ConnectionPair, fn: str, version: bytes, mode: CrcMode) -> None:
    request = pair.to_operator(pair.register.send_service(version=version, fn=fn, crc_mode=mode))
    assert isinstance(request, ServiceRequested)
    answer = pair.to_register(pair.operator.answer_service())
    assert isinstance(answer, ServiceAnswered)
    assert (answer.header.version, answer.header.fn) == (version, fn)


def confirm(pair: ConnectionPair, event: MessageReceived, code: int) -> None:
    fn, fd = event.container.fn, event.container.fd
    container = confirmation_container(
        confirmation_fields(fn=fn, fd=fd, code=code), fn_bcd=bytes.fromhex(fn.ljust(16, "f")), fd=fd
    )
    answer = pair.to_register(pair.operator.confirm(container))
    assert isinstance(answer, ConfirmationReceived)
    assert answer.container.raw == container
    assert (answer.header.version, answer.header.fn) == (event.header.version, fn)
    assert answer.header.flags == 0x0014 | event.header.crc_mode
