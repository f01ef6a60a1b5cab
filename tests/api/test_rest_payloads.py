"""Binary payloads, compression and the cache in the calls of REST APIs."""

import concurrent.futures
import gzip
import http.client
import time
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


def cached_api(make, v1, backend, kind="HTTP_PROXY", **settings):
    """An API whose stage keeps the answers of GET /a by the query `q`."""
    api = make()
    declared = {"method.request.querystring.q": False}
    responses = {"200": {}} if kind == "HTTP" else None
    keys = {"cacheKeyParameters": ["method.request.querystring.q"]}
    for verb in ["GET", "POST"]:
        api.method("/a", verb, responses, {"requestParameters": declared}, type=kind, uri=backend.url + "/a", **keys)
    api.deploy(cacheClusterEnabled=True, cacheClusterSize="0.5")
    wanted = {"caching/enabled": "true", "caching/ttlInSeconds": "300", **settings}
    patches = [{"op": "replace", "path": f"/*/*/{name}", "value": value} for name, value in wanted.items()]
    v1.update_stage(restApiId=api.id, stageName="prod", patchOperations=patches)
    return api


@pytest.mark.parametrize("kind", ["HTTP", "HTTP_PROXY"])
def test_answers_are_kept_by_their_keys(make, v1, backend, kind):
    """One call for each value of the key parameters; only GET unless a method says more; flushed at once."""
    api = cached_api(make, v1, backend, kind)
    start = backend.count()
    for query, calls in [("?q=1", 1), ("?q=1&other=2", 1), ("?q=2", 2), ("?q=1", 2)]:
        assert api.call("GET", "/a" + query)[0] == 200
        assert backend.count() - start == calls, query
    api.call("POST", "/a?q=1")
    api.call("POST", "/a?q=1")
    assert backend.count() - start == 4
    v1.flush_stage_cache(restApiId=api.id, stageName="prod")
    api.call("GET", "/a?q=1")
    assert backend.count() - start == 5
    backend.answers(500, b"failed")
    for _ in range(2):
        api.call("GET", "/a?q=9")
    assert backend.count() - start == (6 if kind == "HTTP" else 7)


def test_kept_answers_end_with_their_time(make, v1, backend):
    """The time to live of the method's settings."""
    api = cached_api(make, v1, backend, **{"caching/ttlInSeconds": "1"})
    start = backend.count()
    api.call("GET", "/a")
    api.call("GET", "/a")
    assert backend.count() - start == 1
    time.sleep(1.1)
    api.call("GET", "/a")
    assert backend.count() - start == 2


def test_who_wants_a_fresh_answer_gets_it_if_allowed(make, v1, backend):
    """`Cache-Control: max-age=0` under each strategy."""
    fresh = {"Cache-Control": "max-age=0"}
    name = "caching/requireAuthorizationForCacheControl"
    api = cached_api(make, v1, backend, **{name: "false"})
    start = backend.count()
    for headers in [{}, fresh, {}]:
        assert api.call("GET", "/a", headers=headers)[0] == 200
    assert backend.count() - start == 2
    for strategy, status, warned in [
        ("FAIL_WITH_403", 403, False),
        ("SUCCEED_WITH_RESPONSE_HEADER", 200, True),
        ("SUCCEED_WITHOUT_RESPONSE_HEADER", 200, False),
    ]:
        more = {name: "true", "caching/unauthorizedCacheControlHeaderStrategy": strategy}
        api = cached_api(make, v1, backend, **more)
        api.call("GET", "/a")
        start = backend.count()
        got, headers, _ = api.call("GET", "/a", headers=fresh)
        assert (got, "warning" in headers, backend.count() - start) == (status, warned, 0), strategy


def test_concurrent_misses_make_one_call(make, v1, backend):
    """Those who come while somebody asks wait for the answer."""
    api = cached_api(make, v1, backend)
    start = backend.count()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: api.call("GET", "/a?q=many")[0], range(16)))
    assert statuses == [200] * 16
    assert backend.count() - start == 1
