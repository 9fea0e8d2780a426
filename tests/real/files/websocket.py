"""A WebSocket's opening and its frames, as far as the tests need them: one small binary message at a time (RFC 6455)."""

import base64
import hashlib
import os
import socket

ACCEPTED_WITH = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept(key):
    """What a server answers to a client's key."""
    return base64.b64encode(hashlib.sha1((key + ACCEPTED_WITH).encode()).digest()).decode()


def exactly(stream, count):
    data = stream.read(count)
    if len(data) != count:
        raise ConnectionError("the other side has closed the connection")
    return data


def received(stream):
    """The next message's content; no test sends one in parts."""
    _, length = exactly(stream, 2)
    masked, length = length & 0x80, length & 0x7F
    if length == 126:
        length = int.from_bytes(exactly(stream, 2), "big")
    mask = exactly(stream, 4) if masked else b"\0" * 4
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(exactly(stream, length)))


def frame(message, mask=b""):
    """A binary message of less than 126 bytes, masked as clients do where there is a mask."""
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(message)) if mask else message
    return bytes([0x82, len(message) | (0x80 if mask else 0)]) + mask + masked


class Client:
    """An opened WebSocket; `status` is what the server answered to the opening."""

    def __init__(self, port, path, protocol=None, host="127.0.0.1"):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.stream = self.socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
        lines += [f"Sec-WebSocket-Protocol: {protocol}"] if protocol else []
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.status = int(self.stream.readline().split()[1])
        self.headers = {}
        while line := self.stream.readline().strip():
            name, _, value = line.decode().partition(": ")
            self.headers[name.lower()] = value
        self.accepted = self.headers.get("sec-websocket-accept") == accept(key)

    def send(self, message):
        self.socket.sendall(frame(message, os.urandom(4)))

    def receive(self):
        return received(self.stream)

    def close(self):
        self.stream.close()
        self.socket.close()
