"""Bodies of callers whose signature is not proven yet: what is read of them, and how many at a time."""

import hashlib
import socket

import botocore.auth
import botocore.credentials
import pytest
from conftest import REGION, Gateway
from rest import Api, Backend
from signing import host_of, request

KEY = "AKIDEXAMPLEEXAMPLE01"
CONFIG = f"""
[management.keys.{KEY}]
secret = "alice-secret"
name = "alice"
"""
#: As many as a core holds of the largest ones.
ROOMS = 6
LARGEST = 10 << 20


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """One core, and a key."""
    gateway = Gateway(tmp_path_factory.mktemp("unproven"), CONFIG)
    yield gateway
    gateway.stop()


@pytest.fixture
def api(gateway):
    """A REST API with a method that asks for signatures and one that does not."""
    made = Api(gateway, gateway.client("apigateway", key=KEY, secret="alice-secret"))
    made.backend = Backend()
    made.method("/x", "POST", method={"authorizationType": "AWS_IAM"}, type="HTTP_PROXY", uri=made.backend.url)
    made.method("/open", "POST", type="HTTP_PROXY", uri=made.backend.url)
    made.deploy()
    yield made
    made.delete()
    made.backend.stop()


def begin(api, path, body=b"", named=None, secret="alice-secret", announced=LARGEST, wish=False):
    """A connection on which a head is sent; the body waits to be asked for."""
    headers = {**({"x-amz-content-sha256": named} if named else {}), **({"x-daemun-explain": "1"} if wish else {})}
    made = request("POST", f"http://{host_of(api.id)}/prod{path}", body, headers)
    credentials = botocore.credentials.Credentials(KEY, secret)
    botocore.auth.SigV4Auth(credentials, "execute-api", REGION).add_auth(made)
    lines = [f"POST /prod{path} HTTP/1.1", f"Host: {host_of(api.id)}", f"Content-Length: {announced}",
             "Expect: 100-continue", *(f"{name}: {value}" for name, value in made.headers.items())]
    host, port = api.gateway.main.rsplit(":", 1)
    raw = socket.create_connection((host, int(port)), timeout=20)
    raw.sendall("\r\n".join([*lines, "", ""]).encode())
    return raw


def first(raw):
    """The first line that comes."""
    got = b""
    while b"\r\n" not in got:
        more = raw.recv(1)
        assert more, got
        got += more
    return got.strip().decode()


def whole(raw, body):
    """The status of the answer to a body that has been asked for."""
    assert first(raw) == "HTTP/1.1 100 Continue"
    assert first(raw) == ""
    raw.sendall(body)
    return int(first(raw).split()[1])


def test_a_named_hash_proves_who_signed_before_the_body_is_read(api):
    """A wrong one is refused at its head; another body than the named one is refused too."""
    body = b"x" * 200_000
    named = hashlib.sha256(body).hexdigest()
    for sent, secret, expected in [(body, "alice-secret", 200), (body, "wrong", None), (b"y" * len(body), "alice-secret", 403)]:
        raw = begin(api, "/x", body, named, secret, len(body))
        if expected is None:
            assert first(raw) == "HTTP/1.1 403 Forbidden"
        else:
            assert whole(raw, sent) == expected
        raw.close()
    assert api.backend.count() == 1 and api.backend.last()[3] == body


@pytest.mark.parametrize("path,wish", [("/x", False), ("/open", True)], ids=["IAM", "explained"])
def test_a_core_holds_so_many_bodies_that_nobody_has_proven_to_have_signed(api, path, wish):
    """One more is not read; small ones and those of a named hash are, and an end makes room."""
    held = [begin(api, path, secret="wrong", wish=wish) for _ in range(ROOMS)]
    for raw in held:
        assert first(raw) == "HTTP/1.1 100 Continue"
    more = begin(api, "/x")
    assert first(more) == "HTTP/1.1 429 Too Many Requests"
    more.close()
    assert whole(begin(api, "/x", b"small", announced=5), b"small") == 200
    body = b"x" * 100_000
    assert whole(begin(api, "/x", body, hashlib.sha256(body).hexdigest(), announced=len(body)), body) == 200
    for raw in held:
        raw.close()
    # A connection's end is seen when the core comes to it.
    for _ in range(100):
        again = begin(api, "/x", body, announced=len(body))
        line = first(again)
        if line == "HTTP/1.1 100 Continue":
            break
        again.close()
    assert line == "HTTP/1.1 100 Continue"
    assert first(again) == ""
    again.sendall(body)
    assert first(again) == "HTTP/1.1 200 OK"
