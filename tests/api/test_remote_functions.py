"""`remote_functions`: functions at a Lambda that is not this machine, one that checks signatures."""

import base64
import contextlib
import json
import struct
import threading
import time
import urllib.parse
import zlib

import pytest
from conftest import ACCOUNT, REGION, Gateway, free_port
from fake_aws import KEY, Aws, api, fake, settings, uri  # noqa: F401
from raw import connect, until
from rest import Api

INVOKE, STREAM = "/2015-03-31/functions/", "/2021-11-15/functions/"
ERROR, CAPITAL = {"message": "Internal server error"}, {"message": "Internal Server Error"}
METADATA = b'{"statusCode": 202, "headers": {"content-type": "text/plain"}, "cookies": ["s=1"]}' + bytes(8)


def arn(name):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def event(kind, payload, message="event"):
    """An event as AWS frames it, with Python's own checksum."""
    headers = b""
    name = {"event": ":event-type", "exception": ":exception-type"}[message]
    for key, value in [(name, kind), (":content-type", "application/octet-stream"), (":message-type", message)]:
        headers += bytes([len(key)]) + key.encode() + b"\7" + struct.pack(">H", len(value)) + value.encode()
    out = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    out += struct.pack(">I", zlib.crc32(out)) + headers + payload
    return out + struct.pack(">I", zlib.crc32(out))


def complete(**members):
    return event("InvokeComplete", json.dumps(members).encode())


class Lambda(Aws):
    """Lambda's Invoke and InvokeWithResponseStream; what a function does is said by its name."""

    def serve(self, service, key, region, body):
        path = urllib.parse.urlsplit(self.path).path
        assert service == "lambda" and region == REGION, path
        name = urllib.parse.unquote(path.split("/")[3]).rpartition(":")[2]
        getattr(self, name)(key, body)

    def give(self, status, headers, body):
        self.send_response_only(status)
        for header in {"content-length": str(len(body)), "x-amzn-requestid": "lambda-id", **headers}.items():
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(body)

    def echo(self, key, body):
        """Says what it got."""
        if self.headers["x-amz-invocation-type"] != "RequestResponse":
            return self.give({"Event": 202, "DryRun": 204}[self.headers["x-amz-invocation-type"]], {}, b"")
        told = {"event": json.loads(body), "key": key, "target": self.path, "headers": dict(self.headers.items())}
        answer = {"statusCode": 201, "headers": {"x-own": "1"}, "body": json.dumps(told)}
        log = {"x-amz-log-result": base64.b64encode(b"END").decode(), "x-amz-executed-version": "7"}
        self.give(200, log, json.dumps(answer).encode())

    def plain(self, _key, body):
        self.give(200, {"x-amz-executed-version": "7"}, body)

    def fails(self, *_):
        error = {"errorMessage": "no: 404", "errorType": "ValueError"}
        self.give(200, {"x-amz-function-error": "Unhandled"}, json.dumps(error).encode())

    def throttled(self, *_):
        self.give(429, {}, b'{"Reason":"ConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}')

    def broken(self, *_):
        self.give(502, {}, b'{"Type":"Service","Message":"EC2 error"}')

    def denied(self, *_):
        self.give(403, {}, b'{"Message":"not authorized to perform: lambda:InvokeFunction"}')

    def missing(self, *_):
        self.give(404, {}, b'{"Type":"User","Message":"Function not found"}')

    def large(self, *_):
        self.give(200, {}, b'"' + b"x" * (7 << 20) + b'"')

    def silent(self, *_):
        self.server.gone.wait(20)

    def stream(self, events):
        """Events in chunks, each when the test has asked for it."""
        assert self.path.startswith(STREAM), self.path
        self.send_response_only(200)
        self.send_header("content-type", "application/vnd.amazon.eventstream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            for part in events:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.server.left.set()

    def streams(self, *_):
        def parts():
            # The delimiter comes in two parts, the second event in two chunks.
            yield event("PayloadChunk", METADATA[:-3])
            second = event("PayloadChunk", METADATA[-3:] + b"one ")
            yield second[:20]
            yield second[20:]
            self.server.go.wait(20)
            yield event("PayloadChunk", b"two") + complete(LogResult="")

        self.stream(parts())

    def early(self, *_):
        self.stream([complete(ErrorCode="Unhandled", ErrorDetails='{"errorMessage":"no such luck"}')])

    def halfway(self, *_):
        self.stream([event("PayloadChunk", METADATA + b"half"), complete(ErrorCode="E", ErrorDetails="in the middle")])

    def cut(self, *_):
        self.stream([event("PayloadChunk", METADATA + b"half")])

    def forged(self, *_):
        bad = bytearray(event("PayloadChunk", METADATA + b"good") + event("PayloadChunk", b"evil"))
        bad[-8] ^= 1
        self.stream([bytes(bad)])

    def excepted(self, *_):
        self.stream([event("PayloadChunk", METADATA + b"half"), event("ServiceException", b"{}", "exception")])

    def huge(self, *_):
        self.stream([struct.pack(">II", 1 << 30, 10) + struct.pack(">I", zlib.crc32(struct.pack(">II", 1 << 30, 10)))])

    def endless(self, *_):
        def parts():
            yield event("PayloadChunk", METADATA)
            for _ in range(4_000):
                self.server.sent += 1
                yield event("PayloadChunk", b"x" * 65_536)

        self.stream(parts())


@contextlib.contextmanager
def streaming(handler):
    """A fake whose streams wait until they are told to go on."""
    server = fake(handler)
    server.go, server.left, server.gone, server.sent = *(threading.Event() for _ in range(3)), 0
    yield server
    server.gone.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def far():
    with streaming(Lambda) as server:
        yield server


@pytest.fixture(scope="module")
def near(far, tmp_path_factory):
    folder = tmp_path_factory.mktemp("near")
    log = f'[logging]\naccess_log = "{folder}/access.log"\n'
    gateway = Gateway(folder, settings(far.url, "remote_functions = true\n") + log)
    gateway.log = folder / "access.log"
    yield gateway
    gateway.stop()


FORMAT = "$context.requestId $context.apiId$context.path $context.status $context.integrationStatus " \
         "$context.awsEndpointRequestId $context.integrationErrorMessage " \
         "$context.integration.responseTransferMode $context.integration.status " \
         "$context.integration.timeToAllHeaders $context.integration.timeToFirstContent $context.integration.latency"


def calls(api, path, name, kind="AWS_PROXY", version=INVOKE, **more):
    """A GET method that calls a function."""
    tail = "invocations" if version == INVOKE else "response-streaming-invocations"
    if version == STREAM:
        more["responseTransferMode"] = "STREAM"
    responses = more.pop("responses", None)
    return api.method(path, "GET", responses, type=kind, integrationHttpMethod="POST",
                      uri=uri("lambda", f"path{version}{arn(name)}/{tail}"), **more)


def deploy(api, **more):
    api.deploy(**more)
    api.v1.update_stage(restApiId=api.id, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/accessLogSettings/format", "value": FORMAT},
    ])


def logged(api, path):
    """The last line of the access log about a path."""
    gateway, path = api.gateway, api.id + path
    for _ in range(100):
        lines = gateway.log.read_text().splitlines() if gateway.log.exists() else []
        if found := [line for line in lines if f" {path} " in line]:
            return found[-1]
        time.sleep(0.05)
    raise AssertionError(f"nothing was logged of {path}")


def test_http_apis_call_them_in_both_formats(near, far):
    """The event as for a function of this machine; the answer too, and its failures."""
    v2 = near.client("apigatewayv2")
    api = v2.create_api(Name="f", ProtocolType="HTTP")["ApiId"]
    v2.create_stage(ApiId=api, StageName="$default", AutoDeploy=True, StageVariables={"alias": "blue"})
    for name in ["echo", "echo:${stageVariables.alias}", "fails", "throttled", "broken", "denied", "silent"]:
        for version in ["1.0", "2.0"]:
            integration = v2.create_integration(
                ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn(name), PayloadFormatVersion=version,
                TimeoutInMillis=300 if name == "silent" else 10_000,
            )["IntegrationId"]
            path = name.replace(":${stageVariables.alias}", "-alias")
            key = f"GET /{path}/{version[0]}"
            v2.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{integration}")
    for version in "12":
        status, headers, text = near.call_api("GET", api, f"/echo/{version}?a=1")
        told = json.loads(text)
        assert status == 201 and headers["x-own"] == "1"
        assert told["event"]["version"] == f"{version}.0" and told["key"] == KEY
        assert told["target"] == f"{INVOKE}{urllib.parse.quote(arn('echo'), safe='')}/invocations"
        key = told["event"]["routeKey"] if version == "2" else told["event"]["resource"]
        assert key in (f"GET /echo/{version}", f"/echo/{version}")
        status, _, text = near.call_api("GET", api, f"/echo-alias/{version}")
        assert status == 201 and json.loads(text)["target"].endswith("/invocations?Qualifier=blue")
        for name in ["fails", "throttled", "broken", "denied"]:
            status, _, text = near.call_api("GET", api, f"/{name}/{version}")
            assert (status, json.loads(text)) == (500, CAPITAL), name
        status, _, text = near.call_api("GET", api, f"/silent/{version}")
        assert (status, json.loads(text)) == (503, {"message": "Service Unavailable"})
    v2.delete_api(ApiId=api)


def test_a_template_makes_the_payload_and_errors_choose_the_response(near, api):
    """REST without proxy: an answer goes through the mappings, the message of an error through the patterns."""
    found = {"responseTemplates": {"application/json": "$input.path('$.name')/$input.params('q')"}}
    missing = {"selectionPattern": ".*404", "responseTemplates": {"application/json": "$input.path('$.errorType')"}}
    template = {"application/json": '{"name": "$input.params(\'q\')"}'}
    for name in ["plain", "fails"]:
        calls(api, f"/{name}", name, "AWS", responses={"200": found, "404": missing}, requestTemplates=template)
    # A body that is passed as it is would be the answer of the gateway's own check.
    calls(api, "/garbage", "plain", "AWS", responses={"200": {}}, requestTemplates={"application/json": "no json"})
    deploy(api)
    assert api.call("GET", "/plain?q=Ada")[::2] == (200, "Ada/Ada")
    assert api.call("GET", "/fails")[::2] == (404, "ValueError")
    status, _, text = api.call("GET", "/garbage")
    assert status == 200 and "Could not parse request body into json" in text


@pytest.mark.parametrize("kind", ["AWS", "AWS_PROXY"])
def test_headers_say_how_they_are_invoked(near, api, far, kind):
    """Later, not at all, with a context and with the end of the log; by version and by stage variable."""
    for mode in ["Event", "DryRun"]:
        calls(api, f"/{mode}", "echo", kind, responses={"200": {}} if kind == "AWS" else None,
              requestParameters={"integration.request.header.X-Amz-Invocation-Type": f"'{mode}'"})
    context = base64.b64encode(b'{"custom":1}').decode()
    calls(api, "/now", "echo:${stageVariables.version}", kind, responses={"200": {}} if kind == "AWS" else None,
          requestParameters={
              "integration.request.header.X-Amz-Client-Context": f"'{context}'",
              "integration.request.header.X-Amz-Log-Type": "'Tail'",
          })
    deploy(api, variables={"version": "3"})
    for mode in ["Event", "DryRun"]:
        assert api.call("GET", f"/{mode}")[::2] == (200, "")
        assert far.seen[-1][2]["X-Amz-Invocation-Type"] == mode
    status, _, text = api.call("GET", "/now")
    told = json.loads(text if kind == "AWS_PROXY" else json.loads(text)["body"])
    assert status == (201 if kind == "AWS_PROXY" else 200)
    assert told["target"].endswith("/invocations?Qualifier=3")
    assert told["headers"]["X-Amz-Client-Context"] == context and told["headers"]["X-Amz-Log-Type"] == "Tail"
    assert told["headers"]["X-Amzn-Trace-Id"].startswith("Root=1-")


@pytest.mark.parametrize("kind", ["AWS", "AWS_PROXY"])
def test_what_lambda_refuses_is_the_gateways_error(near, api, kind):
    """500 whatever the refusal: AWS's guide for Lambda says so, and public logs of throttles do; the log has its words.

    "If the Lambda API rejects the invocation request, API Gateway returns a 500 error code. If the function runs but
    returns an error, or returns a response in the wrong format, API Gateway returns a 502" ("Handling Lambda errors
    with an API Gateway API"). One answer on Stack Overflow (50929878, of 2018) says 502 of a throttle; AWS's staff
    (36363280), re:Post (QUfI6bsdd0SOiPeyimzxSkfQ) and a recorded call of 2025 with its log say 500.
    """
    expected = {
        "throttled": (500, "ConcurrentInvocationLimitExceeded"),
        "broken": (500, "EC2 error"),
        "denied": (500, "not authorized"),
        "missing": (500, "there is no function"),
        "silent": (504, "in time"),
        "large": (500, "more than 6291556 bytes"),
    }
    for name in expected:
        calls(api, f"/{name}", name, kind, responses={"200": {}} if kind == "AWS" else None, timeoutInMillis=2_000)
    deploy(api)
    for name, (status, why) in expected.items():
        found, headers, text = api.call("GET", f"/{name}")
        assert found == status and headers["x-amzn-errortype"] == "InternalServerErrorException", name
        if name != "silent":
            assert json.loads(text) == ERROR
        line = logged(api, f"/prod/{name}")
        assert why in line, line


def test_a_lambda_that_is_not_there_is_a_gateway_timeout(tmp_path):
    """As any endpoint that cannot be reached: 504 for REST APIs, 503 for HTTP APIs; a name without address is 500."""
    for endpoint, rest in [(f"http://127.0.0.1:{free_port()}", 504), ("http://nobody.invalid", 500)]:
        gateway = Gateway(tmp_path, settings(endpoint, "remote_functions = true\n"))
        api = Api(gateway, gateway.client("apigateway"))
        calls(api, "/whole", "echo")
        calls(api, "/stream", "echo", version=STREAM)
        api.deploy()
        for path in ["/whole", "/stream"]:
            assert api.call("GET", path)[0] == rest, (endpoint, path)
        v2 = gateway.client("apigatewayv2")
        made = v2.create_api(Name="f", ProtocolType="HTTP", Target=arn("echo"))["ApiId"]
        assert gateway.call_api("GET", made, "/")[0] == (503 if rest == 504 else 500)
        gateway.stop()


def test_a_role_signs_each_call(near, api, far):
    """`credentials` of an integration: the keys of the role, whole and streamed, found once."""
    role = f"arn:aws:iam::{ACCOUNT}:role/invoker"
    calls(api, "/role", "echo", credentials=role)
    calls(api, "/streamed", "streams", version=STREAM, credentials=role)
    calls(api, "/forbidden", "echo", credentials=f"arn:aws:iam::{ACCOUNT}:role/forbidden")
    deploy(api)
    before = far.sessions
    keys = {json.loads(api.call("GET", "/role")[2])["key"] for _ in range(3)}
    assert keys == {f"ASIA{before + 1:016}"} and far.sessions == before + 1
    far.go.set()
    assert api.call("GET", "/streamed")[::2] == (202, "one two")
    sent = far.seen[-1][2]
    assert sent["x-amz-security-token"] == f"token/{before + 1}+=" and far.sessions == before + 1
    status, _, text = api.call("GET", "/forbidden")
    assert (status, json.loads(text)) == (500, ERROR)
    assert "AccessDenied: not yours" in logged(api, "/prod/forbidden")


def test_a_stream_reaches_the_client_while_it_is_made(near, api, far):
    """InvokeWithResponseStream, with the qualifier; the connection is used again."""
    calls(api, "/streams", "streams:live", version=STREAM)
    deploy(api)
    far.go.clear()
    raw = connect(near, api, "/streams")
    got = until(raw, b"one ")
    head = got.lower()
    assert got.startswith(b"HTTP/1.1 202") and b"set-cookie: s=1" in head and b"two" not in got
    assert b"content-type: text/plain" in head and b"x-amzn-trace-id" in head
    time.sleep(0.2)
    far.go.set()
    assert until(raw, b"0\r\n\r\n").endswith(b"3\r\ntwo\r\n0\r\n\r\n")
    raw.close()
    mode, status, *times = logged(api, "/prod/streams").split()[-5:]
    head, content, whole = map(int, times)
    assert (mode, status) == ("STREAMED", "202") and head <= content < whole and whole >= 200
    _, target, headers, body = far.seen[-1]
    name = urllib.parse.quote(arn("streams"), safe="")
    assert target == f"{STREAM}{name}/response-streaming-invocations?Qualifier=live"
    assert json.loads(body)["resource"] == "/streams" and headers["X-Amz-Invocation-Type"] == "RequestResponse"
    for _ in range(3):
        assert api.call("GET", "/streams")[::2] == (202, "one two")


def test_a_stream_that_fails_before_its_head_is_an_error(near, api):
    """502 as for a malformed answer, the reason in the log; a refusal of Lambda as without a stream."""
    names = {"early": (502, "no such luck"), "huge": (502, "too large"), "fails": (502, "no: 404"),
             "echo": (502, "does not stream"), "throttled": (500, "ConcurrentInvocation"), "denied": (500, "not auth")}
    for name in names:
        calls(api, f"/{name}", name, version=STREAM)
    deploy(api)
    for name, (status, why) in names.items():
        found, _, text = api.call("GET", f"/{name}")
        assert (found, json.loads(text)) == (status, ERROR), name
        assert why in logged(api, f"/prod/{name}")


@pytest.mark.parametrize("name, shown, why", [
    ("halfway", b"half", "E: in the middle"),
    ("cut", b"half", "there is no InvokeComplete"),
    ("forged", b"good", "checksum"),
    ("excepted", b"half", "ServiceException"),
])
def test_a_stream_that_fails_behind_its_head_is_cut(near, api, name, shown, why):
    """No client takes a half for the whole, and nothing with a wrong checksum is passed on."""
    calls(api, f"/{name}", name, version=STREAM)
    deploy(api)
    raw = connect(near, api, f"/{name}")
    got = until(raw, shown)
    try:
        while more := raw.recv(65_536):
            got += more
    except ConnectionResetError:
        pass
    raw.close()
    assert got.startswith(b"HTTP/1.1 202") and b"0\r\n\r\n" not in got and b"vil" not in got
    line = logged(api, f"/prod/{name}")
    assert why in line and " 202 200 - " in line, line


def test_a_slow_client_slows_the_function_and_one_that_leaves_ends_the_stream(near, api, far):
    """Nothing piles up in between: 250 MB are on offer."""
    calls(api, "/endless", "endless", version=STREAM, timeoutInMillis=60_000)
    deploy(api)
    raw = connect(near, api, "/endless")
    until(raw, b"x" * 1_000)
    seen, now = -1, far.sent
    while seen != now:
        time.sleep(0.5)
        seen, now = now, far.sent
    assert far.sent < 500, far.sent
    resident = int(open(f"/proc/{near.process.pid}/statm").read().split()[1]) * 4_096
    assert resident < 400 << 20
    raw.close()
    assert far.left.wait(10)
