"""Parcels: a package that only its requester opens, by a password or by a key of their own (GDPR Art. 32).

A password makes a ZIP in WinZip's AES-256 (AE-2), which common programs open; names and sizes of the files in it can be
read without. Keys make an age file (age-encryption.org/v1) around the whole ZIP. Neither is kept here.
"""

from __future__ import annotations

import os
import threading
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Any

import pyrage
import pyzipper

from registry.model.errors import InvalidInput

PASSWORD_CHARS = (12, 200)
MOST_RECIPIENTS = 20

Write = Callable[[IO[bytes]], None]


@dataclass(frozen=True, slots=True, repr=False)
class Lock:
    """How a parcel is locked; not at all without a password and recipients.

    Args:
        password: of 12 to 200 characters, to be told to the requester by another way than the parcel.
        recipients: age's (`age1…`), or SSH's public keys (`ssh-ed25519 …`, `ssh-rsa …`).

    Raises:
        InvalidInput: both are given, or one of them cannot be used.
    """

    password: str | None = None
    recipients: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.password is not None and self.recipients:
            raise InvalidInput("a parcel is locked by a password or for recipients, not by both")
        low, high = PASSWORD_CHARS
        if self.password is not None and not low <= len(self.password) <= high:
            raise InvalidInput(f"a password has {low} to {high} characters", pointer="/password")
        if len(self.recipients) > MOST_RECIPIENTS:
            raise InvalidInput(f"at most {MOST_RECIPIENTS} recipients", pointer="/recipients")
        for position, text in enumerate(self.recipients):
            _recipient(text, position)

    @property
    def suffix(self) -> str:
        """The end of the parcel's file name."""
        return ".zip.age" if self.recipients else ".zip"


OPEN = Lock()
"""Not locked: whoever fetches it opens it."""


def archive(stream: IO[bytes], lock: Lock) -> zipfile.ZipFile:
    """A ZIP that is written into a stream, each file under the lock's password if there is one."""
    if lock.password is None:
        return zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED)
    made = pyzipper.AESZipFile(stream, "w", compression=zipfile.ZIP_DEFLATED, encryption=pyzipper.WZ_AES)
    made.setpassword(lock.password.encode())
    return made  # type: ignore[no-any-return]


def sealed(stream: IO[bytes], lock: Lock, write: Write) -> None:
    """Let `write` write into a stream, encrypted for the lock's recipients if there are any; in constant memory.

    Raises: what `write` raises. The stream holds no whole parcel then.
    """
    if not lock.recipients:
        write(stream)
        return
    recipients = [_recipient(text, position) for position, text in enumerate(lock.recipients)]
    reading, writing = os.pipe()
    failed: list[BaseException] = []

    def fill() -> None:
        try:
            with os.fdopen(writing, "wb") as plain:
                write(plain)
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            failed.append(error)

    writer = threading.Thread(target=fill, name="parcel", daemon=True)
    writer.start()
    try:
        with os.fdopen(reading, "rb") as plain:
            pyrage.encrypt_io(plain, stream, recipients)
    finally:
        writer.join()
    if failed:
        raise failed[0]


def _recipient(text: str, position: int) -> Any:
    try:
        kind = pyrage.ssh if text.startswith("ssh-") else pyrage.x25519
        return kind.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise InvalidInput("this is no public key of age or SSH", pointer=f"/recipients/{position}") from None
