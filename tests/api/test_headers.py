"""Headers in both directions, by the rules of each kind of API: through a raw upstream and a raw client."""

import re
import socket
import threading

import pytest
from conftest import REGION

# What a backend says besides its length, one line each.
SAID = [
    "Authorization: a",
    "Connection: keep-alive",
    "Content-Encoding: identity",
    "Content-MD5: a",
    "Content-Type: text/plain",
    "Date: Thu, 01 Jan 1970 00:00:00 GMT",
    "Keep-Alive: timeout=5",
    "Server: backend",
    "Via: 1.1 backend",
    "WWW-Authenticate: Basic",
    "X-Own: own",
    "apigw-requestid: backend",
    "x-amz-apigw-id: backend",
    "x-amzn-RequestId: 00000000-0000-4000-8000-000000000000",
]

# What a client says besides its host.
ASKED = {
    "Accept": "*/*",
    "Authorization": "Basic YTpi",
    "Content-Encoding": "identity",
    "Content-MD5": "a",
    "Forwarded": "for=1.1.1.1",
    "Max-Forwards": "5",
    "Pragma": "no-cache",
    "Range": "bytes=0-1",
    "Referer": "http://r.example",
    "Server": "client",
    "TE": "trailers",
    "User-Agent": "tester",
    "Via": "1.0 before",
    "Warn": "w",
    "WWW-Authenticate": "x",
    "X-Forwarded-For": "2.2.2.2, ::1",
    "X-Forwarded-Proto": "https",
    "X-Own": "own",
}

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
EXTENDED = r"[A-Za-z0-9_-]{15}="
ROOT = r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}"


@pytest.fixture(scope="module")
def backend():
    """The URL of a backend that keeps what it was asked as (name, value) pairs, and those pairs."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen = []

    def serve(connection):
        with connection:
            reader = connection.makefile("rb")
            while line := reader.readline():
                fields = []
                while (field := reader.readline()) != b"\r\n":
                    name, _, value = field.decode().strip().partition(":")
                    fields.append((name.lower(), value.strip()))
                seen.append((line.decode().strip(), fields))
                connection.sendall("\r\n".join(["HTTP/1.1 200 OK", *SAID, "Content-Length: 2", "", "ok"]).encode())

    def accept():
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=serve, args=[connection], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", seen
    listener.close()


@pytest.fixture(scope="module")
def http_api(v2, backend):
    """An HTTP API in front of the backend."""
    api = v2.create_api(Name="h", ProtocolType="HTTP", Target=backend[0])["ApiId"]
    yield api
    v2.delete_api(ApiId=api)


@pytest.fixture(scope="module")
def rest_api(v1, backend):
    """A REST API with one method in front of the backend and one of its own."""
    api = v1.create_rest_api(name="r")
    where = {"restApiId": api["id"], "resourceId": api["rootResourceId"]}
    v1.put_method(**where, httpMethod="GET", authorizationType="NONE")
    v1.put_integration(**where, httpMethod="GET", type="HTTP_PROXY", integrationHttpMethod="GET", uri=backend[0])
    v1.put_method(**where, httpMethod="PUT", authorizationType="NONE")
    v1.put_integration(
        **where, httpMethod="PUT", type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'}
    )
    v1.put_method_response(**where, httpMethod="PUT", statusCode="200")
    v1.put_integration_response(**where, httpMethod="PUT", statusCode="200")
    v1.create_deployment(restApiId=api["id"], stageName="s")
    yield api["id"]
    v1.delete_rest_api(restApiId=api["id"])


def ask(gateway, api, path, method="GET", headers=ASKED):
    """The answer's status and its fields as (lower-case name, value) pairs."""
    host, port = gateway.main.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {api}.execute-api.{REGION}.amazonaws.com", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        text = connection.makefile("rb").read().decode()
    head = text.partition("\r\n\r\n")[0].split("\r\n")
    fields = [line.partition(":") for line in head[1:]]
    return int(head[0].split()[1]), [(name.lower(), value.strip()) for name, _, value in fields]


def without(fields, *names):
    """The fields but for these."""
    return sorted((name, value) for name, value in fields if name not in names)


def test_an_http_api_tells_its_backend_by_forwarded_and_via(gateway, http_api, backend):
    """`X-Forwarded-*` becomes `Forwarded`, the trace is named, all else is passed on."""
    status, _ = ask(gateway, http_api, "/")
    assert status == 200
    line, fields = backend[1][-1]
    sent = dict(fields)
    assert line.startswith("GET / ")
    host = f"{http_api}.execute-api.{REGION}.amazonaws.com"
    expected = f'for=1.1.1.1, for=2.2.2.2, for="::1", by=127.0.0.1;for=127.0.0.1;host={host};proto=http'
    assert sent["forwarded"] == expected
    assert sent["via"] == "1.0 before, HTTP/1.1 AmazonAPIGateway"
    assert re.fullmatch(ROOT, sent["x-amzn-trace-id"])
    assert sent["host"] == backend[0].removeprefix("http://")
    gone = {"te", "forwarded", "via", "x-forwarded-for", "x-forwarded-proto"}
    kept = {name.lower(): value for name, value in ASKED.items() if name.lower() not in gone}
    assert dict(without(fields, "forwarded", "via", "host", "x-amzn-trace-id")) == kept


def test_an_http_api_gives_the_backends_answer_and_its_own_id(gateway, http_api):
    """Nothing is remapped; what belongs to the backend's connection is left out."""
    _, given = ask(gateway, http_api, "/")
    fields = dict(given)
    assert re.fullmatch(EXTENDED, fields["apigw-requestid"])
    assert [name for name, _ in given].count("apigw-requestid") == 1
    said = dict(line.lower().split(": ", 1) for line in SAID)
    for name in ("connection", "keep-alive", "apigw-requestid"):
        del said[name]
    got = dict(without(given, "apigw-requestid", "connection", "content-length"))
    assert {name: value.lower() for name, value in got.items()} == said


def test_a_request_without_content_gets_a_content_type(gateway, http_api, backend):
    """Only where the client says that there are 0 bytes, and no type."""
    ask(gateway, http_api, "/", "POST", {"Content-Length": "0"})
    assert dict(backend[1][-1][1])["content-type"] == "application/json"
    ask(gateway, http_api, "/", "POST", {"Content-Length": "0", "Content-Type": "a/b"})
    assert [value for name, value in backend[1][-1][1] if name == "content-type"] == ["a/b"]
    ask(gateway, http_api, "/", "GET", {})
    assert "content-type" not in dict(backend[1][-1][1])


def test_a_rest_proxy_sends_what_aws_sends(gateway, rest_api, backend):
    """The dropped set, the two fields of AWS, and no word about the client."""
    status, _ = ask(gateway, rest_api, "/s/")
    assert status == 200
    fields = backend[1][-1][1]
    sent = dict(fields)
    assert sent["x-amzn-apigateway-api-id"] == rest_api
    assert re.fullmatch(ROOT + ";Parent=[0-9a-f]{16};Sampled=0", sent["x-amzn-trace-id"])
    passed = ("Accept", "Authorization", "Forwarded", "Pragma", "Range", "Referer", "User-Agent", "Warn", "X-Own")
    expected = sorted((name.lower(), ASKED[name]) for name in passed)
    assert without(fields, "host", "x-amzn-apigateway-api-id", "x-amzn-trace-id") == expected


def test_a_signature_for_the_gateway_is_not_sent_on(gateway, rest_api, backend):
    """`Authorization` goes unless it is SigV4."""
    signature = "AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/execute-api/aws4_request"
    ask(gateway, rest_api, "/s/", headers={"Authorization": signature})
    assert "authorization" not in dict(backend[1][-1][1])


def test_a_rest_proxy_remaps_the_backends_answer(gateway, rest_api):
    """`x-amzn-Remapped-` in front of what would be taken for the gateway's own."""
    _, given = ask(gateway, rest_api, "/s/")
    fields = dict(given)
    remapped = {name[16:] for name in fields if name.startswith("x-amzn-remapped-")}
    assert remapped == {
        "authorization",
        "connection",
        "content-length",
        "content-md5",
        "date",
        "server",
        "www-authenticate",
        "x-amzn-requestid",
    }
    assert fields["x-amzn-remapped-date"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    own = {name: value for name, value in fields.items() if not name.startswith("x-amzn-remapped-")}
    assert re.fullmatch(UUID, own.pop("x-amzn-requestid"))
    assert re.fullmatch(EXTENDED, own.pop("x-amz-apigw-id"))
    assert own.pop("date") != fields["x-amzn-remapped-date"]
    assert own == {
        "apigw-requestid": "backend",
        "connection": "close",
        "content-encoding": "identity",
        "content-length": "2",
        "content-type": "text/plain",
        "via": "1.1 backend",
        "x-own": "own",
    }
    assert len(given) == len(fields)


def test_a_client_may_go_on_with_its_trace(gateway, rest_api, http_api, backend):
    """Its root is kept, what it leaves out is filled in."""
    root = "Root=1-3152b799-8954dae64eda91bc9a23a7e8"
    whole = f"{root};Parent=7fa8c0f79203be72;Sampled=1"
    ask(gateway, rest_api, "/s/", headers={"X-Amzn-Trace-Id": whole})
    assert dict(backend[1][-1][1])["x-amzn-trace-id"] == whole
    ask(gateway, rest_api, "/s/", headers={"X-Amzn-Trace-Id": root})
    assert re.fullmatch(root + ";Parent=[0-9a-f]{16};Sampled=0", dict(backend[1][-1][1])["x-amzn-trace-id"])
    ask(gateway, http_api, "/", headers={"X-Amzn-Trace-Id": whole})
    assert dict(backend[1][-1][1])["x-amzn-trace-id"] == root


def test_every_answer_of_a_rest_api_has_its_ids(gateway, rest_api):
    """A mock, an unknown method and an unknown stage too."""
    for method, path, expected in [("PUT", "/s/", 200), ("DELETE", "/s/", 403), ("GET", "/unknown/", 403)]:
        status, given = ask(gateway, rest_api, path, method, {})
        fields = dict(given)
        assert status == expected
        assert re.fullmatch(UUID, fields["x-amzn-requestid"]), (method, path)
        assert re.fullmatch(EXTENDED, fields["x-amz-apigw-id"])
        assert "apigw-requestid" not in fields and "x-amzn-trace-id" not in fields


def test_a_client_may_choose_the_request_id_of_a_rest_api(gateway, rest_api):
    """If it is a UUID."""
    own = "c0ffee00-0000-4000-8000-000000000000"
    assert dict(ask(gateway, rest_api, "/s/", "PUT", {"x-amzn-RequestId": own})[1])["x-amzn-requestid"] == own
    other = dict(ask(gateway, rest_api, "/s/", "PUT", {"x-amzn-RequestId": "mine"})[1])["x-amzn-requestid"]
    assert re.fullmatch(UUID, other)


def test_apis_of_the_config_file_keep_their_own_ways(gateway):
    """One id, under the name that the file gives it."""
    _, given = ask(gateway, "fixed", "/fixed", headers={})
    assert [name for name, _ in given if "amz" in name] == []
    assert re.fullmatch(EXTENDED, dict(given)["apigw-requestid"])
