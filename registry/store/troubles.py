"""What a driver's error says of a database, and what an operator can do about it."""

from __future__ import annotations


def reason(error: Exception) -> str:
    """The driver's own words without the statement and its parameters, which may be long."""
    original = getattr(error, "orig", None) or error
    return str(original).splitlines()[0] if str(original) else type(original).__name__


def hint(error: Exception) -> str:
    """What to do next."""
    told = reason(error).lower()
    hints = {
        "moved away": "put the file back, or start registry again",
        "permission denied to set role": "as the database's administrator: GRANT registry_app TO the role of the URL",
        "permission denied to create role": "as the database's administrator: CREATE ROLE registry_app NOLOGIN, "
        "and GRANT registry_app TO the role of the URL",
        "locked": "another process holds the database: stop it, or try again",
        "readonly": "make the file and its folder writable for this user",
        "read-only": "make the database writable for this user",
        "unable to open": "check that the folder exists and is readable, or run: registry init",
        "no such table": "run: registry db upgrade",
        "does not exist": "create the database, then run: registry db upgrade",
        "full": "free some disk space",
        "malformed": "the file is damaged: run registry doctor, then restore a backup",
        "not a database": "the file is damaged or no SQLite file: run registry doctor",
        "password authentication": "mend the user or the password in the database's URL",
        "connection": "start the database's server, or mend its URL",
        "resolve": "mend the host in the database's URL",
    }
    return next((what for word, what in hints.items() if word in told), "run: registry doctor")
