"""Sends calls with whichever segment-analytics-python is found first; run as a script, so that versions stay apart.

Reads jobs as JSON from standard input and writes, for each, the errors that the SDK reported.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from typing import Any

from segment.analytics.client import Client


def run(job: dict[str, Any]) -> list[str]:
    """Send one job's calls; the errors that the SDK reported."""
    errors: list[str] = []
    client = Client(
        job["write_key"], host=job["host"], gzip=job.get("gzip", False), max_retries=job.get("max_retries", 10),
        upload_size=job.get("upload_size", 100), upload_interval=0.05, timeout=30,
        on_error=lambda error, _batch: errors.append(f"{type(error).__name__}: {error}"),
    )  # fmt: skip
    for call in job["calls"]:
        getattr(client, call["type"])(**call["arguments"])
    client.shutdown()
    return errors


if __name__ == "__main__":
    answers = [run(job) for job in json.load(sys.stdin)]
    json.dump({"version": version("segment-analytics-python"), "errors": answers}, sys.stdout)
