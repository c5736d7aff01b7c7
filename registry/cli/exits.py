"""Exit codes that scripts can use, and the one way from an error to one of them."""

from __future__ import annotations

from enum import IntEnum

from registry.model import errors


class Exit(IntEnum):
    """What a command's exit code means."""

    OK = 0
    NO = 1
    USAGE = 2
    NOT_READY = 3
    NOT_FOUND = 4
    UNAVAILABLE = 5
    NOT_ALLOWED = 6


MEANINGS = {
    Exit.OK: "done",
    Exit.NO: "the answer is no: consent denied, a check failed, a document does not verify",
    Exit.USAGE: "wrong usage, or a setting that cannot be used",
    Exit.NOT_READY: "no registry here, or a schema of another version",
    Exit.NOT_FOUND: "no such thing, or the input is not valid",
    Exit.UNAVAILABLE: "a database or the key service cannot be used now",
    Exit.NOT_ALLOWED: "the policy, or the state of the thing, does not allow it",
}
"""Each code in words, as the reference has them."""

_CODES: dict[type[errors.RegistryError], Exit] = {
    errors.RegistryError: Exit.UNAVAILABLE,
    errors.InvalidInput: Exit.NOT_FOUND,
    errors.NotFound: Exit.NOT_FOUND,
    errors.DocumentInvalid: Exit.NO,
    errors.SignatureInvalid: Exit.NO,
    errors.NotInitialised: Exit.NOT_READY,
    errors.SchemaMismatch: Exit.NOT_READY,
    errors.SettingInvalid: Exit.USAGE,
    errors.TooLarge: Exit.NOT_FOUND,
    errors.Unauthenticated: Exit.NO,
    errors.Conflict: Exit.NOT_ALLOWED,
    errors.Forgotten: Exit.NOT_ALLOWED,
    errors.RequestDamaged: Exit.NOT_ALLOWED,
    errors.Forbidden: Exit.NOT_ALLOWED,
    errors.PurposeDenied: Exit.NOT_ALLOWED,
}


def exit_for(error: errors.RegistryError) -> Exit:
    """The exit code of an error: of its class, or of the nearest class above it."""
    return next(_CODES[kind] for kind in type(error).__mro__ if kind in _CODES)
