"""The OpenDSR processors that a deployment names: a reviewed file, joined with certificates and keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from registry.connectors.opendsr import OpenDsrProcessor, Signed
from registry.connectors.outgoing import Outgoing
from registry.documents import Document
from registry.dsr.census import OWN_SYSTEM
from registry.model.errors import SettingInvalid

Pin = Callable[[bytes], Signed]
"""A certificate's PEM -> what checks signatures by it; ValueError where it is none."""

CALLBACKS = "/opendsr/v2/callbacks/"


def processors_of(
    document: Document,
    folder: Path,
    environment: Mapping[str, str],
    *,
    pin: Pin,
    outgoing: Outgoing,
    public_url: str | None,
) -> list[OpenDsrProcessor]:
    """The processors of a document that conforms to `schemas/processors.schema.json`.

    Args:
        folder: where certificates stand.
        environment: what holds the keys that processors gave us.
        public_url: where processors reach us, to call back.

    Raises:
        InvalidInput: an address may not be sent to.
        SettingInvalid: a certificate cannot be read or is none, or the environment lacks a key.
    """

    def made(entry: Mapping[str, str]) -> OpenDsrProcessor:
        name, variable = entry["name"], entry.get("bearer_from")
        outgoing.require_url(entry["url"])
        if name == OWN_SYSTEM:
            hint = "give it another name: plans and certificates call so what is held here"
            raise SettingInvalid(f"a processor is named {OWN_SYSTEM}", hint=hint, pointer="processors")
        if variable is not None and not environment.get(variable):
            raise SettingInvalid(f"the environment lacks {variable}, the key that {name} gave us", pointer="processors")
        certificate = folder / entry["certificate"]
        try:
            signed = pin(certificate.read_bytes())
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise SettingInvalid(f"{certificate} is no certificate of {name}: {reason}", pointer="processors") from None
        bearer = environment[variable] if variable is not None else None
        callback = f"{public_url.rstrip('/')}{CALLBACKS}{name}" if public_url else None
        path = entry.get("requests", "requests")
        return OpenDsrProcessor(name, entry["url"], bearer=bearer, signed=signed, callback=callback, path=path)

    return [made(entry) for entry in cast(Mapping[str, Any], document.value)["processors"]]
