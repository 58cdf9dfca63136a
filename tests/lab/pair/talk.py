#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Long connections: `talk.py serve PORT`, and `talk.py ask|listen ADDRESS PORT FILE`.

Who asks sends a line and waits for its echo; who listens says one word and then only hears. How many lines
came back is written to the file as they come, and what broke the connection, if something did.
"""

from __future__ import annotations

import socket
import socketserver
import sys
import time
from pathlib import Path

PAUSE = 0.02


class Speaker(socketserver.StreamRequestHandler):
    """Echoes what it is asked; to who listens it speaks on and on."""

    def handle(self) -> None:
        line = self.rfile.readline()
        while line == b"speak\n":
            self.wfile.write(b"spoken\n")
            time.sleep(PAUSE)
        while line:
            self.wfile.write(line)
            line = self.rfile.readline()


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def serve(port: str) -> None:
    Server(("0.0.0.0", int(port)), Speaker).serve_forever()


def talk(way: str, address: str, port: str, file: str) -> None:
    heard = 0
    try:
        with socket.create_connection((address, int(port))) as connection:
            stream = connection.makefile("rwb", buffering=0)
            if way == "listen":
                stream.write(b"speak\n")
            while True:
                if way == "ask":
                    stream.write(b"%d\n" % heard)
                if not stream.readline():
                    raise ConnectionError("the server ended it")
                heard += 1
                Path(file).write_text(str(heard))
                time.sleep(PAUSE)
    except OSError as error:
        Path(file).write_text(f"broken after {heard}: {error}")


if __name__ == "__main__":
    serve(*sys.argv[2:]) if sys.argv[1] == "serve" else talk(*sys.argv[1:])
