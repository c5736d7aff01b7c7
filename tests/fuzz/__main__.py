"""Fuzz one reader: `python -m tests.fuzz parts --runs 100000`; a crash is printed with the bytes that made it."""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["registry"]):
    from registry.model.errors import RegistryError
    from tests.fuzz.readers import READERS, seeds

LONGEST = 4096
MEMORY_BYTES = 1024**3


def main() -> None:
    """Run libFuzzer on the reader that is named; ends with 77 at the first finding."""
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    arguments.add_argument("reader", choices=sorted(READERS))
    arguments.add_argument("--runs", type=int, default=100_000)
    arguments.add_argument("--seed", type=int, default=1, help="the same seed gives the same cases")
    asked = arguments.parse_args()
    read = READERS[asked.reader]

    def one(data: bytes) -> None:
        try:
            read(data)
        except RegistryError:
            return

    with tempfile.TemporaryDirectory(prefix="registry-fuzz-") as folder:
        for number, seed in enumerate(seeds(asked.reader)):
            (Path(folder) / str(number)).write_bytes(seed)
        # libFuzzer's own bound counts what the starting process once held; this one counts ours.
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
        options = [f"-runs={asked.runs}", f"-max_len={LONGEST}", f"-seed={asked.seed}", f"-artifact_prefix={folder}/"]
        options.append("-rss_limit_mb=0")
        atheris.Setup([sys.argv[0], *options, "-verbosity=0", folder], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
