"""Callers who are known by their signature: AWS_IAM, resource policies, and what APIs are told of them."""

import datetime
import http.client
import json
import socket
import sys
import time

import botocore.auth
import pytest
from conftest import ACCOUNT, REGION, Gateway
from fake_aws import checking, settings, uri  # noqa: F401
from rest import Api, Backend
from signing import ALICE, BOB, KEYS, OTHER, host_of, presigned, signed

READER, NOBODY, BRIEF, ENDED = (f"AKIDEXAMPLEEXAMPLE{n:02}" for n in range(2, 6))
#: What one may call, and what it may not.
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:*/*/GET/*"},
        {"Effect": "Deny", "Action": "execute-api:*", "Resource": "arn:aws:execute-api:*:*:*/*/*/secret*"},
        {
            "Effect": "Allow",
            "Action": "execute-api:InvalidateCache",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:username": "reader", "aws:UserAgent": "may"}},
        },
    ],
}
CONFIG = KEYS + f"""
[management.keys.{READER}]
secret = "reader-secret"
name = "reader"
policy = '{json.dumps(POLICY)}'
[management.keys.{BRIEF}]
secret = "brief-secret"
name = "brief"
session_token = "brief/token+="
[management.keys.{ENDED}]
secret = "ended-secret"
name = "ended"
session_token_file = "ended.token"
expires = "2026-01-01T00:00:00+01:00"
"""
SECRETS = {ALICE: "alice-secret", BOB: "bob-secret", READER: "reader-secret", NOBODY: "nobody-secret",
           BRIEF: "brief-secret", ENDED: "ended-secret"}
HANDLER = '''
import json

def echo(event, context):
    return {"statusCode": 200, "body": json.dumps(event)}
'''
IAM = {"authorizationType": "AWS_IAM"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway that knows three callers, with a function that echoes and a log."""
    folder = tmp_path_factory.mktemp("callers")
    (folder / "code").mkdir()
    (folder / "ended.token").write_text("ended-token\n")
    (folder / "code" / "index.py").write_text(HANDLER)
    function = (
        f'[functions.echo]\nruntime = "python3.12"\ninterpreter = "{sys.executable}"\n'
        'handler = "index.echo"\ncode = "code"\nconcurrency = 2\n'
    )
    log = folder / "access.log"
    gateway = Gateway(folder, f'{CONFIG}{function}[logging]\naccess_log = "{log}"\n')
    gateway.log = log
    yield gateway
    gateway.stop()


@pytest.fixture(scope="module")
def v1(gateway):
    """AWS's client of REST APIs, as alice."""
    return gateway.client("apigateway", key=ALICE, secret=SECRETS[ALICE])


@pytest.fixture(scope="module")
def v2(gateway):
    """AWS's client of HTTP APIs, as alice."""
    return gateway.client("apigatewayv2", key=ALICE, secret=SECRETS[ALICE])


@pytest.fixture
def api(gateway, v1):
    """A REST API with a backend that records."""
    made = Api(gateway, v1)
    made.backend = Backend()
    yield made
    made.delete()
    made.backend.stop()


def call(api, method, path, key=ALICE, stage="prod", **more):
    """A signed call of a REST API."""
    return signed(api.gateway, method, api.id, f"/{stage}{path}", key, SECRETS[key], **more)


def arn(api, rest, account=ACCOUNT):
    """The ARN of calls of an API."""
    return f"arn:aws:execute-api:{REGION}:{account}:{api.id}/{rest}"


def allow(principal, resource, effect="Allow", **more):
    """A statement of a resource policy."""
    return {"Effect": effect, "Principal": principal, "Action": "execute-api:Invoke", "Resource": resource, **more}


def give(api, *statements):
    """The policy of the API, deployed."""
    policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    change = {"op": "replace", "path": "/policy", "value": policy}
    api.v1.update_rest_api(restApiId=api.id, patchOperations=[change])
    api.deploy()


IDENTITY = ("accessKey", "accountId", "caller", "user", "userArn", "cognitoIdentityId", "sourceIp")


def identity():
    """A template that shows who calls."""
    return "{" + ",".join(f'"{name}":"$context.identity.{name}"' for name in IDENTITY) + "}"


def test_who_signs_is_known(api):
    """In the headers or in the query, with a body or without; templates and mappings see it."""
    api.mock("/who", "GET", body=identity(), method=IAM)
    api.method("/back/{id}", "POST", method=IAM, type="HTTP_PROXY", uri=api.backend.url + "/b",
               requestParameters={"integration.request.header.x-caller": "context.identity.userArn"})
    api.deploy()
    status, _, text = call(api, "GET", "/who?b=2&a=%20x&a=")
    assert status == 200, text
    expected = {
        "accessKey": ALICE, "accountId": ACCOUNT, "caller": ALICE, "user": ALICE,
        "userArn": f"arn:aws:iam::{ACCOUNT}:user/alice", "cognitoIdentityId": "", "sourceIp": "127.0.0.1",
    }
    assert json.loads(text) == expected
    target = presigned("GET", api.id, "/prod/who?a=1", ALICE, SECRETS[ALICE])
    status, _, text = api.gateway.call("GET", target, host=host_of(api.id))
    assert (status, json.loads(text)) == (200, expected)
    assert json.loads(call(api, "GET", "/who", BRIEF, token="brief/token+=")[2])["userArn"] == user("brief")
    for body in (b"", b"hello", bytes(range(256)) * 1000):
        status, _, text = call(api, "POST", "/back/a%20b", body=body)
        assert status == 200, text
        _, _, headers, got = api.backend.last()
        assert got == body and headers["x-caller"].endswith(":user/alice")
        assert "authorization" not in headers


def drop(name):
    """Takes a header away."""
    return lambda headers: headers.pop(name)


def put(name, value):
    """Sets a header."""
    return lambda headers: headers.update({name: value})


FAULTS = [
    ("no signature", {"change": drop("Authorization")}, "MissingAuthenticationTokenException", "Missing Authentication Token"),
    ("a token", {"change": put("Authorization", "Bearer x")}, "IncompleteSignatureException", "Invalid key=value pair"),
    ("no date", {"change": drop("X-Amz-Date")}, "IncompleteSignatureException", "existence of either a 'X-Amz-Date' or a 'Date'"),
    ("wrong secret", {"secret": "x"}, "InvalidSignatureException", "The request signature we calculated does not match"),
    ("other body", {"change": None, "sent": b"other"}, "InvalidSignatureException", "The request signature we calculated"),
    ("other header", {"headers": {"x-a": "1"}, "change": put("x-a", "2")}, "InvalidSignatureException", "x-a:2"),
    ("unknown key", {"key": NOBODY}, "UnrecognizedClientException", "The security token included in the request is invalid."),
    ("session token", {"token": "t"}, "UnrecognizedClientException", "The security token included in the request is invalid."),
    ("other session token", {"key": BRIEF, "token": "t"}, "UnrecognizedClientException", "The security token included in the request is invalid."),
    ("no session token", {"key": BRIEF}, "UnrecognizedClientException", "The security token included in the request is invalid."),
    ("ended", {"key": ENDED, "token": "ended-token"}, "ExpiredTokenException", "The security token included in the request is expired"),
    ("region", {"region": "us-east-1"}, "InvalidSignatureException", "scoped to a valid region, not 'us-east-1'"),
    ("service", {"service": "lambda"}, "InvalidSignatureException", "scoped to correct service: 'execute-api'"),
]


@pytest.mark.parametrize("name,more,error,message", FAULTS, ids=[fault[0] for fault in FAULTS])
def test_a_wrong_signature_is_told_in_awss_words(api, name, more, error, message):
    """The status, the type and the text of each."""
    api.method("/x", "POST", method=IAM, type="HTTP_PROXY", uri=api.backend.url)
    api.deploy()
    more = dict(more)
    key = more.pop("key", ALICE)
    secret = more.pop("secret", SECRETS[key])
    if "sent" in more:
        # What is sent is not what was signed.
        sent = more.pop("sent")
        original = api.gateway.call

        class Gate:
            @staticmethod
            def call(method, target, host, body, headers):
                headers = {**headers, "Content-Length": str(len(sent))}
                return original(method, target, host=host, body=sent, headers=headers)

        status, headers, text = signed(Gate, "POST", api.id, "/prod/x", key, secret, body=b"mine!", **more)
    else:
        status, headers, text = signed(api.gateway, "POST", api.id, "/prod/x", key, secret, body=b"{}", **more)
    assert (status, headers["x-amzn-errortype"]) == (403, error), text
    assert message in json.loads(text)["message"]
    assert api.backend.count() == 0


def test_clocks_may_differ_by_five_minutes_and_urls_end(api, monkeypatch):
    """Both ways; a presigned URL has its own time."""
    api.mock("/x", "GET", body="{}", method=IAM)
    api.deploy()
    def at(seconds, work):
        shifted = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
        stamp = shifted.strftime("%Y%m%dT%H%M%SZ")
        with monkeypatch.context() as patch:
            # botocore writes the moment through one function.
            patch.setattr(botocore.auth, "get_current_datetime", lambda **_: shifted)
            return work(), stamp

    for seconds, word in [(-290, None), (290, None), (-310, "Signature expired: "), (310, "Signature not yet current: ")]:
        (status, headers, text), stamp = at(seconds, lambda: call(api, "GET", "/x"))
        if word is None:
            assert status == 200, (seconds, text)
        else:
            assert (status, headers["x-amzn-errortype"]) == (403, "InvalidSignatureException")
            assert json.loads(text)["message"].startswith(word + stamp[:11])
    target, _ = at(-400, lambda: presigned("GET", api.id, "/prod/x", ALICE, SECRETS[ALICE], expires=600))
    assert api.gateway.call("GET", target, host=host_of(api.id))[0] == 200
    target, _ = at(-400, lambda: presigned("GET", api.id, "/prod/x", ALICE, SECRETS[ALICE], expires=30))
    status, headers, text = api.gateway.call("GET", target, host=host_of(api.id))
    assert status == 403 and "Signature expired" in text


def test_a_body_need_not_be_signed_if_the_client_says_so(api):
    """The word in the place of the hash is signed itself."""
    api.method("/x", "POST", method=IAM, type="HTTP_PROXY", uri=api.backend.url)
    api.deploy()

    class Unsigned:
        @staticmethod
        def call(method, target, host, body, headers):
            return api.gateway.call(method, target, host=host, body=b"other", headers=headers)

    headers = {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
    status, _, text = signed(Unsigned, "POST", api.id, "/prod/x", ALICE, SECRETS[ALICE], headers=headers)
    assert status == 200, text
    assert api.backend.last()[3] == b"other"
    change = drop("X-Amz-Content-SHA256")
    assert call(api, "POST", "/x", headers=headers, change=change)[0] == 403


def test_a_body_has_awss_limit(api):
    """It is refused before it comes, and for whom nobody knows it is not even asked for."""
    api.method("/x", "POST", method=IAM, type="HTTP_PROXY", uri=api.backend.url)
    api.deploy()

    class Announced:
        """Sends a head that announces a body, and no body."""

        length = 0

        @classmethod
        def call(cls, method, target, host, body, headers):
            lines = [f"{method} {target} HTTP/1.1", f"host: {host}", f"content-length: {cls.length}", "expect: 100-continue"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            with socket.create_connection(api.gateway.main.split(":"), 20) as connection:
                connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
                answer = http.client.HTTPResponse(connection)
                answer.begin()
                return answer.status, dict(answer.getheaders()), answer.read().decode()

    Announced.length = 10 * 1024 * 1024 + 1
    status, headers, _ = signed(Announced, "POST", api.id, "/prod/x", ALICE, SECRETS[ALICE])
    assert (status, headers["x-amzn-errortype"]) == (413, "RequestTooLargeException")
    Announced.length = 10
    status, headers, _ = signed(Announced, "POST", api.id, "/prod/x", NOBODY, SECRETS[NOBODY])
    assert (status, headers["x-amzn-errortype"]) == (403, "UnrecognizedClientException")
    assert api.backend.count() == 0


def test_gateway_responses_say_it_otherwise(api):
    """Of each type that a signature can end with."""
    api.mock("/x", "GET", body="{}", method=IAM)
    for kind, status in [("MISSING_AUTHENTICATION_TOKEN", "401"), ("INVALID_SIGNATURE", "402"), ("ACCESS_DENIED", "418"),
                         ("EXPIRED_TOKEN", "419")]:
        api.v1.put_gateway_response(
            restApiId=api.id, responseType=kind, statusCode=status,
            responseTemplates={"application/json": '{"type":"$context.error.responseType","key":"$context.identity.accessKey"}'},
        )
    api.deploy()
    said = {}
    for kind, answer in [
        ("none", api.call("GET", "/x")),
        ("wrong", signed(api.gateway, "GET", api.id, "/prod/x", ALICE, "wrong")),
        ("other", call(api, "GET", "/x", key=BOB)),
        ("ended", call(api, "GET", "/x", key=ENDED, token="ended-token")),
    ]:
        said[kind] = (answer[0], json.loads(answer[2]))
    assert said == {
        "none": (401, {"type": "MISSING_AUTHENTICATION_TOKEN", "key": ""}),
        "wrong": (402, {"type": "INVALID_SIGNATURE", "key": ""}),
        "other": (418, {"type": "ACCESS_DENIED", "key": BOB}),
        "ended": (419, {"type": "EXPIRED_TOKEN", "key": ""}),
    }


def denied(who, api, rest, explicit=False):
    """AWS's words."""
    hidden = arn(api, rest, "********" + ACCOUNT[-4:])
    tail = " with an explicit deny" if explicit else ""
    return f"User: {who} is not authorized to perform: execute-api:Invoke on resource: {hidden}{tail}"


def user(name, account=ACCOUNT):
    """The ARN of a user."""
    return f"arn:aws:iam::{account}:user/{name}"


def test_the_policy_of_a_key_says_what_it_may_call(api):
    """Verbs and paths, however the path is written; nobody of another account."""
    for path in ("/pets", "/secret", "/any/{proxy+}"):
        for verb in ("GET", "POST"):
            api.mock(path, verb, body="{}", method=IAM)
    api.deploy()
    assert call(api, "GET", "/pets", READER)[0] == 200
    assert call(api, "POST", "/secret")[0] == 200
    for method, path, key, said in [
        ("POST", "/pets", READER, denied(user("reader"), api, "prod/POST/pets")),
        ("GET", "/secret", READER, denied(user("reader"), api, "prod/GET/secret", True)),
        ("GET", "/s%65cret", READER, denied(user("reader"), api, "prod/GET/secret", True)),
        ("GET", "/secret/", READER, denied(user("reader"), api, "prod/GET/secret", True)),
        ("GET", "/pets", BOB, denied(user("bob", OTHER), api, "prod/GET/pets")),
    ]:
        status, headers, text = call(api, method, path, key)
        assert (status, headers["x-amzn-errortype"]) == (403, "AccessDeniedException"), path
        assert json.loads(text) == {"Message": said}
    path = "/any/" + "x" * 1600
    status, _, text = call(api, "GET", path)
    assert (status, json.loads(text)) == (414, {"message": "URI Too Long"})


TABLE = [
    # Own account: one side is enough. The reader may GET, alice everything.
    (READER, "GET", None, 200),
    (READER, "POST", None, 403),
    (READER, "POST", "allow", 200),
    (READER, "GET", "deny", 403),
    (ALICE, "POST", "deny", 403),
    (READER, "POST", "other", 403),
    # Another account: both have to allow.
    (BOB, "GET", None, 403),
    (BOB, "GET", "other", 200),
    (BOB, "GET", "allow", 200),
    (BOB, "GET", "deny", 403),
]


@pytest.mark.parametrize("key,method,rule,expected", TABLE)
def test_policies_of_key_and_api_are_joined_by_awss_tables(api, key, method, rule, expected):
    """Whether they are of one account or not."""
    for verb in ("GET", "POST"):
        api.mock("/x", verb, body="{}", method=IAM)
    api.deploy()
    if rule == "allow":
        give(api, allow("*", "execute-api:/prod/*/x"))
    elif rule == "deny":
        give(api, allow("*", arn(api, "*"), "Deny"), allow("*", "execute-api:/*"))
    elif rule == "other":
        give(api, allow({"AWS": OTHER}, arn(api, "prod/GET/x")))
    assert call(api, method, "/x", key)[0] == expected


def test_a_policy_alone_opens_methods_without_authorization(api):
    """What it does not name is closed; a new policy holds with the next deployment."""
    for path in ("/open", "/closed"):
        api.mock(path, "GET", body="{}")
    api.deploy()
    assert api.call("GET", "/closed")[0] == 200
    here = {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}, "Bool": {"aws:SecureTransport": "false"}}
    there = {"StringLike": {"aws:Referer": "https://evil.example/*"}}
    agent = {"StringEquals": {"aws:UserAgent": "robot"}}
    change = {"op": "replace", "path": "/policy", "value": json.dumps({"Statement": allow("*", "*", "Deny")})}
    api.v1.update_rest_api(restApiId=api.id, patchOperations=[change])
    assert api.call("GET", "/closed")[0] == 200
    give(
        api,
        allow("*", "execute-api:/prod/GET/open", Condition=here),
        allow("*", "execute-api:/*", "Deny", Condition=there),
        allow("*", "execute-api:/prod/GET/closed", Condition=agent),
    )
    assert api.call("GET", "/open")[0] == 200
    assert api.call("GET", "/closed", headers={"user-agent": "robot"})[0] == 200
    for path, headers, said in [
        ("/closed", {}, denied("anonymous", api, "prod/GET/closed")),
        ("/open", {"referer": "https://evil.example/x"}, denied("anonymous", api, "prod/GET/open", True)),
    ]:
        status, got, text = api.call("GET", path, headers=headers)
        assert (status, got["x-amzn-errortype"]) == (403, "AccessDeniedException")
        assert json.loads(text) == {"Message": said}
    # What is not there is not there, whatever the policy says.
    assert json.loads(api.call("GET", "/nothing")[2]) == {"message": "Missing Authentication Token"}


def test_a_canary_checks_callers_as_its_stage_does(api):
    """It has a deployment of its own, and so a policy."""
    api.mock("/x", "GET", body='"first $context.accountId"', method=IAM)
    api.deploy()
    api.v1.put_integration_response(restApiId=api.id, resourceId=api.paths["/x"], httpMethod="GET", statusCode="200",
                                    responseTemplates={"application/json": '"second $context.accountId"'})
    change = {"op": "replace", "path": "/policy",
              "value": json.dumps({"Version": "2012-10-17", "Statement": allow({"AWS": user("alice")}, "execute-api:/*", "Deny")})}
    api.v1.update_rest_api(restApiId=api.id, patchOperations=[change])
    api.v1.create_deployment(restApiId=api.id, stageName="prod", canarySettings={"percentTraffic": 100.0})
    status, _, text = call(api, "GET", "/x", READER)
    assert (status, json.loads(text)) == (200, f"second {ACCOUNT}")
    status, _, text = call(api, "GET", "/x")
    assert (status, json.loads(text)) == (403, {"Message": denied(user("alice"), api, "prod/GET/x", True)})
    api.v1.update_stage(restApiId=api.id, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/canarySettings/percentTraffic", "value": "0.0"}])
    assert json.loads(call(api, "GET", "/x")[2]) == f"first {ACCOUNT}"


def test_functions_are_told_who_calls(api, v2):
    """REST APIs in `identity`, HTTP APIs of format 2.0 in `authorizer.iam`."""
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:echo"
    path = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations"
    api.method("/f", "GET", method=IAM, type="AWS_PROXY", uri=path, integrationHttpMethod="POST")
    api.deploy()
    status, _, text = call(api, "GET", "/f", READER)
    assert status == 200, text
    told = json.loads(text)["requestContext"]["identity"]
    who = {"accessKey": READER, "accountId": ACCOUNT, "caller": READER, "user": READER, "userArn": user("reader")}
    assert told == {
        **who, "sourceIp": "127.0.0.1", "userAgent": None, "cognitoIdentityId": None, "cognitoIdentityPoolId": None,
        "cognitoAuthenticationType": None, "cognitoAuthenticationProvider": None, "principalOrgId": None,
    }
    made = v2.create_api(Name="h", ProtocolType="HTTP")["ApiId"]
    v2.create_stage(ApiId=made, StageName="$default", AutoDeploy=True)
    for version in ("1.0", "2.0"):
        target = v2.create_integration(ApiId=made, IntegrationType="AWS_PROXY", IntegrationUri=function,
                                       PayloadFormatVersion=version)["IntegrationId"]
        v2.create_route(ApiId=made, RouteKey=f"ANY /v{version[0]}", Target=f"integrations/{target}", AuthorizationType="AWS_IAM")
    status, _, text = signed(api.gateway, "GET", made, "/v2", READER, SECRETS[READER])
    assert status == 200, text
    assert json.loads(text)["requestContext"]["authorizer"] == {"iam": {
        "accessKey": READER, "accountId": ACCOUNT, "callerId": READER, "cognitoIdentity": None, "principalOrgId": None,
        "userArn": user("reader"), "userId": READER,
    }}
    told = json.loads(signed(api.gateway, "GET", made, "/v1", READER, SECRETS[READER])[2])["requestContext"]["identity"]
    assert {name: told[name] for name in who} == who


def test_functions_are_invoked_in_the_name_of_the_caller(api):
    """Who has a right to; without a signature there is nobody who could."""
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:echo"
    path = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations"
    more = {"type": "AWS_PROXY", "uri": path, "integrationHttpMethod": "POST", "credentials": "arn:aws:iam::*:user/*"}
    api.method("/f", "GET", method=IAM, **more)
    api.method("/open", "GET", **more)
    api.deploy()
    assert call(api, "GET", "/f")[0] == 200
    error = {"message": "Internal server error"}
    for status, _, text in [call(api, "GET", "/f", READER), api.call("GET", "/open")]:
        assert (status, json.loads(text)) == (500, error)


def test_http_apis_say_forbidden(gateway, v2):
    """Whatever is wrong; the log tells what."""
    backend = Backend()
    made = v2.create_api(Name="h", ProtocolType="HTTP")["ApiId"]
    form = "iam $context.identity.user $context.identity.accountId $context.identity.userArn $context.status $context.authorizer.error"
    v2.create_stage(ApiId=made, StageName="$default", AutoDeploy=True, AccessLogSettings={
        "DestinationArn": "arn:aws:logs:eu-west-1:111111111111:log-group:x", "Format": form + " $context.requestId"})
    target = v2.create_integration(ApiId=made, IntegrationType="HTTP_PROXY", IntegrationMethod="ANY",
                                   IntegrationUri=backend.url, PayloadFormatVersion="1.0")["IntegrationId"]
    v2.create_route(ApiId=made, RouteKey="$default", Target=f"integrations/{target}", AuthorizationType="AWS_IAM")
    bad = signed(gateway, "GET", made, "/x", ALICE, "wrong")
    for status, _, text in [
        gateway.call_api("GET", made, "/x"),
        bad,
        signed(gateway, "POST", made, "/x", READER, SECRETS[READER]),
        signed(gateway, "GET", made, "/x", BOB, SECRETS[BOB]),
        signed(gateway, "GET", made, "/x", ALICE, SECRETS[ALICE], region="us-east-1"),
    ]:
        assert (status, json.loads(text)) == (403, {"message": "Forbidden"})
    assert "x-amzn-errortype" not in bad[1] and backend.count() == 0
    for body in (b"", b"x" * 100_000):
        status, _, text = signed(gateway, "PUT", made, "/x?a=1", ALICE, SECRETS[ALICE], body=body)
        assert status == 200 and backend.last()[3] == body
    assert signed(gateway, "GET", made, "/x", READER, SECRETS[READER])[0] == 200
    backend.stop()
    for _ in range(100):
        lines = gateway.log.read_text() if gateway.log.exists() else ""
        if f"iam {READER} {ACCOUNT} {user('reader')} 200" in lines:
            break
        time.sleep(0.1)
    assert f"iam {ALICE} {ACCOUNT} {user('alice')} 200" in lines
    assert f"iam {BOB} {OTHER} {user('bob', OTHER)} 403" in lines
    assert "iam - - - 403 Missing Authentication Token " in lines
    assert "iam - - - 403 The request signature we calculated does not match" in lines
    assert f"403 User: {user('reader')} is not authorized to perform: execute-api:Invoke on resource: " in lines


def test_a_cached_answer_is_forgotten_for_whom_may(api):
    """`execute-api:InvalidateCache`; others are served from the cache and warned."""
    api.method("/x", "GET", method=IAM, type="HTTP_PROXY", uri=api.backend.url)
    api.v1.create_deployment(restApiId=api.id, stageName="prod", cacheClusterEnabled=True, cacheClusterSize="0.5")
    api.v1.update_stage(restApiId=api.id, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/*/*/caching/enabled", "value": "true"}])
    fresh = {"Cache-Control": "max-age=0"}
    for key, headers, count, warned in [
        (READER, {}, 1, False),
        (READER, {}, 1, False),
        (READER, fresh, 1, True),
        (READER, {**fresh, "User-Agent": "may"}, 2, False),
        (ALICE, fresh, 3, False),
    ]:
        status, got, text = call(api, "GET", "/x", key, headers=headers)
        assert status == 200, text
        assert (api.backend.count(), "warning" in got) == (count, warned)


def test_an_explained_call_is_as_that_of_who_wants_it_explained(api):
    """The wish is signed; the call itself is not once more."""
    api.mock("/x", "GET", body=identity(), method=IAM)
    api.deploy()
    status, _, text = call(api, "GET", "/x", headers={"x-daemun-explain": "1"})
    assert status == 200, text
    told = json.loads(text)
    assert json.loads(told["answer"]["body"])["userArn"] == user("alice")
    [check] = [step for step in told["trace"] if step.get("check") == "authorization"]
    assert check["outcome"] == "passed" and user("alice") in check["wants"]


def test_a_tested_method_knows_who_tests(api):
    """The caller of the management API."""
    api.mock("/x", "GET", body=identity(), method=IAM)
    told = api.v1.test_invoke_method(restApiId=api.id, resourceId=api.paths["/x"], httpMethod="GET")
    assert told["status"] == 200
    assert json.loads(told["body"])["userArn"] == user("alice")


def test_services_are_asked_with_the_callers_own_key(checking, tmp_path):
    """`arn:aws:iam::*:user/*`: each with its own."""
    (tmp_path / "ended.token").write_text("ended-token")
    gateway = Gateway(tmp_path, CONFIG + settings(checking.url))
    checking.keys.update({key: (SECRETS[key], None) for key in (ALICE, READER)})
    api = Api(gateway, gateway.client("apigateway", key=ALICE, secret=SECRETS[ALICE]))
    api.method("/q", "GET", {"200": {}}, IAM, type="AWS", uri=uri("sqs", "action/ListQueues"), integrationHttpMethod="POST",
               credentials="arn:aws:iam::*:user/*")
    api.deploy()
    for key in (ALICE, READER, ALICE):
        status, _, text = call(api, "GET", "/q", key)
        assert (status, json.loads(text)) == (200, {"key": key, "service": "sqs", "region": REGION})
    assert api.call("GET", "/q")[0] == 403
    api.delete()
    gateway.stop()


def test_without_keys_all_are_refused_and_the_log_says_why(tmp_path):
    """Any key may manage then, but no signature can be checked."""
    gateway = Gateway(tmp_path)
    api = Api(gateway, gateway.client("apigateway"))
    api.mock("/x", "GET", body="{}", method=IAM)
    api.deploy()
    assert json.loads(api.call("GET", "/x")[2]) == {"message": "Missing Authentication Token"}
    status, headers, _ = call(api, "GET", "/x")
    assert (status, headers["x-amzn-errortype"]) == (403, "UnrecognizedClientException")
    for _ in range(100):
        lines = [line for line in gateway.said if "[management.keys." in line]
        if lines:
            break
        time.sleep(0.1)
    assert len(lines) == 1 and "AWS_IAM" in lines[0]
    gateway.stop()


def test_keys_change_with_the_config(tmp_path):
    """A key that is taken away calls no more."""
    (tmp_path / "ended.token").write_text("ended-token")
    gateway = Gateway(tmp_path, CONFIG)
    api = Api(gateway, gateway.client("apigateway", key=ALICE, secret=SECRETS[ALICE]))
    api.mock("/x", "GET", body="{}", method=IAM)
    api.deploy()
    assert call(api, "GET", "/x", READER)[0] == 200
    text = gateway.file.read_text()
    gateway.file.write_text(text.replace('secret = "reader-secret"', 'secret = "changed"'))
    for _ in range(200):
        if call(api, "GET", "/x", READER)[0] == 403:
            break
        time.sleep(0.1)
    assert call(api, "GET", "/x", READER)[0] == 403
    assert signed(gateway, "GET", api.id, "/prod/x", READER, "changed")[0] == 200
    gateway.stop()
