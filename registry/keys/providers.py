"""Which key service a URL means."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from registry.keys.kms import KeyProvider
from registry.keys.kms_file import FileKeyProvider
from registry.model.clock import Clock
from registry.model.errors import SettingInvalid


def open_provider(url: str, *, clock: Clock) -> KeyProvider:
    """The key service of a URL.

    `file:///path/kek.json`: a local file, created at the first use.

    Raises:
        SettingInvalid: the URL names no key service, or lacks a part of it.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        path = unquote(parts.path)
        if parts.netloc not in ("", "localhost") or not path.startswith("/") or path.endswith("/"):
            raise SettingInvalid("a file key service is file:///absolute/path/kek.json", pointer="kms_url")
        return FileKeyProvider(Path(path), clock=clock)
    raise SettingInvalid("the key service URL's scheme is not known", pointer="kms_url")
