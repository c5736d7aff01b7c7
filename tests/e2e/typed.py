"""`registry` for the shell of a test: found on the PATH as ever, and forked (`tests.forked`) instead of started."""

from __future__ import annotations

import json
import os
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.forked import Command

PROGRAM = """#!{python} -IS
import json, os, signal, socket, sys

with socket.socket(socket.AF_UNIX) as broker:
    broker.connect({at!r})
    told = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
    socket.send_fds(broker, [len(told).to_bytes(4, "big")], [0, 1, 2])
    broker.sendall(told)
    running = int.from_bytes(broker.recv(4), "big")
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda number, _: os.kill(running, number))
    ended = broker.recv(1)
sys.exit(ended[0] if ended else 1)
"""
"""Hands its words, surroundings and files on, and ends as the command does that was forked with them."""


class _Broker(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


class _Typed(socketserver.BaseRequestHandler):
    request: socket.socket

    def handle(self) -> None:
        size, files, *_ = socket.recv_fds(self.request, 4, 3)
        told = b""
        while len(told) < int.from_bytes(size, "big"):
            told += self.request.recv(1 << 16)
        words, environment, folder = json.loads(told)
        running = Command(words, environment, files, folder)
        for file in files:
            os.close(file)
        self.request.sendall(running.pid.to_bytes(4, "big"))
        code = running.wait()
        self.request.sendall(bytes([code if code >= 0 else 128 - code]))


@contextmanager
def path_with_registry(folder: Path) -> Iterator[str]:
    """A PATH on which `registry` is one that is forked, until the block ends; Python is the tests' own."""
    programs = folder / "programs"
    programs.mkdir()
    program, at = programs / "registry", str(programs / "socket")
    program.write_text(PROGRAM.format(python=sys.executable, at=at))
    program.chmod(0o755)
    with _Broker(at, _Typed) as broker:
        threading.Thread(target=broker.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
        finally:
            broker.shutdown()
