"""Calls of APIs that are signed by botocore, in headers or presigned."""

import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
from conftest import REGION


OTHER = "222222222222"
ALICE, BOB = "AKIDEXAMPLEEXAMPLE00", "AKIDEXAMPLEEXAMPLE01"
#: Two who may do all in their accounts, of which one is not that of the gateway.
KEYS = f"""
[management.keys.{ALICE}]
secret = "alice-secret"
name = "alice"
[management.keys.{BOB}]
secret = "bob-secret"
account = "{OTHER}"
name = "bob"
"""


def host_of(api):
    """The host of an API."""
    return f"{api}.execute-api.{REGION}.amazonaws.com"


def request(method, url, body, headers):
    """A request for one of botocore's signers."""
    return botocore.awsrequest.AWSRequest(method=method, url=url, data=body, headers=headers or {})


def signed(gateway, method, api, target, key, secret, body=b"", headers=None, region=REGION, service="execute-api",
           change=None, token=None):
    """A call with a signature in its headers; `change` may edit them before they are sent."""
    made = request(method, f"http://{host_of(api)}{target}", body, headers)
    credentials = botocore.credentials.Credentials(key, secret, token)
    botocore.auth.SigV4Auth(credentials, service, region).add_auth(made)
    sent = dict(made.headers.items())
    if change:
        change(sent)
    status, got, text = gateway.call(method, target, host=host_of(api), body=body, headers=sent)
    return status, {name.lower(): value for name, value in got.items()}, text


def presigned(method, api, target, key, secret, expires=60, region=REGION, service="execute-api"):
    """The target of a presigned URL."""
    made = request(method, f"http://{host_of(api)}{target}", b"", None)
    credentials = botocore.credentials.Credentials(key, secret)
    botocore.auth.SigV4QueryAuth(credentials, service, region, expires).add_auth(made)
    parts = urllib.parse.urlsplit(made.url)
    return f"{parts.path}?{parts.query}"
