"""Mail is handed over whole or not at all, and errors repeat nothing of it."""

from __future__ import annotations

import email
import socketserver
import stat
import threading
from collections.abc import Iterator
from email import policy
from pathlib import Path

import pytest

from registry.connectors.mail import Smtp, Spool, open_mailer
from registry.model.errors import LinkedSystemUnavailable, SettingInvalid

SENDER = "Privacy <privacy@example.com>"


class Server(socketserver.ThreadingTCPServer):
    """A mail server of this machine without TLS, which keeps what it takes."""

    daemon_threads = True
    taken: list[bytes]
    refuses: bool


class Session(socketserver.StreamRequestHandler):
    """SMTP (RFC 5321), as much as one message needs."""

    server: Server

    def handle(self) -> None:
        self.wfile.write(b"220 ready\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = []
                while (part := self.rfile.readline()) != b".\r\n":
                    lines.append(part)
                self.server.taken.append(b"".join(lines))
            refused = verb == b"RCPT" and self.server.refuses
            self.wfile.write(b"550 no\r\n" if refused else b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Session) as made:
        made.taken, made.refuses = [], False
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def test_a_message_reaches_the_server_as_it_was_written(server: Server) -> None:
    mailer = open_mailer(f"smtp://127.0.0.1:{server.server_address[1]}", SENDER)
    mailer.send("shopper@example.com", "Ihr Code für uns", "Ihr Code ist 123 456\n")
    message = email.message_from_bytes(server.taken[0], policy=policy.default)
    assert (message["To"], message["From"], message["Subject"]) == ("shopper@example.com", SENDER, "Ihr Code für uns")
    assert message.get_content().strip() == "Ihr Code ist 123 456"


def test_what_the_server_refuses_is_an_error_without_the_address(server: Server) -> None:
    server.refuses = True
    mailer = open_mailer(f"smtp://127.0.0.1:{server.server_address[1]}", SENDER)
    with pytest.raises(LinkedSystemUnavailable) as error:
        mailer.send("shopper@example.com", "subject", "text")
    assert "shopper" not in str(error.value)


def test_a_server_that_is_gone_is_an_error() -> None:
    with pytest.raises(LinkedSystemUnavailable):
        open_mailer("smtps://127.0.0.1:1", SENDER).send("shopper@example.com", "subject", "text")


def test_a_spooled_message_is_this_users_alone(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    mailer = open_mailer(f"spool://{folder}", SENDER)
    mailer.send("shopper@example.com", "subject", "text")
    [file] = folder.iterdir()
    assert (stat.S_IMODE(folder.stat().st_mode), stat.S_IMODE(file.stat().st_mode)) == (0o700, 0o600)
    assert email.message_from_bytes(file.read_bytes(), policy=policy.default)["To"] == "shopper@example.com"


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LinkedSystemUnavailable):
        Spool(tmp_path / "file" / "mail", SENDER).send("shopper@example.com", "subject", "text")


def test_the_url_says_which_server_and_how() -> None:
    found = open_mailer("smtp://user%40x:p%2Fw@mail.example.com", SENDER)
    assert found == Smtp("mail.example.com", 587, False, "user@x", "p/w", SENDER)
    assert open_mailer("smtps://mail.example.com", SENDER) == Smtp("mail.example.com", 465, True, "", "", SENDER)
    for wrong in ("http://mail.example.com", "smtp://", "spool:", "smtp://host:99999999", ""):
        with pytest.raises(SettingInvalid):
            open_mailer(wrong, SENDER)


@pytest.mark.parametrize(
    "recipient",
    [
        "a@x.example\r\nBcc: z@y.example", "a@x.example\nX: y", "x:;@y.example", "a@", "@x.example", "a@x@y.example",
        "a,b@x.example", "a@x.example,b@y.example", "a;b@x.example", "=?utf-8?q?b?=@x.example", "a@x.example\u2028",
        "A <a@x.example>", "\ud800@x.example", "",
    ],
)  # fmt: skip
def test_what_is_no_address_gets_no_message_and_nobody_else_does(
    server: Server, tmp_path: Path, recipient: str
) -> None:
    for url in (f"smtp://127.0.0.1:{server.server_address[1]}", f"spool://{tmp_path / 'mail'}"):
        with pytest.raises(LinkedSystemUnavailable) as caught:
            open_mailer(url, SENDER).send(recipient, "s", "t")
        assert recipient not in str(caught.value) or not recipient
    assert server.taken == []
    assert not list(tmp_path.glob("mail/*"))


@pytest.mark.parametrize(
    "recipient", ["o'brien@x.example", "{a}=b+c@x.example", "andr\u00e9@x.example", "a@[192.0.2.1]"]
)
def test_unusual_addresses_are_written_to(tmp_path: Path, recipient: str) -> None:
    open_mailer(f"spool://{tmp_path}", SENDER).send(recipient, "s", "t")
    [file] = tmp_path.iterdir()
    assert b"\n\nt\n" in file.read_bytes()
