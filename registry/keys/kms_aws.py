"""The `aws-kms` key service: one HMAC key in AWS KMS per workspace and generation.

KMS has no batches. The KEK is therefore the MAC that the KMS key gives of a fixed text: the same in
every process, kept in memory for a minute, and gone for good with the KMS key. Needs `boto3`.
"""

from __future__ import annotations

import importlib
from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Any

from registry.keys.kek import Kek
from registry.keys.kms import Generation, GenerationState, generation_of, require_destructible
from registry.model.clock import SECOND, Clock, Micros, from_datetime
from registry.model.errors import KeyMissing, KmsUnavailable, SettingInvalid
from registry.model.ids import WorkspaceId, text_id

CACHE_FOR: Micros = 60 * SECOND
"""How long a KEK is kept: other processes use a destroyed generation at most that long."""
DELETION_DAYS = 7
"""AWS deletes a key no sooner; until then an administrator of the account can cancel it."""

_CACHED_KEKS = 1024
_ALGORITHM = "HMAC_SHA_256"


class AwsKeyProvider:
    """KEKs derived by AWS KMS.

    Args:
        region: the AWS region; credentials are found as AWS clients do.
        endpoint: another endpoint than the region's (a VPC endpoint, an emulator).

    Raises:
        SettingInvalid: `boto3` is not installed.
    """

    scheme = "aws-kms"

    def __init__(self, region: str, *, clock: Clock, endpoint: str | None = None) -> None:
        try:
            boto3, config = importlib.import_module("boto3"), importlib.import_module("botocore.config")
        except ImportError:
            raise SettingInvalid("an aws-kms key service needs boto3", hint="pip install boto3") from None
        self._faults: Any = importlib.import_module("botocore.exceptions")
        settings = config.Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 3})
        self._kms: Any = boto3.client("kms", region_name=region, endpoint_url=endpoint, config=settings)
        self._clock = clock
        self._lock = Lock()
        self._keks: OrderedDict[tuple[WorkspaceId, int], tuple[Micros, Kek]] = OrderedDict()

    def create_generation(self, workspace: WorkspaceId) -> int:
        """Create the next generation's KMS key, and let the `current` alias point at it."""
        number = self._latest(workspace) + 1
        alias = _alias(workspace, number)
        found = self._describe(alias)
        if found is None:
            made = self._call(
                "create_key",
                KeySpec="HMAC_256",
                KeyUsage="GENERATE_VERIFY_MAC",
                Description=_description(workspace, number),
            )["KeyMetadata"]
            found = made if self._name(alias, made) else self._adopt(alias, made)
        current = _alias(workspace, "current")
        if not self._name(current, found):
            self._call("update_alias", AliasName=current, TargetKeyId=found["KeyId"])
        return number

    def generations(self, workspace: WorkspaceId) -> list[Generation]:
        """Every generation, oldest first; empty for a workspace that has none."""
        latest = self._latest(workspace)
        return [self._generation(workspace, number, latest) for number in range(1, latest + 1)]

    def wrap_many(self, workspace: WorkspaceId, generation: int, items: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        """Wrap each `(plaintext, aad)`; see `KeyProvider.wrap_many`."""
        kek = self._kek(workspace, generation)
        return [kek.wrap(plaintext, aad) for plaintext, aad in items]

    def unwrap_many(self, workspace: WorkspaceId, items: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        """Unwrap each `(wrapped, aad)`; see `KeyProvider.unwrap_many`."""
        keks = {number: self._kek(workspace, number) for number in {generation_of(item) for item, _ in items}}
        return [keks[generation_of(wrapped)].unwrap(wrapped, aad) for wrapped, aad in items]

    def destroy(self, workspace: WorkspaceId, generation: int) -> None:
        """Schedule the KMS key's deletion: unusable at once, gone after `DELETION_DAYS`."""
        if require_destructible(self.generations(workspace), generation):
            key = self._describe(_alias(workspace, generation))
            if key is not None:
                self._schedule_deletion(key)
        with self._lock:
            self._keks.pop((workspace, generation), None)

    def check(self) -> None:
        """Raise KmsUnavailable unless KMS answers with these credentials."""
        self._call("list_aliases", Limit=1)

    def _kek(self, workspace: WorkspaceId, generation: int) -> Kek:
        now, entry = self._clock(), (workspace, generation)
        with self._lock:
            until, kek = self._keks.get(entry, (0, None))
            if kek is not None and now < until:
                return kek
        alias = _alias(workspace, generation)
        key = self._describe(alias)
        if key is None or key["KeyState"] == "PendingDeletion":
            raise KeyMissing("a KEK generation of this workspace is unknown or was destroyed")
        text = _description(workspace, generation).encode()
        mac = self._call("generate_mac", KeyId=key["KeyId"], MacAlgorithm=_ALGORITHM, Message=text)["Mac"]
        kek = Kek(mac, generation)
        with self._lock:
            self._keks[entry] = (now + CACHE_FOR, kek)
            self._keks.move_to_end(entry)
            while len(self._keks) > _CACHED_KEKS:
                self._keks.popitem(last=False)
        return kek

    def _latest(self, workspace: WorkspaceId) -> int:
        current = self._describe(_alias(workspace, "current"))
        if current is None:
            return 0
        prefix, _, number = str(current["Description"]).rpartition(" ")
        if f"{prefix} " != _description(workspace, "") or not number.isdecimal():
            raise KmsUnavailable("the workspace's current alias points at a key that is not a KEK")
        return int(number)

    def _generation(self, workspace: WorkspaceId, number: int, latest: int) -> Generation:
        key = self._describe(_alias(workspace, number))
        if key is None:
            return Generation(number, None, GenerationState.DESTROYED)
        state = GenerationState.CURRENT if number == latest else GenerationState.RETIRED
        if key["KeyState"] == "PendingDeletion":
            state = GenerationState.DESTROYED
        return Generation(number, from_datetime(key["CreationDate"]), state)

    def _adopt(self, alias: str, made: Any) -> Any:
        """The key that another process has given this alias meanwhile; ours was made in vain."""
        self._schedule_deletion(made)
        winner = self._describe(alias)
        if winner is None:
            raise KmsUnavailable("the key service's aliases are changing", hint="try again")
        return winner

    def _schedule_deletion(self, key: Any) -> None:
        self._call("schedule_key_deletion", KeyId=key["KeyId"], PendingWindowInDays=DELETION_DAYS)

    def _name(self, alias: str, key: Any) -> bool:
        """Give a key an alias; False where the alias is taken."""
        try:
            self._kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
        except self._kms.exceptions.AlreadyExistsException:
            return False
        except (self._faults.ClientError, self._faults.BotoCoreError) as error:
            raise self._unavailable(error) from None
        return True

    def _describe(self, alias: str) -> Any:
        """The metadata of the key under an alias; None where there is none."""
        try:
            return self._kms.describe_key(KeyId=alias)["KeyMetadata"]
        except self._kms.exceptions.NotFoundException:
            return None
        except (self._faults.ClientError, self._faults.BotoCoreError) as error:
            raise self._unavailable(error) from None

    def _call(self, operation: str, **arguments: object) -> Any:
        try:
            return getattr(self._kms, operation)(**arguments)
        except (self._faults.ClientError, self._faults.BotoCoreError) as error:
            raise self._unavailable(error) from None

    def _unavailable(self, error: Any) -> KmsUnavailable:
        answered = getattr(error, "response", {})
        name = answered.get("Error", {}).get("Code", type(error).__name__)
        return KmsUnavailable(
            f"AWS KMS did not do as asked ({name})", hint="check the credentials, their policy and the region"
        )


def _alias(workspace: WorkspaceId, name: object) -> str:
    return f"alias/registry/{text_id(workspace)}/{name}"


def _description(workspace: WorkspaceId, number: object) -> str:
    """The key's description, which is also the text whose MAC is the KEK."""
    return f"registry KEK {text_id(workspace)} {number}"
