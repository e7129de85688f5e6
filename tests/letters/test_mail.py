"""Ways out: a mail server with and without encryption, and a Maildir."""

from __future__ import annotations

import asyncio
import ssl

import pytest
import trustme

from ofd_gateway.mail import Maildir, PermanentFailure, SmtpServer, TransientFailure
from tests.letters.peer import PASSWORD, Peer, serving

MESSAGE = b"From: a@test.ru\r\nTo: b@test.ru\r\nSubject: s\r\nMessage-ID: <1@test.ru>\r\n\r\n.dot\r\nend\r\n"
LETTER = {"sender": "a@test.ru", "address": "b@test.ru", "message_id": "<1@test.ru>", "message": MESSAGE}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server_side(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def client_side(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def server(peer: Peer, **options) -> SmtpServer:
    return SmtpServer("127.0.0.1", peer.port, timeout_s=5.0, **options)


async def test_a_message_arrives_as_it_is() -> None:
    async with serving(Peer()) as peer:
        reply = await server(peer).send(**LETTER)
    assert (reply.code, reply.text) == (250, "2.0.0 queued as 1")
    (message,) = peer.messages
    assert message.get_content().splitlines() == [".dot", "end"]
    assert peer.recipients == ["b@test.ru"]


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_encryption(server_side: ssl.SSLContext, client_side: ssl.SSLContext, tls) -> None:
    async with serving(Peer(), tls=server_side, implicit=tls == "tls") as peer:
        await server(peer, tls=tls, tls_context=client_side).send(**LETTER)
    assert len(peer.messages) == 1
    assert peer.was_encrypted or tls == "tls"


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_a_certificate_of_nobody_we_know(server_side: ssl.SSLContext, tls) -> None:
    async with serving(Peer(), tls=server_side, implicit=tls == "tls") as peer:
        with pytest.raises(PermanentFailure) as failed:
            await server(peer, tls=tls).send(**LETTER)
    assert failed.value.stage == ("tls" if tls == "starttls" else "connect")
    assert "certificate" in failed.value.reply.lower()
    assert peer.messages == []


async def test_a_server_without_the_encryption_asked_for() -> None:
    async with serving(Peer()) as peer:
        with pytest.raises(PermanentFailure) as failed:
            await server(peer, tls="starttls").send(**LETTER)
    assert failed.value.stage == "tls"
    assert peer.messages == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
@pytest.mark.filterwarnings("ignore:Session.login_data is deprecated:DeprecationWarning")
async def test_a_password() -> None:
    async with serving(Peer(), auth=True) as peer:
        await server(peer, user="ofd", password=PASSWORD).send(**LETTER)
        with pytest.raises(PermanentFailure) as failed:
            await server(peer, user="ofd", password="wrong").send(**LETTER)
    assert len(peer.messages) == 1
    assert (failed.value.stage, failed.value.code) == ("auth", 535)


@pytest.mark.parametrize(
    ("fault", "kind", "stage", "code"),
    [
        ({"sender": "553 no"}, PermanentFailure, "sender", 553),
        ({"rcpt": {"b@test.ru": "451 busy"}}, TransientFailure, "recipient", 451),
        ({"rcpt": {"b@test.ru": "550 no"}}, PermanentFailure, "recipient", 550),
        ({"data": "452 full"}, TransientFailure, "data", 452),
        ({"data": "552 too big"}, PermanentFailure, "data", 552),
        ({"cut_data": True}, TransientFailure, "data", None),
    ],
)
async def test_answers(fault, kind, stage, code) -> None:
    async with serving(Peer()) as peer:
        for name, value in fault.items():
            setattr(peer, name, value)
        with pytest.raises(kind) as failed:
            await server(peer).send(**LETTER)
    assert (failed.value.stage, failed.value.code) == (stage, code)
    assert failed.value.reply
    assert peer.messages == []


async def test_nobody_listens() -> None:
    async with serving(Peer()) as peer:
        pass
    with pytest.raises(TransientFailure) as failed:
        await server(peer).send(**LETTER)
    assert (failed.value.stage, failed.value.code) == ("connect", None)


async def test_a_server_that_says_nothing() -> None:
    listening = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listening.set()
        await reader.read()
        writer.close()

    mute_server = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = mute_server.sockets[0].getsockname()[1]
    with pytest.raises(TransientFailure) as failed:
        await SmtpServer("127.0.0.1", port, timeout_s=0.2).send(**LETTER)
    assert listening.is_set()
    assert failed.value.stage == "connect"
    mute_server.close()


class TestMaildir:
    @pytest.fixture
    def mail(self, tmp_path) -> Maildir:
        return Maildir(tmp_path / "state" / "mail")

    async def test_a_letter_delivered_twice_is_one_file(self, mail: Maildir, tmp_path) -> None:
        first = await mail.send(**LETTER)
        second = await mail.send(**LETTER)
        folder = tmp_path / "state" / "mail"
        assert [path.name for path in folder.glob("*/*")] == ["1@test.ru"]
        assert first == second
        assert (folder / "new" / "1@test.ru").read_bytes() == MESSAGE.replace(b"\r\n", b"\n")
        assert folder.stat().st_mode & 0o077 == 0

    async def test_a_letter_that_was_read_is_not_delivered_again(self, mail: Maildir, tmp_path) -> None:
        await mail.send(**LETTER)
        folder = tmp_path / "state" / "mail"
        (folder / "new" / "1@test.ru").rename(folder / "cur" / "1@test.ru:2,S")
        await mail.send(**LETTER)
        assert list((folder / "new").iterdir()) == []

    async def test_an_id_names_no_other_folder(self, mail: Maildir, tmp_path) -> None:
        await mail.send(**{**LETTER, "message_id": "<../../x@test.ru>"})
        assert [path.name for path in (tmp_path / "state" / "mail" / "new").iterdir()] == [".._.._x@test.ru"]

    async def test_a_folder_that_cannot_be_written(self, tmp_path) -> None:
        (tmp_path / "mail").write_text("a file")
        with pytest.raises(TransientFailure) as failed:
            await Maildir(tmp_path / "mail").send(**LETTER)
        assert failed.value.stage == "file"
