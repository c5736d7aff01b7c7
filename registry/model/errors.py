"""Errors: we cannot go on. (A violation is about an event, a decision is an answer; both are values.)

Each class has a stable `code`, the last part of its problem type URI. `detail` says what was wrong
and where, `hint` what to do next. Neither ever holds a personal value: they reach logs and callers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self


class RegistryError(Exception):
    """Base of every error of ours.

    Args:
        detail: one sentence, without personal values.
        hint: what the caller can do about it.
        pointer: JSON pointer or field name of what was wrong, where there is one.
        extra: further members of the problem document, JSON values without personal data.
    """

    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong"

    def __init__(
        self,
        detail: str,
        *,
        hint: str | None = None,
        pointer: str | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.pointer = pointer
        self.extra = dict(extra or {})


class InvalidInput(RegistryError):
    """The caller's data is not of the form that the operation takes."""

    code = "invalid-input"
    title = "The request is not valid"


class MalformedJson(InvalidInput):
    """The body is not JSON, or not the JSON type that was expected."""

    code = "malformed-json"
    title = "The body is not the JSON expected"


class TooLarge(RegistryError):
    """A body, event or batch is over its limit, before or after decompression."""

    code = "too-large"
    title = "Over a size limit"


class Unauthenticated(RegistryError):
    """No credential, or one that is unknown, expired or revoked."""

    code = "unauthenticated"
    title = "Not authenticated"


class Forbidden(RegistryError):
    """The principal is known, and policy does not allow this; `extra.rule` names the rule."""

    code = "forbidden"
    title = "Not allowed"


class PurposeDenied(RegistryError):
    """The read is refused because the purpose is not permitted for this subject."""

    code = "purpose-denied"
    title = "This purpose is not permitted"


class UnknownPurpose(InvalidInput):
    """The purpose is not in the workspace's policy."""

    code = "unknown-purpose"
    title = "Unknown purpose"


class NotFound(RegistryError):
    """There is no such thing in this workspace."""

    code = "not-found"
    title = "Not found"


class Conflict(RegistryError):
    """The thing exists already, or is in a state that does not allow this."""

    code = "conflict"
    title = "Conflict with the present state"


class Overloaded(RegistryError):
    """The queue is full: try again after `retry_after_s` seconds."""

    code = "overloaded"
    title = "Too many requests"

    def __init__(self, detail: str, *, retry_after_s: int = 1) -> None:
        super().__init__(detail, hint=f"retry after {retry_after_s} s")
        self.retry_after_s = retry_after_s


class DocumentInvalid(RegistryError):
    """A reviewed file (policy, plan) is wrong. `faults` lists every place.

    Each fault is a mapping with `file`, `line`, `column`, `pointer` and `reason`.
    """

    code = "document-invalid"
    title = "A policy or plan file is not valid"

    def __init__(self, faults: Sequence[Mapping[str, object]]) -> None:
        first = faults[0]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(
            f"{first['file']}:{first['line']}:{first['column']}: {first['reason']}{more}",
            hint="mend the file; registry policies check, plans lint or connectors check says what is left",
            pointer=str(first["pointer"]),
            extra={"faults": [dict(fault) for fault in faults]},
        )
        self.faults = tuple(dict(fault) for fault in faults)


class PlanNotFound(NotFound):
    """A source is bound to a plan or version that is not published."""

    code = "plan-not-found"
    title = "No such tracking plan"


class PlanImmutable(Conflict):
    """A published plan version cannot be changed; publish a new version."""

    code = "plan-immutable"
    title = "A published plan cannot change"


class SealBroken(RegistryError):
    """A ciphertext does not open: truncated, altered, moved, or under another key."""

    code = "seal-broken"
    title = "A sealed value cannot be opened"


class RequestDamaged(SealBroken):
    """What a request itself holds sealed does not open: whom it names, or what it corrects."""

    code = "request-damaged"
    title = "What the request holds sealed cannot be opened"


class KeyMissing(RegistryError):
    """The key is not in the keystore: shredded, or the keystore does not belong to the data."""

    code = "key-missing"
    title = "The key is gone"


class Forgotten(KeyMissing):
    """Whom a request names cannot be read: it has ended, or an older keystore was put back."""

    code = "request-forgotten"
    title = "Whom the request names cannot be read any more"


class KmsUnavailable(RegistryError):
    """The key management service did not answer; nothing is opened or sealed without it."""

    code = "kms-unavailable"
    title = "The key service is unavailable"


class KeyFileInsecure(RegistryError):
    """The KEK file can be read by others, or is not a regular file."""

    code = "key-file-insecure"
    title = "The key file's permissions are too open"


REFUSED = "refused"
"""The member of an error that says that a constraint of a database outside refused what was asked."""


class LinkedSystemUnavailable(RegistryError):
    """A system outside that a request has to reach does not answer, or did not do what it was asked."""

    code = "linked-system-unavailable"
    title = "A linked system is unavailable"

    waiting: str | None = None
    """The system that a request waits for now. Its detail is then for whoever ran it, and stands in the request, too;
    `extra` says since when it waits, how often it was tried, and when it is next."""


class RequestStopped(RegistryError):
    """A fault of Registry's own stopped a request: it waits, and is tried again. What was raised is the `__cause__`,
    for its type and place alone: its text may hold what a row held.
    """

    code = "request-stopped"
    title = "A fault of Registry's own stopped the request"

    @classmethod
    def by(cls, cause: BaseException) -> Self:
        """The error for what was raised."""
        return cls(
            f"a fault of Registry's own stopped it here ({type(cause).__name__})",
            hint="it is tried again by itself; the server's log has the place: report it, or install a mended version",
        )


class StoreUnavailable(RegistryError):
    """The database cannot commit now: locked, read-only, missing, full, or gone."""

    code = "store-unavailable"
    title = "The store cannot commit"


class SchemaMismatch(RegistryError):
    """The database has an older or a newer schema version than this program."""

    code = "schema-mismatch"
    title = "The database is of another schema version"


class SignatureInvalid(RegistryError):
    """A signed document (certificate, receipt, checkpoint) does not verify."""

    code = "signature-invalid"
    title = "The signature does not verify"


class NotInitialised(RegistryError):
    """There is no registry in this directory or database yet."""

    code = "not-initialised"
    title = "Nothing has been initialised here"


class SettingInvalid(RegistryError):
    """A setting (environment, file or option) has a value that cannot be used."""

    code = "setting-invalid"
    title = "A setting is not valid"
