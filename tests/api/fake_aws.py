"""A service of AWS that checks signatures with botocore's signer, and how a gateway is told where it is."""

import datetime
import http.server
import json
import re
import threading
import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from conftest import REGION
from rest import Api

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG"


def uri(service, call, region=REGION):
    """The URI of an integration."""
    return f"arn:aws:apigateway:{region}:{service}:{call}"


def settings(endpoint, more=""):
    """The table of the config."""
    return (
        f'[aws]\nregion = "{REGION}"\nendpoint = "{endpoint}"\naccess_key_id = "{KEY}"\n'
        f'secret_access_key = "{SECRET}"\n{more}'
    )


class Aws(http.server.BaseHTTPRequestHandler):
    """A service that checks signatures with botocore's signer, and an STS with keys that end soon."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        """Says whose key signed, or AWS's error."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        server = self.server
        authorization = self.headers.get("authorization", "")
        found = re.match(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d+)/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([^,]+)",
                         authorization)
        server.seen.append((self.command, self.path, dict(self.headers.items()), body))
        key, _, region, service, signed = found.groups() if found else ("", "", "", "", "")
        secret, token = server.keys.get(key, ("", None))
        credentials = botocore.credentials.Credentials(key, secret, token)
        signer = {"s3": botocore.auth.S3SigV4Auth}.get(service, botocore.auth.SigV4Auth)(credentials, service, region)
        headers = {name: self.headers[name] for name in signed.split(";") if name}
        url = f"http://{self.headers['host']}{self.path}"
        request = botocore.awsrequest.AWSRequest(self.command, url, headers, body)
        request.context["timestamp"] = self.headers.get("x-amz-date", "")
        text = signer.string_to_sign(request, signer.canonical_request(request))
        is_right = key in server.keys and authorization.endswith(signer.signature(text, request))
        if token and self.headers.get("x-amz-security-token") != token:
            is_right = False
        if not is_right:
            return self.say(403, {"__type": "UnrecognizedClientException",
                                  "message": "The security token included in the request is invalid."})
        if service == "sts":
            return self.session(urllib.parse.parse_qs(body.decode()))
        return self.serve(service, key, region, body)

    def serve(self, service, key, region, _body):
        """Any service but STS."""
        self.say(200, {"key": key, "service": service, "region": region})

    def session(self, form):
        """AssumeRole."""
        server = self.server
        role = form["RoleArn"][0]
        if role.endswith("/forbidden"):
            error = ("<ErrorResponse><Error><Code>AccessDenied</Code><Message>not yours</Message></Error>"
                     "</ErrorResponse>")
            return self.say(403, error)
        if role.endswith("/silent"):
            time.sleep(8)
        server.sessions += 1
        key, secret, token = f"ASIA{server.sessions:016}", f"secret-{server.sessions}", f"token/{server.sessions}+="
        server.keys[key] = (secret, token)
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=server.lasts_s)
        return self.say(200, (
            "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
            f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>"
            f"<SessionToken>{token}</SessionToken><Expiration>{end:%Y-%m-%dT%H:%M:%SZ}</Expiration>"
            "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
        ))

    def say(self, status, what):
        """An answer."""
        text = (what if isinstance(what, str) else json.dumps(what)).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        """Says nothing."""


def fake(handler=Aws):
    """The fake, listening; whoever starts it shuts it down."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.keys, server.seen, server.sessions, server.lasts_s = {KEY: (SECRET, None)}, [], 0, 3_600
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def api(near):
    """A fresh REST API, never deployed, of the gateway that stands before a service."""
    made = Api(near, near.client("apigateway"))
    yield made
    made.delete()


@pytest.fixture
def checking():
    """The fake."""
    server = fake()
    yield server
    server.shutdown()
    server.server_close()
