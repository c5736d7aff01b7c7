"""The `transit` key service against a real OpenBao server: what is particular to it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from registry.keys.kms import GenerationState, KeyProvider
from registry.keys.providers import open_provider
from registry.model.errors import KeyMissing, KmsUnavailable, SettingInvalid
from registry.model.ids import WorkspaceId, text_id

if TYPE_CHECKING:
    from tests.unit.keys.conftest import Bao

AAD = b"associated"


def connect(bao: Bao) -> KeyProvider:
    return open_provider(bao.url, clock=lambda: 0)


@pytest.fixture
def workspace() -> WorkspaceId:
    return WorkspaceId(os.urandom(16))


def test_the_kek_cannot_be_taken_out(bao: Bao, workspace: WorkspaceId) -> None:
    connect(bao).create_generation(workspace)
    key = bao.http.get(f"transit/keys/registry-{text_id(workspace)}").json()["data"]
    assert key["type"] == "aes256-gcm96"
    assert not key["exportable"] and not key["allow_plaintext_backup"] and not key["derived"]


def test_wrapping_for_an_unknown_workspace_makes_no_key(bao: Bao, workspace: WorkspaceId) -> None:
    with pytest.raises(KeyMissing):
        connect(bao).wrap_many(workspace, 1, [(b"one", AAD)])
    assert bao.http.get(f"transit/keys/registry-{text_id(workspace)}").status_code == 404


def test_a_destruction_that_was_interrupted_is_completed(bao: Bao, workspace: WorkspaceId) -> None:
    provider = connect(bao)
    provider.create_generation(workspace)
    (old,) = provider.wrap_many(workspace, 1, [(b"one", AAD)])
    provider.create_generation(workspace)
    path = f"transit/keys/registry-{text_id(workspace)}"
    bao.http.post(f"{path}/config", json={"min_decryption_version": 2, "min_encryption_version": 2})
    assert provider.generations(workspace)[0].state is GenerationState.RETIRED
    with pytest.raises(KeyMissing):
        provider.unwrap_many(workspace, [(old, AAD)])
    provider.destroy(workspace, 1)
    assert bao.http.get(path).json()["data"]["min_available_version"] == 2


def test_a_destroyed_version_cannot_be_allowed_again(bao: Bao, workspace: WorkspaceId) -> None:
    provider = connect(bao)
    provider.create_generation(workspace)
    (old,) = provider.wrap_many(workspace, 1, [(b"one", AAD)])
    provider.create_generation(workspace)
    provider.destroy(workspace, 1)
    path = f"transit/keys/registry-{text_id(workspace)}"
    answer = bao.http.post(f"{path}/config", json={"min_decryption_version": 1})
    assert answer.status_code == 400
    with pytest.raises(KeyMissing):
        provider.unwrap_many(workspace, [(old, AAD)])


def test_a_renewed_token_is_taken_up_and_a_wrong_one_refused(own_bao: Bao, workspace: WorkspaceId) -> None:
    provider = connect(own_bao)
    own_bao.token_file.write_text("wrong")
    with pytest.raises(KmsUnavailable) as caught:
        provider.check()
    assert "wrong" not in f"{caught.value} {caught.value.hint}"
    own_bao.token_file.write_text(own_bao.http.headers["X-Vault-Token"])
    provider.check()
    own_bao.token_file.unlink()
    with pytest.raises(KmsUnavailable):
        provider.check()


def test_a_sealed_or_stopped_server_opens_nothing(own_bao: Bao, workspace: WorkspaceId) -> None:
    provider = connect(own_bao)
    provider.create_generation(workspace)
    (wrapped,) = provider.wrap_many(workspace, 1, [(b"one", AAD)])

    def is_refused() -> None:
        for attempt in (
            provider.check,
            lambda: provider.generations(workspace),
            lambda: provider.create_generation(workspace),
            lambda: provider.wrap_many(workspace, 1, [(b"one", AAD)]),
            lambda: provider.unwrap_many(workspace, [(wrapped, AAD)]),
        ):
            with pytest.raises(KmsUnavailable):
                attempt()

    own_bao.http.post("sys/seal").raise_for_status()
    is_refused()
    own_bao.process.terminate()
    own_bao.process.wait(timeout=10)
    is_refused()


@pytest.mark.parametrize("mount", ["cubbyhole", "nothing"])
def test_a_mount_that_is_no_transit_engine_is_not_taken_for_shredded_keys(
    bao: Bao, workspace: WorkspaceId, mount: str
) -> None:
    right = connect(bao)
    right.create_generation(workspace)
    (wrapped,) = right.wrap_many(workspace, 1, [(b"one", AAD)])
    wrong = open_provider(bao.url.replace("/transit?", f"/{mount}?"), clock=lambda: 0)
    with pytest.raises(KmsUnavailable):
        wrong.unwrap_many(workspace, [(wrapped, AAD)])
    with pytest.raises(KmsUnavailable):
        wrong.create_generation(workspace)


@pytest.mark.parametrize(
    "url",
    [
        "transit+http://127.0.0.1:8200/transit",
        "transit+https://keys.test?token_file=/t",
        "transit+https:///transit?token_file=/t",
        "transit+https://user:secret@keys.test/transit?token_file=/t",
        "transit+http://keys.test:8200/transit?token_file=/t",
        "transit+http://[/transit?token_file=/t",
    ],
)
def test_an_incomplete_or_open_address_is_refused(url: str) -> None:
    with pytest.raises(SettingInvalid) as caught:
        open_provider(url, clock=lambda: 0)
    assert "secret" not in str(caught.value)


def test_an_agent_on_this_machine_may_be_reached_without_tls() -> None:
    for host in ("127.0.0.1", "localhost", "[::1]"):
        provider = open_provider(f"transit+http://{host}:8100/transit?token_file=/t", clock=lambda: 0)
        assert provider.scheme == "transit+http"
