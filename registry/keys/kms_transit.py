"""The `transit` key service: the Transit engine of OpenBao or HashiCorp Vault, over HTTP.

KEKs never leave it. Each workspace has one Transit key, whose versions are the KEK generations.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence

import httpx

from registry.client.punctual import punctual
from registry.keys.kms import (
    WRAPPED_HEADER_BYTES,
    Generation,
    GenerationState,
    generation_of,
    require_destructible,
    wrapped_header,
)
from registry.model.clock import SECOND
from registry.model.errors import KeyMissing, KmsUnavailable, SealBroken
from registry.model.ids import WorkspaceId, text_id

TRANSIT_WRAP_VERSION = b"\x32"

_TIMEOUT_S = 5.0
"""For a connection, and then for a question and its whole answer: a service that drips is none."""
_OK, _BAD_REQUEST, _DENIED, _NOT_FOUND = 200, 400, 403, 404


class TransitKeyProvider:
    """KEKs in a Transit mount; every batch is one HTTP request.

    Args:
        address: base URL of the server, `https://host:port`.
        mount: path of the Transit engine, `transit`.
        token: gives the token for each request, so that one that an agent renews is taken up.
        scheme: that of the URL, for metrics and messages.
    """

    def __init__(self, address: str, mount: str, *, token: Callable[[], str], scheme: str) -> None:
        self.scheme = scheme
        self._mount = mount
        self._token = token
        self._http = punctual(httpx.Client(base_url=f"{address}/v1/", timeout=_TIMEOUT_S), _TIMEOUT_S)
        self._known: set[WorkspaceId] = set()

    def create_generation(self, workspace: WorkspaceId) -> int:
        """Create the workspace's Transit key, or its next version."""
        path = self._path("keys", workspace)
        if self._describe(workspace) is None:
            # Creating what another process has just created changes nothing: both get generation 1.
            self._call("POST", path, {"type": "aes256-gcm96", "derived": False, "exportable": False})
        else:
            self._call("POST", f"{path}/rotate", {})
        data = self._describe(workspace)
        if data is None or not _number(data, "latest_version"):
            raise KmsUnavailable("the key service made no key", hint="check that the mount is a Transit engine")
        return _number(data, "latest_version")

    def generations(self, workspace: WorkspaceId) -> list[Generation]:
        """Every generation, oldest first; empty for a workspace that has none."""
        data = self._describe(workspace)
        if data is None:
            return []
        latest, available = _number(data, "latest_version"), _number(data, "min_available_version")
        created = data.get("keys")
        times = created if isinstance(created, dict) else {}
        generations = []
        for number in range(1, latest + 1):
            seconds = times.get(str(number))
            created_at = seconds * SECOND if isinstance(seconds, int) else None
            state = GenerationState.CURRENT if number == latest else GenerationState.RETIRED
            if number < available:
                state = GenerationState.DESTROYED
            generations.append(Generation(number, created_at, state))
        return generations

    def wrap_many(self, workspace: WorkspaceId, generation: int, items: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        """Wrap each `(plaintext, aad)`; see `KeyProvider.wrap_many`."""
        self._require_key(workspace, {generation})
        header = wrapped_header(TRANSIT_WRAP_VERSION, generation)
        batch = [
            {"plaintext": _text(plaintext), "associated_data": _text(header + aad), "key_version": generation}
            for plaintext, aad in items
        ]
        results = self._batch("encrypt", workspace, {generation}, batch)
        return [header + _bytes(str(result["ciphertext"]).rpartition(":")[2]) for result in results]

    def unwrap_many(self, workspace: WorkspaceId, items: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        """Unwrap each `(wrapped, aad)`; see `KeyProvider.unwrap_many`."""
        generations = {generation_of(wrapped) for wrapped, _ in items}
        if any(wrapped[:1] != TRANSIT_WRAP_VERSION for wrapped, _ in items):
            raise SealBroken("the wrapped key is of an unknown version", extra={"failure": "unknown-version"})
        batch: list[dict[str, object]] = [
            {
                "ciphertext": f"vault:v{generation_of(wrapped)}:{_text(wrapped[WRAPPED_HEADER_BYTES:])}",
                "associated_data": _text(wrapped[:WRAPPED_HEADER_BYTES] + aad),
            }
            for wrapped, aad in items
        ]
        results = self._batch("decrypt", workspace, generations, batch)
        return [_bytes(str(result["plaintext"])) for result in results]

    def destroy(self, workspace: WorkspaceId, generation: int) -> None:
        """Forbid the version and trim it away; see `KeyProvider.destroy`."""
        if not require_destructible(self.generations(workspace), generation):
            return
        path, oldest = self._path("keys", workspace), generation + 1
        # Transit trims only what is forbidden already; killed in between, the next call completes it.
        self._call("POST", f"{path}/config", {"min_decryption_version": oldest, "min_encryption_version": oldest})
        self._call("POST", f"{path}/trim", {"min_available_version": oldest})

    def check(self) -> None:
        """Raise KmsUnavailable unless the server is unsealed and takes the token."""
        self._call("GET", "auth/token/lookup-self")

    def _batch(
        self, verb: str, workspace: WorkspaceId, generations: set[int], batch: Sequence[Mapping[str, object]]
    ) -> list[dict[str, object]]:
        if not batch:
            return []
        response = self._send("POST", self._path(verb, workspace), {"batch_input": batch})
        if response.status_code == _BAD_REQUEST:
            # The answer's words differ between versions: ask for the key's state instead of parsing them.
            self._require_key(workspace, generations, afresh=True)
            raise SealBroken("a wrapped key does not open", extra={"failure": "altered"})
        results = _data(response).get("batch_results")
        if not isinstance(results, list) or len(results) != len(batch):
            raise KmsUnavailable("the key service's answer cannot be understood")
        return results

    def _require_key(self, workspace: WorkspaceId, generations: set[int], *, afresh: bool = False) -> None:
        """Refuse generations that are not there; Transit itself would make a key for an unknown name."""
        if workspace in self._known and not afresh:
            return
        data = self._describe(workspace) or {}
        lowest, latest = _number(data, "min_decryption_version"), _number(data, "latest_version")
        if any(not lowest <= number <= latest for number in generations) or not latest:
            self._known.discard(workspace)
            raise KeyMissing("a KEK generation of this workspace is unknown or was destroyed")
        self._known.add(workspace)

    def _describe(self, workspace: WorkspaceId) -> dict[str, object] | None:
        """The Transit key of a workspace; None where it has none."""
        response = self._send("GET", self._path("keys", workspace))
        if response.status_code == _NOT_FOUND and not _complains(response):
            return None
        return _data(response)

    def _path(self, verb: str, workspace: WorkspaceId) -> str:
        return f"{self._mount}/{verb}/registry-{text_id(workspace)}"

    def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> None:
        _require_success(self._send(method, path, body))

    def _send(self, method: str, path: str, body: Mapping[str, object] | None = None) -> httpx.Response:
        headers = {"X-Vault-Token": self._token(), "X-Vault-Request": "true"}
        try:
            response = self._http.request(method, path, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise KmsUnavailable(
                f"the key service did not answer ({type(error).__name__})",
                hint="check REGISTRY_KMS_URL and that the server is up",
            ) from None
        if response.status_code not in (_BAD_REQUEST, _NOT_FOUND):
            _require_success(response)
        return response


def _require_success(response: httpx.Response) -> None:
    if response.is_success:
        return
    hint = "check that the server is unsealed"
    if response.status_code == _DENIED:
        hint = "check the token, and that its policy covers the Transit mount"
    raise KmsUnavailable(f"the key service answered {response.status_code}", hint=hint)


def _complains(response: httpx.Response) -> bool:
    """Whether a 404 says more than "no such key": then it is the mount that is missing."""
    try:
        return bool(response.json()["errors"])
    except (ValueError, KeyError, TypeError):
        return True


def _data(response: httpx.Response) -> dict[str, object]:
    _require_success(response)
    try:
        data = response.json()["data"]
    except (ValueError, KeyError, TypeError):
        data = None
    if not isinstance(data, dict):
        raise KmsUnavailable("the key service's answer cannot be understood")
    return data


def _number(data: Mapping[str, object], name: str) -> int:
    value = data.get(name, 0)
    return value if isinstance(value, int) else 0


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise KmsUnavailable("the key service's answer cannot be understood") from None
