"""Which key service a URL means."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from registry.keys.kms import KeyProvider
from registry.keys.kms_file import FileKeyProvider
from registry.model.clock import Clock
from registry.model.errors import KmsUnavailable, SettingInvalid


def open_provider(url: str, *, clock: Clock) -> KeyProvider:
    """The key service of a URL. Nothing is read or asked before the first use.

    | URL | service |
    | --- | --- |
    | `file:///path/kek.json` | a local file, created at the first use |
    | `transit+https://host:port/mount?token_file=/path` | Transit of OpenBao or Vault |
    | `transit+http://127.0.0.1:port/mount?token_file=/path` | the same, through an agent on this machine |
    | `aws-kms://region?endpoint=https://…` | AWS KMS; the endpoint may be left out |

    Raises:
        SettingInvalid: the URL names no key service, or lacks a part of it.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _invalid("the key service URL cannot be read") from None
    if parts.scheme == "file":
        return _file(parts, clock)
    if parts.scheme in ("transit+http", "transit+https"):
        return _transit(parts)
    if parts.scheme == "aws-kms":
        if not parts.netloc:
            raise _invalid("an AWS key service is aws-kms://region")
        from registry.keys.kms_aws import AwsKeyProvider

        return AwsKeyProvider(parts.netloc, clock=clock, endpoint=_parameter(parts, "endpoint"))
    raise _invalid("the key service URL's scheme is not one of file, transit+http(s), aws-kms")


def _file(parts: SplitResult, clock: Clock) -> KeyProvider:
    path = unquote(parts.path)
    if parts.netloc not in ("", "localhost") or not path.startswith("/") or path.endswith("/"):
        raise _invalid("a file key service is file:///absolute/path/kek.json")
    return FileKeyProvider(Path(path), clock=clock)


def _transit(parts: SplitResult) -> KeyProvider:
    mount, token_file = parts.path.strip("/"), _parameter(parts, "token_file")
    if not parts.hostname or not mount or not token_file or "@" in parts.netloc:
        raise _invalid("a Transit key service is transit+https://host:port/mount?token_file=/path")
    if parts.scheme == "transit+http" and not _is_this_machine(parts.hostname):
        raise _invalid("transit+http is for this machine alone: keys would cross the network in the clear")
    address = f"{parts.scheme.removeprefix('transit+')}://{parts.netloc}"
    from registry.keys.kms_transit import TransitKeyProvider  # its HTTP client is for those who use it

    return TransitKeyProvider(address, mount, token=_reader(Path(token_file)), scheme=parts.scheme)


def _reader(path: Path) -> Callable[[], str]:
    def read() -> str:
        try:
            return path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            raise KmsUnavailable("the key service's token file cannot be read") from None

    return read


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _parameter(parts: SplitResult, name: str) -> str | None:
    values = parse_qs(parts.query).get(name, [])
    return values[0] if values else None


def _invalid(detail: str) -> SettingInvalid:
    return SettingInvalid(detail, pointer="kms_url", hint="set REGISTRY_KMS_URL")
