"""Mail to people: by SMTP, or into a folder from which something else takes it.

A message is the one thing that leaves with an address in the clear. In a spool it lies so until it is
taken: the folder and its files are this user's alone. Errors name neither address nor text.
"""

from __future__ import annotations

import os
import smtplib
import ssl
from dataclasses import dataclass
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from registry.model.errors import LinkedSystemUnavailable, SettingInvalid

TIMEOUT_S = 15.0
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Mailer(Protocol):
    """What takes a message to one person."""

    def send(self, recipient: str, subject: str, text: str) -> None:
        """Send a plain text.

        Raises:
            LinkedSystemUnavailable: it could not be handed over; nothing was sent.
        """


@dataclass(frozen=True, slots=True)
class Smtp:
    """A mail server (RFC 5321): TLS from the start, or STARTTLS, which only a server of this machine may lack."""

    host: str
    port: int
    implicit_tls: bool
    user: str
    password: str
    sender: str

    def send(self, recipient: str, subject: str, text: str) -> None:
        """Send a plain text.

        Raises:
            LinkedSystemUnavailable: the server does not take it.
        """
        message = _message(self.sender, recipient, subject, text)
        try:
            with self._connect() as server:
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise LinkedSystemUnavailable(f"the mail server did not take the message: {type(error).__name__}") from None

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.implicit_tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_S, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S)
            server.ehlo()
            if server.has_extn("starttls") or self.host not in LOOPBACK:
                server.starttls(context=context)
        if self.user:
            server.login(self.user, self.password)
        return server


@dataclass(frozen=True, slots=True)
class Spool:
    """A folder: each message is a file, complete from the moment it can be seen."""

    folder: Path
    sender: str

    def send(self, recipient: str, subject: str, text: str) -> None:
        """Write a plain text.

        Raises:
            LinkedSystemUnavailable: it cannot be written.
        """
        message = _message(self.sender, recipient, subject, text)
        name = message["Message-ID"].strip("<>").partition("@")[0]
        hidden = self.folder / f".{name}"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(message.as_bytes())
            hidden.rename(self.folder / f"{name}.eml")
        except OSError as error:
            raise LinkedSystemUnavailable(f"the mail folder cannot be written to: {error.strerror}") from None


def open_mailer(url: str, sender: str) -> Mailer:
    """The mailer of a URL: `smtp://user:password@host:587`, `smtps://host:465` or `spool:///folder`.

    Raises:
        SettingInvalid: it is none of these.
    """
    parts = urlsplit(url)
    if parts.scheme == "spool" and parts.path:
        return Spool(Path(unquote(parts.path)), sender)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise SettingInvalid(
            "the mail URL is none of smtp://, smtps:// and spool:///", hint="smtp://user:password@host:587",
            pointer="mail_url",
        )  # fmt: skip
    implicit = parts.scheme == "smtps"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Smtp(parts.hostname, _port(parts, 465 if implicit else 587), implicit, user, password, sender)


def _port(parts: SplitResult, usual: int) -> int:
    try:
        return parts.port or usual
    except ValueError:
        raise SettingInvalid("the mail URL's port is no number", pointer="mail_url") from None


def _message(sender: str, recipient: str, subject: str, text: str) -> EmailMessage:
    """A message to this one address and nobody else.

    Raises:
        LinkedSystemUnavailable: it is no address that a message's head can name.
    """
    try:
        message = _addressed(sender, recipient, subject, text)
        found = [one.addr_spec for one in message["To"].addresses]
    except (ValueError, LookupError, AttributeError, MessageError):  # as the head is read, by what is wrong with it
        found = []
    if found != [recipient]:
        raise LinkedSystemUnavailable("the message cannot be addressed: nobody has such a mailbox")
    return message


def _addressed(sender: str, recipient: str, subject: str, text: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].rstrip(">") or "localhost")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message
