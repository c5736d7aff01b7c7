"""Sends calls with rudder-sdk-python; run as a script, with the SDK on `PYTHONPATH`.

Reads a job as JSON from standard input (`url`, `key`, `calls`, `options`) and writes the errors that the SDK reported.
"""

from __future__ import annotations

import json
import sys

from rudderstack.analytics.client import Client  # type: ignore[import-not-found]


def main() -> None:
    """Send the job's calls."""
    job = json.load(sys.stdin)
    errors: list[str] = []
    client = Client(
        job["key"], host=job["url"], upload_interval=0.05, timeout=30,
        on_error=lambda error, _batch: errors.append(str(error)), **job["options"],
    )  # fmt: skip
    for name, call in job["calls"]:
        getattr(client, name)(**call)
    client.shutdown()
    json.dump(errors, sys.stdout)


if __name__ == "__main__":
    main()
