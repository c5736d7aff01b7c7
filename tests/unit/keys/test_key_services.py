"""What every key service promises, held against each of them."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from registry.keys.kms import GenerationState, KeyProvider, generation_of
from registry.model.errors import Conflict, KeyMissing, NotFound, SealBroken
from registry.model.ids import WorkspaceId

Connect = Callable[[], KeyProvider]
AAD = b"associated"


@pytest.fixture
def workspace() -> WorkspaceId:
    """A workspace of the test's own: the servers are shared."""
    return WorkspaceId(os.urandom(16))


@pytest.fixture
def provider(connect: Connect, workspace: WorkspaceId) -> KeyProvider:
    made = connect()
    made.create_generation(workspace)
    return made


def states(provider: KeyProvider, workspace: WorkspaceId) -> list[tuple[int, GenerationState]]:
    return [(generation.number, generation.state) for generation in provider.generations(workspace)]


def test_it_can_be_checked(provider: KeyProvider) -> None:
    provider.check()


def test_a_workspace_without_generations_has_none(provider: KeyProvider) -> None:
    assert provider.generations(WorkspaceId(os.urandom(16))) == []


def test_generations_are_numbered_and_have_a_state(provider: KeyProvider, workspace: WorkspaceId) -> None:
    assert [provider.create_generation(workspace), provider.create_generation(workspace)] == [2, 3]
    provider.destroy(workspace, 1)
    assert states(provider, workspace) == [
        (1, GenerationState.DESTROYED),
        (2, GenerationState.RETIRED),
        (3, GenerationState.CURRENT),
    ]
    newest = provider.generations(workspace)[-1].created_at
    assert newest is not None and newest > 1_600_000_000_000_000
    assert provider.create_generation(workspace) == 4


def test_a_batch_over_several_generations_unwraps_in_another_process_in_order(
    connect: Connect, provider: KeyProvider, workspace: WorkspaceId
) -> None:
    second = provider.create_generation(workspace)
    (old,) = provider.wrap_many(workspace, 1, [(b"old", AAD)])
    new = provider.wrap_many(workspace, second, [(b"new", AAD), (b"", b"other")])
    assert [generation_of(item) for item in (old, *new)] == [1, 2, 2]
    items = [(new[0], AAD), (old, AAD), (new[1], b"other")]
    assert connect().unwrap_many(workspace, items) == [b"new", b"old", b""]


def test_an_empty_batch_is_empty(provider: KeyProvider, workspace: WorkspaceId) -> None:
    assert provider.wrap_many(workspace, 1, []) == []
    assert provider.unwrap_many(workspace, []) == []


def test_a_wrapped_key_opens_for_nothing_else(provider: KeyProvider, workspace: WorkspaceId) -> None:
    wrapped = provider.wrap_many(workspace, 1, [(b"one", AAD), (b"two", AAD)])
    with pytest.raises(SealBroken):
        provider.unwrap_many(workspace, [(wrapped[0], AAD), (wrapped[1], b"other")])


def test_a_wrapped_key_opens_in_no_other_workspace(provider: KeyProvider, workspace: WorkspaceId) -> None:
    (wrapped,) = provider.wrap_many(workspace, 1, [(b"one", AAD)])
    other = WorkspaceId(os.urandom(16))
    with pytest.raises(KeyMissing):
        provider.unwrap_many(other, [(wrapped, AAD)])
    provider.create_generation(other)
    with pytest.raises(SealBroken):
        provider.unwrap_many(other, [(wrapped, AAD)])


@pytest.mark.parametrize("at", [0, 5, 12, -1], ids=["version", "start", "middle", "end"])
def test_an_altered_wrapped_key_does_not_open(provider: KeyProvider, workspace: WorkspaceId, at: int) -> None:
    wrapped = bytearray(provider.wrap_many(workspace, 1, [(b"one", AAD)])[0])
    wrapped[at] ^= 1
    with pytest.raises(SealBroken):
        provider.unwrap_many(workspace, [(bytes(wrapped), AAD)])


def test_a_wrapped_key_opens_under_no_other_generation(provider: KeyProvider, workspace: WorkspaceId) -> None:
    wrapped = bytearray(provider.wrap_many(workspace, 1, [(b"one", AAD)])[0])
    provider.create_generation(workspace)
    wrapped[4] = 2
    with pytest.raises(SealBroken):
        provider.unwrap_many(workspace, [(bytes(wrapped), AAD)])
    wrapped[4] = 9
    with pytest.raises(KeyMissing):
        provider.unwrap_many(workspace, [(bytes(wrapped), AAD)])


def test_a_truncated_wrapped_key_does_not_open(provider: KeyProvider, workspace: WorkspaceId) -> None:
    (wrapped,) = provider.wrap_many(workspace, 1, [(b"one", AAD)])
    for length in (0, 4, 5, 6, 20, len(wrapped) - 1):
        with pytest.raises(SealBroken):
            provider.unwrap_many(workspace, [(wrapped[:length], AAD)])


def test_an_unknown_generation_wraps_nothing(provider: KeyProvider, workspace: WorkspaceId) -> None:
    for number in (0, 2):
        with pytest.raises(KeyMissing):
            provider.wrap_many(workspace, number, [(b"one", AAD)])
    with pytest.raises(KeyMissing):
        provider.wrap_many(WorkspaceId(os.urandom(16)), 1, [(b"one", AAD)])


def test_nothing_opens_once_its_generation_is_destroyed(
    connect: Connect, provider: KeyProvider, workspace: WorkspaceId
) -> None:
    (old,) = provider.wrap_many(workspace, 1, [(b"old", AAD)])
    (new,) = provider.wrap_many(workspace, provider.create_generation(workspace), [(b"new", AAD)])
    provider.destroy(workspace, 1)
    provider.destroy(workspace, 1)
    for user in (provider, connect()):
        with pytest.raises(KeyMissing):
            user.unwrap_many(workspace, [(old, AAD)])
        with pytest.raises(KeyMissing):
            user.wrap_many(workspace, 1, [(b"old", AAD)])
        assert user.unwrap_many(workspace, [(new, AAD)]) == [b"new"]


def test_generations_are_destroyed_oldest_first_and_never_the_current(
    provider: KeyProvider, workspace: WorkspaceId
) -> None:
    with pytest.raises(Conflict):
        provider.destroy(workspace, 1)
    provider.create_generation(workspace)
    provider.create_generation(workspace)
    with pytest.raises(Conflict):
        provider.destroy(workspace, 2)
    for number in (0, 4):
        with pytest.raises(NotFound):
            provider.destroy(workspace, number)
    provider.destroy(workspace, 1)
    provider.destroy(workspace, 2)
    assert [state for _, state in states(provider, workspace)][:2] == [GenerationState.DESTROYED] * 2
