"""`responseTransferMode` STREAM of REST APIs, and InvokeWithResponseStream, by AWS's own client."""

import http.server
import io
import json
import pathlib
import shutil
import threading
import time
import zipfile

import pytest
from conftest import ACCOUNT, REGION, Gateway, refused
from fake_aws import settings
from raw import breaks_off, connect, until
from rest import Api

CODE = pathlib.Path(__file__).resolve().parents[1] / "functions" / "node" / "app.mjs"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/lambda"
FUNCTIONS = f"arn:aws:apigateway:{REGION}:lambda:path"

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js")


def arn(name):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def streaming(name):
    """The URI of an integration that streams."""
    return f"{FUNCTIONS}/2021-11-15/functions/{arn(name)}/response-streaming-invocations"


@pytest.fixture(scope="module")
def functions(gateway):
    """Lambda's API with the functions of the tests."""
    client = gateway.client("lambda")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("app.mjs", CODE.read_text())
    for name in ["answer", "streamed", "piped", "breaks", "throws"]:
        client.create_function(FunctionName=name, Runtime="nodejs22.x", Role=ROLE, Handler=f"app.{name}",
                               Code={"ZipFile": out.getvalue()}, Timeout=10)
    return client


class Slow(http.server.BaseHTTPRequestHandler):
    """An upstream that says its first part at once and the last when it is told to."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response_only(200)
        self.send_header("transfer-encoding", "chunked")
        self.send_header("content-type", "text/plain")
        self.end_headers()
        self.wfile.write(b"5\r\nfirst\r\n")
        self.server.go.wait(20)
        self.wfile.write(b"4\r\nlast\r\n0\r\n\r\n")

    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture
def slow():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    server.go = threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}/"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.go.set()
    server.shutdown()
    server.server_close()


def test_the_mode_is_kept_and_checked(gateway, v1):
    """PutIntegration, UpdateIntegration and what a deployment freezes."""
    api = Api(gateway, v1)
    where = api.method("/", type="HTTP_PROXY", uri="http://127.0.0.1:1/", responseTransferMode="STREAM",
                       timeoutInMillis=900_000)
    shown = v1.get_integration(**where)
    assert (shown["responseTransferMode"], shown["timeoutInMillis"]) == ("STREAM", 900_000)

    def patch(path, value, op="replace"):
        return v1.update_integration(**where, patchOperations=[{"op": op, "path": path, "value": value}])

    assert refused(patch, path="/responseTransferMode", value="SOMETIMES")[:2] == ("BadRequestException", 400)
    patch("/timeoutInMillis", "29000")
    assert patch("/responseTransferMode", "BUFFERED")["responseTransferMode"] == "BUFFERED"
    assert patch("/responseTransferMode", "STREAM")["responseTransferMode"] == "STREAM"
    wrong = refused(api.method, path="/http", type="HTTP", uri="http://127.0.0.1:1/", responseTransferMode="STREAM")
    assert wrong[:2] == ("BadRequestException", 400) and "HTTP_PROXY" in wrong[2]
    api.delete()


def test_an_upstream_is_streamed_where_the_stage_would_compress_and_cache(gateway, v1, slow):
    """What would need the whole answer does not apply to a stream."""
    api = Api(gateway, v1, minimumCompressionSize=0)
    api.method("/stream", type="HTTP_PROXY", uri=slow.url, responseTransferMode="STREAM")
    api.method("/late", type="HTTP_PROXY", uri=slow.url, responseTransferMode="STREAM", timeoutInMillis=300)
    api.deploy(cacheClusterEnabled=True, cacheClusterSize="0.5")
    cached = [{"op": "replace", "path": "/*/*/caching/enabled", "value": "true"}]
    v1.update_stage(restApiId=api.id, stageName="prod", patchOperations=cached)
    for _ in range(2):
        raw = connect(gateway, api, "/stream", "Accept-Encoding: gzip\r\n")
        got = until(raw, b"first\r\n")
        assert got.startswith(b"HTTP/1.1 200") and b"content-encoding" not in got.lower() and b"last" not in got
        slow.go.set()
        assert until(raw, b"0\r\n\r\n").endswith(b"4\r\nlast\r\n0\r\n\r\n")
        slow.go.clear()
        raw.close()
    # The timeout of a stream is for all of it.
    began = time.monotonic()
    raw = connect(gateway, api, "/late")
    until(raw, b"first\r\n")
    assert raw.recv(100) == b"" and 0.3 <= time.monotonic() - began < 5
    raw.close()
    api.delete()


def test_the_log_tells_the_times_of_a_stream(tmp_path, slow):
    """To its head, to the first byte of its payload, to its end."""
    log = tmp_path / "access.log"
    gateway = Gateway(tmp_path, f'[logging]\naccess_log = "{log}"\n')
    v1 = gateway.client("apigateway")
    api = Api(gateway, v1)
    api.method("/stream", type="HTTP_PROXY", uri=slow.url, responseTransferMode="STREAM")
    api.method("/buffered", type="HTTP_PROXY", uri=slow.url)
    api.deploy()
    names = ["responseTransferMode", "status", "timeToAllHeaders", "timeToFirstContent", "latency"]
    text = " ".join(["$context.requestId", *(f"$context.integration.{name}" for name in names)])
    operation = {"op": "replace", "path": "/accessLogSettings/format", "value": text}
    v1.update_stage(restApiId=api.id, stageName="prod", patchOperations=[operation])
    for path in ["/stream", "/buffered"]:
        slow.go.clear()
        raw = connect(gateway, api, path)
        until(raw, b"first\r\n")
        time.sleep(0.2)
        slow.go.set()
        until(raw, b"0\r\n\r\n")
        raw.close()
    for _ in range(100):
        lines = log.read_text().splitlines() if log.exists() else []
        if len(lines) == 2:
            break
        time.sleep(0.05)
    mode, status, *times = lines[0].split()[1:]
    head, content, whole = map(int, times)
    assert (mode, status) == ("STREAMED", "200") and head <= content < whole and whole >= 200
    assert lines[1].split()[1:5] == ["BUFFERED", "200", "-", "-"]
    gateway.stop()


def test_a_function_streams_through_a_rest_api(gateway, v1, functions):
    """Metadata, payload, failures before and behind them."""
    api = Api(gateway, v1, binaryMediaTypes=["image/*"])
    for name in ["streamed", "piped", "breaks", "throws", "answer"]:
        api.method(f"/{name}", type="AWS_PROXY", integrationHttpMethod="POST", uri=streaming(name),
                   responseTransferMode="STREAM")
    api.deploy()
    status, headers, text = api.call("GET", "/streamed")
    assert (status, text, headers["content-type"], headers["set-cookie"]) == (202, "one two", "text/plain", "s=1")
    assert headers["x-amzn-trace-id"] and headers["x-amzn-requestid"] and headers["transfer-encoding"] == "chunked"
    status, _, text = api.call("GET", "/piped")
    assert (status, len(text)) == (200, 8 << 20)
    for name in ["throws", "answer"]:
        status, _, text = api.call("GET", f"/{name}")
        assert (status, json.loads(text)) == (502, {"message": "Internal server error"})
    breaks_off(gateway, api)
    api.delete()


def test_a_function_of_another_gateway_streams_too(gateway, functions, tmp_path):
    """As a function of this machine: whole, large, failing before and behind the head."""
    near = Gateway(tmp_path, settings(f"http://{gateway.management}", "remote_functions = true\n"))
    api = Api(near, near.client("apigateway"))
    for name in ["streamed", "piped", "breaks", "throws", "answer"]:
        api.method(f"/{name}", type="AWS_PROXY", integrationHttpMethod="POST", uri=streaming(name),
                   responseTransferMode="STREAM")
    api.deploy()
    for _ in range(2):
        status, headers, text = api.call("GET", "/streamed")
        assert (status, text, headers["set-cookie"]) == (202, "one two", "s=1")
        status, _, text = api.call("GET", "/piped")
        assert (status, len(text)) == (200, 8 << 20)
    for name in ["throws", "answer"]:
        assert api.call("GET", f"/{name}")[0] == 502
    breaks_off(near, api)
    near.stop()


def events(answer):
    """The payload of an answer and how it ended."""
    payload, ending = b"", None
    for event in answer["EventStream"]:
        payload += event.get("PayloadChunk", {}).get("Payload", b"")
        ending = event.get("InvokeComplete", ending)
    return payload, ending


def test_a_function_is_invoked_with_a_stream(functions):
    """InvokeWithResponseStream: chunks, the end, errors, the log."""
    invoke = functions.invoke_with_response_stream
    answer = invoke(FunctionName="streamed", Payload=b"{}", LogType="Tail")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    payload, ending = events(answer)
    metadata, text = payload.split(b"\0" * 8)
    assert json.loads(metadata)["statusCode"] == 202 and text == b"one two"
    assert set(ending) == {"LogResult"}
    payload, ending = events(invoke(FunctionName="piped"))
    assert len(payload.split(b"\0" * 8)[1]) == 8 << 20 and ending == {}
    payload, ending = events(invoke(FunctionName="breaks"))
    assert payload.endswith(b"half") and ending["ErrorCode"] == "Unhandled"
    assert json.loads(ending["ErrorDetails"])["errorMessage"] == "in the middle"
    payload, ending = events(invoke(FunctionName="throws"))
    assert payload == b"" and json.loads(ending["ErrorDetails"])["errorMessage"] == "no such luck"
    # One that does not stream gives all of it at once.
    event = {"requestContext": {"http": {"method": "GET"}}, "rawPath": "/x"}
    payload, ending = events(invoke(FunctionName="answer", Payload=json.dumps(event).encode()))
    assert json.loads(payload)["body"] == "GET /x" and ending == {}
    assert invoke(FunctionName="answer", InvocationType="DryRun")["StatusCode"] == 204
    assert refused(invoke, FunctionName="missing")[:2] == ("ResourceNotFoundException", 404)
    # Whoever invokes it as a whole gets it as a whole.
    answer = functions.invoke(FunctionName="streamed", Payload=b"{}")
    assert answer["Payload"].read().endswith(b"\0one two")
    answer = functions.invoke(FunctionName="breaks", Payload=b"{}")
    assert answer["FunctionError"] == "Unhandled"
