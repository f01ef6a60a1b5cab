"""Binary payloads and compression in the calls of REST APIs."""

import gzip
import http.client
import zlib

import pytest
from conftest import REGION
from rest import Api

PNG = b"\x89PNG\xff\x00"
TO_TEXT, TO_BINARY = "CONVERT_TO_TEXT", "CONVERT_TO_BINARY"


@pytest.fixture
def make(gateway, v1, backend):
    """Makes APIs and takes them away again; the upstream says 200 again."""
    made = []

    def api(**more):
        made.append(Api(gateway, v1, **more))
        return made[-1]

    backend.answers()
    yield api
    for one in made:
        one.delete()


def raw(gateway, api, method, path, body=None, headers=None):
    """Status, headers by lower-case names, and bytes of a call."""
    connection = http.client.HTTPConnection(gateway.main, timeout=10)
    host = {"host": f"{api.id}.execute-api.{REGION}.amazonaws.com"}
    connection.request(method, f"/prod{path}", body=body, headers={**host, **(headers or {})})
    answer = connection.getresponse()
    given = {name.lower(): value for name, value in answer.getheaders()}
    body = answer.read()
    connection.close()
    return answer.status, given, body


@pytest.mark.parametrize(
    "handling, kind, sent, expected",
    [
        (None, "image/png", PNG, PNG),
        (None, "text/plain", b"a\xff", "a\ufffd".encode()),
        (TO_TEXT, "image/png", b"abc", b"YWJj"),
        (TO_TEXT, "text/plain", b"abc", b"abc"),
        (TO_BINARY, "text/plain", b"YWJj", b"abc"),
        (TO_BINARY, "text/plain", b"no base64!", None),
        (TO_BINARY, "image/png", PNG, PNG),
    ],
)
def test_request_bodies_follow_the_table_of_content_handling(gateway, make, backend, handling, kind, sent, expected):
    """A row of AWS's table each."""
    api = make(binaryMediaTypes=["image/png"])
    more = {"contentHandling": handling} if handling else {}
    api.method("/", "POST", {"200": {}}, type="HTTP", uri=backend.url, **more)
    api.deploy()
    status, _, body = raw(gateway, api, "POST", "/", sent, {"Content-Type": kind})
    if expected is None:
        assert (status, body) == (500, b'{"message":"Internal server error"}')
    else:
        assert (status, backend.last()[3]) == (200, expected)


@pytest.mark.parametrize(
    "handling, kind, accept, said, expected",
    [
        (None, "text/plain", "text/plain", b"YWJj", b"YWJj"),
        (None, "text/plain", "image/png", b"YWJj", b"abc"),
        (None, "text/plain", "image/png", b"no base64!", None),
        (None, "image/png", "image/png, text/plain", PNG, PNG),
        (None, "image/png", "text/plain, image/png", b"abc", b"YWJj"),
        (TO_TEXT, "image/png", "image/png", b"abc", b"YWJj"),
        (TO_BINARY, "text/plain", "text/plain", b"YWJj", b"abc"),
        (TO_BINARY, "image/png", "text/plain", PNG, PNG),
    ],
)
def test_answers_follow_the_table_of_content_handling(gateway, make, backend, handling, kind, accept, said, expected):
    """A row of AWS's table each."""
    api = make(binaryMediaTypes=["image/png"])
    more = {"contentHandling": handling} if handling else {}
    api.method("/", "GET", {"200": more}, type="HTTP", uri=backend.url)
    api.deploy()
    backend.answers(200, said, (("content-type", kind),))
    status, _, body = raw(gateway, api, "GET", "/", headers={"Accept": accept})
    assert (status, body) == ((500, b'{"message":"Internal server error"}') if expected is None else (200, expected))


def test_a_template_sees_binary_data_as_base64_only(gateway, make, backend):
    """Converted to text it is base64; as bytes it is an error."""
    template = {"image/png": "got $input.body"}
    for path, handling in [("/text", TO_TEXT), ("/bytes", TO_BINARY)]:
        api = make(binaryMediaTypes=["image/png"])
        api.method(
            path, "POST", {"200": {}}, type="HTTP", uri=backend.url, requestTemplates=template, contentHandling=handling
        )
        api.deploy()
        status, _, _ = raw(gateway, api, "POST", path, b"abc", {"Content-Type": "image/png"})
        if handling == TO_TEXT:
            assert (status, backend.last()[3]) == (200, b"got YWJj")
        else:
            assert status == 500


@pytest.mark.parametrize("kind", ["HTTP", "HTTP_PROXY"])
def test_large_answers_are_compressed_for_who_likes_it(gateway, make, backend, kind):
    """From the minimum size on, with a coding that the client accepts; what is coded already stays."""
    api = make(minimumCompressionSize=100)
    api.method("/", "GET", {"200": {}} if kind == "HTTP" else None, type=kind, uri=backend.url)
    api.deploy()
    large = b"x" * 100_000
    backend.answers(200, large)
    status, headers, body = raw(gateway, api, "GET", "/", headers={"Accept-Encoding": "br, gzip"})
    assert (status, headers["content-encoding"], gzip.decompress(body)) == (200, "gzip", large)
    assert len(body) < 1_000
    _, headers, body = raw(gateway, api, "GET", "/", headers={"Accept-Encoding": "deflate"})
    assert (headers["content-encoding"], zlib.decompress(body)) == ("deflate", large)
    _, headers, body = raw(gateway, api, "GET", "/")
    assert "content-encoding" not in headers and body == large
    backend.answers(200, b"small")
    _, headers, body = raw(gateway, api, "GET", "/", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in headers and body == b"small"


def test_compressed_requests_are_read(gateway, make, backend):
    """Mappings see the payload; what is not gzip is a bad request, a bomb is too large."""
    api = make(minimumCompressionSize=0)
    template = {"application/json": "$input.path('$.a')"}
    api.method("/", "POST", {"200": {}}, type="HTTP", uri=backend.url, requestTemplates=template)
    api.deploy()
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert raw(gateway, api, "POST", "/", gzip.compress(b'{"a": "b"}'), headers)[0] == 200
    assert backend.last()[3] == b"b"
    assert raw(gateway, api, "POST", "/", b"no gzip", headers)[0] == 400
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert raw(gateway, api, "POST", "/", bomb, headers)[0] == 413
