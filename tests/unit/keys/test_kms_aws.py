"""The `aws-kms` key service against moto, an emulator of AWS KMS: what is particular to it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import boto3  # type: ignore[import-untyped]
import pytest

from registry.keys.kms import GenerationState, KeyProvider
from registry.keys.kms_aws import CACHE_FOR
from registry.keys.providers import open_provider
from registry.model.errors import KeyMissing, KmsUnavailable, SettingInvalid
from registry.model.ids import WorkspaceId, text_id

if TYPE_CHECKING:
    from tests.unit.keys.conftest import SetClock

AAD = b"associated"


@pytest.fixture
def workspace() -> WorkspaceId:
    return WorkspaceId(os.urandom(16))


@pytest.fixture
def kms(aws_endpoint: str) -> Any:
    return boto3.client("kms", region_name="eu-central-1", endpoint_url=aws_endpoint)


@pytest.fixture
def provider(aws_endpoint: str, clock: SetClock) -> KeyProvider:
    return open_provider(f"aws-kms://eu-central-1?endpoint={aws_endpoint}", clock=clock)


def alias(workspace: WorkspaceId, name: object) -> str:
    return f"alias/registry/{text_id(workspace)}/{name}"


def test_a_generation_is_an_hmac_key_that_kms_keeps(kms: Any, provider: KeyProvider, workspace: WorkspaceId) -> None:
    provider.create_generation(workspace)
    key = kms.describe_key(KeyId=alias(workspace, 1))["KeyMetadata"]
    assert (key["KeySpec"], key["KeyUsage"]) == ("HMAC_256", "GENERATE_VERIFY_MAC")
    assert kms.describe_key(KeyId=alias(workspace, "current"))["KeyMetadata"]["KeyId"] == key["KeyId"]


def test_a_destroyed_generation_awaits_deletion_in_kms(kms: Any, provider: KeyProvider, workspace: WorkspaceId) -> None:
    provider.create_generation(workspace)
    provider.create_generation(workspace)
    provider.destroy(workspace, 1)
    key = kms.describe_key(KeyId=alias(workspace, 1))["KeyMetadata"]
    assert key["KeyState"] == "PendingDeletion"


def test_a_generation_that_kms_has_deleted_stays_destroyed(
    kms: Any, provider: KeyProvider, workspace: WorkspaceId
) -> None:
    provider.create_generation(workspace)
    provider.create_generation(workspace)
    provider.destroy(workspace, 1)
    kms.delete_alias(AliasName=alias(workspace, 1))
    first = provider.generations(workspace)[0]
    assert (first.number, first.created_at, first.state) == (1, None, GenerationState.DESTROYED)
    provider.destroy(workspace, 1)
    assert provider.create_generation(workspace) == 3


def test_another_process_forgets_a_destroyed_generation_within_a_minute(
    aws_endpoint: str, clock: SetClock, provider: KeyProvider, workspace: WorkspaceId
) -> None:
    provider.create_generation(workspace)
    (wrapped,) = provider.wrap_many(workspace, 1, [(b"one", AAD)])
    other = open_provider(f"aws-kms://eu-central-1?endpoint={aws_endpoint}", clock=clock)
    other.create_generation(workspace)
    other.destroy(workspace, 1)
    clock.now += CACHE_FOR - 1
    assert provider.unwrap_many(workspace, [(wrapped, AAD)]) == [b"one"]
    clock.now += 1
    with pytest.raises(KeyMissing):
        provider.unwrap_many(workspace, [(wrapped, AAD)])


def test_a_creation_that_was_interrupted_is_completed(kms: Any, provider: KeyProvider, workspace: WorkspaceId) -> None:
    provider.create_generation(workspace)
    made = kms.create_key(
        KeySpec="HMAC_256",
        KeyUsage="GENERATE_VERIFY_MAC",
        Description=f"registry KEK {text_id(workspace)} 2",
    )["KeyMetadata"]
    kms.create_alias(AliasName=alias(workspace, 2), TargetKeyId=made["KeyId"])
    assert provider.create_generation(workspace) == 2
    assert kms.describe_key(KeyId=alias(workspace, "current"))["KeyMetadata"]["KeyId"] == made["KeyId"]


def test_a_foreign_key_under_the_alias_is_not_taken(kms: Any, provider: KeyProvider, workspace: WorkspaceId) -> None:
    made = kms.create_key(Description="another")["KeyMetadata"]
    kms.create_alias(AliasName=alias(workspace, "current"), TargetKeyId=made["KeyId"])
    with pytest.raises(KmsUnavailable):
        provider.create_generation(workspace)


def test_an_endpoint_that_does_not_answer_opens_nothing(aws_endpoint: str, workspace: WorkspaceId) -> None:
    provider = open_provider("aws-kms://eu-central-1?endpoint=http://127.0.0.1:9", clock=lambda: 0)
    with pytest.raises(KmsUnavailable):
        provider.check()


def test_a_region_must_be_named() -> None:
    with pytest.raises(SettingInvalid):
        open_provider("aws-kms://", clock=lambda: 0)
