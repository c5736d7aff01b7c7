"""Where an error came from, as logs and the command line say it: its type and place, never its text, which may hold
what a row held.
"""

from __future__ import annotations


def origin(error: BaseException) -> dict[str, str]:
    """The type and the place of whatever an error was raised for, if anything."""
    cause = error.__cause__
    return {"error": type(cause).__name__, "where": where(cause)} if cause is not None else {}


def where(error: BaseException) -> str:
    """The file and the line that raised it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown"
