"""A gateway with its management APIs, an upstream that echoes, and AWS's own client for both."""

import http.client
import http.server
import json
import os
import pathlib
import re
import socket
import subprocess
import threading

import boto3
import botocore.config
import botocore.exceptions
import pytest
from rest import Api, Backend

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("DAEMUN", str(ROOT / "target" / "debug" / "daemun"))
# No test asks anybody outside of this machine.
os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
ACCOUNT = "111111111111"
REGION = "eu-west-1"
#: What names a function for an authorizer that nobody asks.
AUTHORIZER = (f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/"
              f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f/invocations")

CONFIG = """
workers = 1
[listeners.main]
address = "127.0.0.1:0"
[admin]
address = "{admin}"
[management]
address = "127.0.0.1:{port}"
default_account = "{account}"
truststores."s3://bucket/" = "truststores"
{more}
[apis.fixed.routes."GET /fixed"]
integration = {{ type = "mock", status = 200, body = "fixed" }}
"""


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        """The request as JSON."""
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length).decode()
        seen = {"method": self.command, "target": self.path, "body": body, "headers": dict(self.headers)}
        text = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("access-control-allow-origin", "https://upstream.example")
        self.send_header("x-amzn-requestid", "backend-id")
        self.send_header("x-amz-id-2", "backend-id-2")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = answer

    def log_message(self, *_):
        """Says nothing."""


class Gateway:
    """The started program."""

    def __init__(self, folder, more="", port=0, workers=1, driver="auto", admin="off"):
        self.file, self.admin = folder / "gateway.toml", admin
        text = CONFIG.format(account=ACCOUNT, more=more, port=port, admin=admin)
        self.file.write_text(text.replace("workers = 1", f'workers = {workers}\ndriver = "{driver}"'))
        self.start()

    def start(self):
        """Starts it and waits until it says where it listens."""
        self.process = subprocess.Popen(
            [BINARY, "serve", str(self.file)], stderr=subprocess.PIPE, text=True
        )
        said = ""
        self.main = self.management = None
        while not (self.main and self.management):
            line = self.process.stderr.readline()
            assert line, f"the gateway ended: {said}"
            said += line
            if found := re.search(r"listening on http://(\S+)", line):
                self.main = found[1]
            if found := re.search(r"management APIs on http://([^:]+:\d+)", line):
                self.management = found[1]
        self.said = []
        threading.Thread(target=self.said.extend, args=[self.process.stderr], daemon=True).start()

    def client(self, service, region=REGION, retries=0, key="AKIDEXAMPLE", secret="secret", is_checked=True):
        """AWS's client of one of the two services; unchecked, it sends what the model forbids."""
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=f"http://{self.management}",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=botocore.config.Config(retries={"max_attempts": retries}, parameter_validation=is_checked),
        )

    def call(self, method, target, host=None, body=None, headers=None):
        """A request to the data plane: status, headers, text."""
        connection = http.client.HTTPConnection(self.main, timeout=10)
        headers = dict(headers or {})
        if host:
            headers["host"] = host
        connection.request(method, target, body=body, headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, dict(answer.getheaders()), text

    def call_api(self, method, api, path, **more):
        """A request to an API by its own host."""
        return self.call(method, path, host=f"{api}.execute-api.{REGION}.amazonaws.com", **more)

    def raw(self, method, path, body=b"", headers=None):
        """A request to the management APIs that no client would send."""
        connection = http.client.HTTPConnection(self.management, timeout=10)
        credential = f"AKID/20260101/{REGION}/apigateway/aws4_request"
        signed = {"authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"}
        signed.update(headers or {})
        connection.request(method, path, body=body, headers=signed)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, dict(answer.getheaders()), text

    def stop(self):
        """Ends it and waits."""
        self.process.terminate()
        self.process.wait(20)

    def kill(self):
        """Ends it without a word."""
        self.process.kill()
        self.process.wait(20)


def authority(folder, name):
    """A certificate that signs others and its key, PEM files `name`.pem and `name`.key."""
    folder.mkdir(parents=True, exist_ok=True)
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 10".split()
    files = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem")]
    subprocess.run([*command, *files, "-subj", f"/CN={name}"], check=True, capture_output=True)
    return folder / f"{name}.pem"


@pytest.fixture(scope="session")
def truststore(gateway):
    """The URI of a truststore that the gateway can read."""
    authority(gateway.file.parent / "truststores", "trust")
    return "s3://bucket/trust.pem"


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    """One gateway for all tests of a file that do not ask for their own."""
    gateway = Gateway(tmp_path_factory.mktemp("gateway"))
    yield gateway
    gateway.stop()


@pytest.fixture(scope="session")
def v2(gateway):
    """The client of `apigatewayv2`."""
    return gateway.client("apigatewayv2")


@pytest.fixture(scope="session")
def v1(gateway):
    """The client of `apigateway`."""
    return gateway.client("apigateway")


@pytest.fixture(scope="session")
def upstream():
    """The URL of a server that echoes."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def backend():
    """One recording upstream for all tests of this file."""
    backend = Backend()
    yield backend
    backend.stop()


@pytest.fixture
def api(gateway, v1, backend):
    """A fresh REST API, and an upstream that says 200 again."""
    backend.answers()
    made = Api(gateway, v1)
    yield made
    made.delete()


def free_port():
    """A port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def refused(call, **arguments):
    """Code, status and message of a call that must fail."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


def plain(answer):
    """An answer without what is about its transport."""
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}
