"""Exit codes that scripts can use, and the one way from an error to one of them."""

from __future__ import annotations

from enum import IntEnum

from registry.model import errors


class Exit(IntEnum):
    """What a command's exit code means."""

    OK = 0
    NO = 1
    """The answer is no: consent denied, a check failed, a document does not verify."""
    USAGE = 2
    NOT_READY = 3
    """No registry here, or its schema is of another version."""
    NOT_FOUND = 4
    """No such thing, or the input is not valid."""
    UNAVAILABLE = 5
    """A database or the key service cannot be used now."""
    NOT_ALLOWED = 6
    """The policy, or the state of the thing, does not allow it."""


_CODES: dict[type[errors.RegistryError], Exit] = {
    errors.RegistryError: Exit.UNAVAILABLE,
    errors.InvalidInput: Exit.NOT_FOUND,
    errors.NotFound: Exit.NOT_FOUND,
    errors.DocumentInvalid: Exit.NO,
    errors.SignatureInvalid: Exit.NO,
    errors.NotInitialised: Exit.NOT_READY,
    errors.SchemaMismatch: Exit.NOT_READY,
    errors.SettingInvalid: Exit.USAGE,
    errors.Conflict: Exit.NOT_ALLOWED,
    errors.Forbidden: Exit.NOT_ALLOWED,
    errors.PurposeDenied: Exit.NOT_ALLOWED,
}


def exit_for(error: errors.RegistryError) -> Exit:
    """The exit code of an error: of its class, or of the nearest class above it."""
    return next(_CODES[kind] for kind in type(error).__mro__ if kind in _CODES)
