"""Raw connections to a gateway, on which a stream is read as it comes."""

import socket

from conftest import REGION


def connect(gateway, api, path, head=""):
    """A raw connection on which a request is under way."""
    host, port = gateway.main.rsplit(":", 1)
    raw = socket.create_connection((host, int(port)), timeout=20)
    name = f"{api.id}.execute-api.{REGION}.amazonaws.com"
    raw.sendall(f"GET /prod{path} HTTP/1.1\r\nHost: {name}\r\n{head}\r\n".encode())
    return raw


def until(raw, end):
    """What comes up to and with `end`."""
    got = b""
    while end not in got:
        more = raw.recv(65_536)
        assert more, got
        got += more
    return got


def breaks_off(gateway, api):
    """The stream of `/breaks` begins well and ends without its end."""
    raw = connect(gateway, api, "/breaks")
    assert until(raw, b"half").startswith(b"HTTP/1.1 200")
    try:
        assert b"0\r\n\r\n" not in raw.recv(100)
    except ConnectionResetError:
        pass
    raw.close()
