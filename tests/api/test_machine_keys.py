"""Keys of the machine and of the container: the last places where the gateway looks for them, on loopback here."""

import datetime
import http.server
import json
import os
import threading
import time

import pytest
from conftest import ACCOUNT, Gateway
from fake_aws import KEY, SECRET, checking, uri  # noqa: F401
from rest import Api

ROLES = "/latest/meta-data/iam/security-credentials/"


class Metadata(http.server.BaseHTTPRequestHandler):
    """EC2's service, which wants a token of its own, and that of a container, which wants the file's."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        assert self.path == "/latest/api/token" and int(self.headers["x-aws-ec2-metadata-token-ttl-seconds"]) > 0
        self.say(200, "imds-token")

    def do_GET(self):
        server = self.server
        if self.path == "/container/keys":
            server.asked += 1
            return self.keys() if self.headers["authorization"] == server.token else self.say(401, "{}")
        if self.headers["x-aws-ec2-metadata-token"] != "imds-token":
            return self.say(401, "")
        if self.path == ROLES and server.role:
            return self.say(200, server.role)
        if self.path == ROLES + server.role and server.role:
            server.asked += 1
            return self.keys()
        return self.say(404, "")

    def keys(self):
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.server.lasts_s)
        self.say(200, json.dumps({
            "Code": "Success", "AccessKeyId": self.server.key, "SecretAccessKey": SECRET,
            "Token": "session", "Expiration": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        }))

    def say(self, status, text):
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture
def metadata():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
    server.url = f"http://127.0.0.1:{server.server_port}"
    server.token, server.role, server.key, server.lasts_s, server.asked = "file-token", "web", KEY, 3_600, 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def started(checking, metadata, tmp_path, monkeypatch):
    """Starts a gateway without any keys, in an environment."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    checking.keys[KEY] = (SECRET, "session")
    gateways = []

    def start(**environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        log = f'[logging]\naccess_log = "{tmp_path}/access.log"\n'
        gateway = Gateway(tmp_path, f'[aws]\nendpoint = "{checking.url}"\n{log}')
        gateways.append(gateway)
        api = Api(gateway, gateway.client("apigateway"))
        for path, role in [("/own", {}), ("/role", {"credentials": f"arn:aws:iam::{ACCOUNT}:role/reader"})]:
            api.method(path, "GET", {"200": {}}, type="AWS", uri=uri("sqs", "action/ListQueues"),
                       integrationHttpMethod="POST", **role)
        api.deploy()
        api.v1.update_stage(restApiId=api.id, stageName="prod", patchOperations=[
            {"op": "replace", "path": "/accessLogSettings/format",
             "value": "$context.requestId $context.integrationErrorMessage"},
        ])
        return api

    yield start
    for gateway in gateways:
        gateway.stop()


def own(api, path="/own"):
    status, _, text = api.call("GET", path)
    assert status == 200, text
    return json.loads(text)["key"]


def failed(api, folder, why):
    status, _, text = api.call("GET", "/own")
    assert (status, json.loads(text)) == (500, {"message": "Internal server error"})
    for _ in range(100):
        log = (folder / "access.log").read_text() if (folder / "access.log").exists() else ""
        if why in log:
            return
        time.sleep(0.05)
    raise AssertionError(log)


def test_an_instance_has_keys(started, metadata, checking):
    """By version 2 of its service: asked once, for calls and for roles; renewed before they end."""
    api = started(AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata.url)
    assert metadata.asked == 0, "nobody needs keys yet"
    assert {own(api) for _ in range(5)} == {KEY} and metadata.asked == 1
    sent = checking.seen[-1][2]
    assert {name.lower(): value for name, value in sent.items()}["x-amz-security-token"] == "session"
    assert own(api, "/role").startswith("ASIA0") and metadata.asked == 1


def test_keys_of_an_instance_are_renewed(started, metadata, checking):
    """Keys that end within the time of renewal are replaced while they still serve."""
    metadata.lasts_s = 60
    api = started(AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata.url)
    assert own(api) == KEY
    metadata.key = "AKIAIOSFODNN7EXAMPLF"
    checking.keys[metadata.key] = (SECRET, "session")
    for _ in range(100):
        if own(api) == metadata.key:
            return
        time.sleep(0.1)
    raise AssertionError("the old keys are still used")


def test_a_container_has_keys_before_the_instance(started, metadata, tmp_path):
    """With the token of the file, which is read each time."""
    (tmp_path / "token").write_text("file-token\n")
    api = started(
        AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:1",
        AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{metadata.url}/container/keys",
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(tmp_path / "token"),
    )
    assert own(api) == KEY and metadata.asked == 1


@pytest.mark.parametrize("environment, role, why", [
    ({"AWS_EC2_METADATA_DISABLED": "true"}, "web", "credentials cannot be read"),
    ({}, "", "the instance's metadata: "),
    ({"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"}, "web", "the instance's metadata: "),
    ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://192.0.2.1/keys"}, "web", "only https, loopback"),
    ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "{url}/container/keys"}, "web", "/container/keys: status 401"),
])
def test_without_keys_the_log_says_why(started, metadata, tmp_path, environment, role, why):
    """The client gets 500; what was asked in vain is not asked again at once."""
    metadata.role = role
    settings = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.url}
    settings |= {name: value.replace("{url}", metadata.url) for name, value in environment.items()}
    api = started(**settings)
    failed(api, tmp_path, why)
    before = metadata.asked
    failed(api, tmp_path, why)
    assert metadata.asked == before
