"""The header of a balancer, cut anywhere. First byte: bit 0 puts the signature before the rest."""

from __future__ import annotations

from fuzz.cases import Instructions
from ofd_gateway.intake.proxies import ProxyPreface
from ofd_gateway.protocol import MAX_PROXY_HEADER_BYTES, PROXY_SIGNATURE, ProxyError, ProxyHeader

__all__ = ["check"]


def check(data: bytes) -> None:
    """A header, a wish for more, or a named error, whatever the cuts; what follows the header is kept."""
    instructions = Instructions(data)
    choice, step = instructions.number(), 1 + instructions.number() % 40
    stream = (PROXY_SIGNATURE if choice & 1 else b"") + instructions.rest()
    whole = _outcome(stream, len(stream) or 1)
    assert _outcome(stream, step) == whole
    assert _outcome(stream, 1) == whole


def _outcome(stream: bytes, step: int) -> tuple[object, ...]:
    preface = ProxyPreface()
    for at in range(0, len(stream), step):
        try:
            found = preface.receive(stream[at : at + step])
        except ProxyError as error:
            assert 0 <= error.offset <= MAX_PROXY_HEADER_BYTES
            return error.field, error.offset, error.detail if error.field != "signature" else ""
        assert found is not None or len(preface) <= MAX_PROXY_HEADER_BYTES
        if found is not None:
            header, rest = found
            assert isinstance(header, ProxyHeader)
            assert rest + stream[at + step :] == stream[header.size :]
            return (header,)
    return ()
