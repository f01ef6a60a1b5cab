"""Calls that show more than they prove: signatures carried to other APIs, and spellings that evade checks."""

import json
import socket
import time

import botocore.auth
import botocore.credentials
import pytest
from conftest import ACCOUNT, REGION
from rest import Api
from signing import host_of, presigned, request, signed
from test_authorizers import TOKEN, ask, guarded, http_api
from test_authorizers import call as told
from test_authorizers import gateway as judging  # noqa: F401
from test_callers import ALICE, IAM, SECRETS, allow, api, call, gateway, give, identity, user, v1  # noqa: F401


def raw(gateway, *lines):
    """Status and text of a request that no client would send."""
    host, port = gateway.main.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        got = b""
        while more := connection.recv(65_536):
            got += more
    head, _, text = got.decode().partition("\r\n\r\n")
    return int(head.split()[1]), text


@pytest.fixture
def other(gateway, v1):  # noqa: F811
    """A second REST API with the same method as the first."""
    made = Api(gateway, v1)
    made.mock("/x", "GET", body='"other"', method=IAM)
    made.deploy()
    yield made
    made.delete()


def test_a_signature_opens_no_other_api(api, other):  # noqa: F811
    """It is for the host that the request goes to, wherever that stands."""
    api.mock("/x", "GET", body='"own"', method=IAM)
    api.deploy()
    path = presigned("GET", api.id, "/prod/x", ALICE, SECRETS[ALICE])
    own, foreign = host_of(api.id), host_of(other.id)
    for target, version, hosts, status in [
        (path, "1.1", [own], 200),
        (f"http://{own}{path}", "1.1", [own], 200),
        (f"http://{own}{path}", "1.1", [foreign], 200),
        (f"http://{own}{path}", "1.0", [], 200),
        (path, "1.1", [foreign], 403),
        (f"http://{foreign}{path}", "1.1", [own], 403),
        (f"http://{foreign}{path}", "1.0", [own], 403),
        (f"http://{foreign}{path}", "1.0", [], 403),
    ]:
        got = raw(api.gateway, f"GET {target} HTTP/{version}", *(f"Host: {host}" for host in hosts))
        assert got[0] == status, (target, version, hosts, got)
        assert status != 200 or json.loads(got[1]) == "own"


@pytest.mark.parametrize("wish", [{}, {"x-daemun-explain": "1"}], ids=["plain", "explained"])
def test_headers_cannot_be_carried_to_another_api_either(api, other, wish):  # noqa: F811
    """Not even with the wish to have it explained; and `:authority` is nobody's host here."""
    made = request("GET", f"http://{host_of(api.id)}/prod/x", b"", wish)
    botocore.auth.SigV4Auth(botocore.credentials.Credentials(ALICE, SECRETS[ALICE]), "execute-api", REGION).add_auth(made)
    lines = [f"{name}: {value}" for name, value in made.headers.items()]
    target = f"http://{host_of(other.id)}/prod/x"
    status, text = raw(api.gateway, f"GET {target} HTTP/1.1", f"Host: {host_of(api.id)}", *lines)
    assert (status, "trace" in text) == (403, False), text
    # Signed as if there were no host, as can be done for HTTP/2.
    signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials(ALICE, SECRETS[ALICE]), "execute-api", REGION)
    signer.headers_to_sign = lambda _: {":authority": "", "x-amz-date": made.context["timestamp"]}
    signer.canonical_headers = lambda own: "".join(f"{name}:{value}\n" for name, value in sorted(own.items())).rstrip("\n")
    signer.signed_headers = lambda own: ";".join(sorted(own))
    made = request("GET", f"http://{host_of(api.id)}/prod/x", b"", None)
    made.context["timestamp"] = "x"
    signer.add_auth(made)
    lines = [f"{name}: {value}" for name, value in made.headers.items()]
    status, text = raw(api.gateway, "GET /prod/x HTTP/1.1", f"Host: {host_of(other.id)}", *lines)
    assert status == 403 and "must be a 'SignedHeader'" in text, text


def test_a_private_api_is_part_of_what_is_signed(gateway, v1):  # noqa: F811
    """Where a header leads to it and the host does not."""
    private = {"endpointConfiguration": {"types": ["PRIVATE"]}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow("*", "execute-api:/*")]})
    made = [Api(gateway, v1, policy=document, **private) for _ in range(2)]
    for own in made:
        own.mock("/x", "GET", body=f'"{own.id}"', method=IAM)
        own.deploy()
    host = "vpce-1.example"
    credentials = botocore.credentials.Credentials(ALICE, SECRETS[ALICE])
    query = request("GET", f"http://{host}/prod/x", b"", None)
    botocore.auth.SigV4QueryAuth(credentials, "execute-api", REGION, 60).add_auth(query)
    path = query.url.removeprefix(f"http://{host}")
    for own in made:
        status, text = raw(gateway, f"GET {path} HTTP/1.1", f"Host: {host}", f"x-apigw-api-id: {own.id}")
        assert (status, json.loads(text)["message"]) == (
            403, "'x-apigw-api-id' must be a 'SignedHeader' in the AWS Authorization.")
        named = request("GET", f"http://{host}/prod/x", b"", {"x-apigw-api-id": own.id})
        botocore.auth.SigV4Auth(credentials, "execute-api", REGION).add_auth(named)
        lines = [f"{name}: {value}" for name, value in named.headers.items()]
        status, text = raw(gateway, "GET /prod/x HTTP/1.1", f"Host: {host}", *lines)
        assert (status, json.loads(text)) == (200, own.id)
        # Where the host names the API the header decides nothing.
        path_of_own = presigned("GET", own.id, "/prod/x", ALICE, SECRETS[ALICE])
        status, text = raw(gateway, f"GET {path_of_own} HTTP/1.1", f"Host: {host_of(own.id)}", f"x-apigw-api-id: {made[0].id}")
        assert (status, json.loads(text)) == (200, own.id)
    for own in made:
        own.delete()


def test_an_explained_call_is_of_the_region_of_the_api(api):  # noqa: F811
    """A client cannot choose the region that its ARN is made of."""
    api.mock("/x", "GET", body=identity(), method=IAM)
    give(api, allow("*", "execute-api:/*"), allow({"AWS": user("alice")}, "*", "Deny"))
    wish = {"x-daemun-explain": "1"}
    told = json.loads(call(api, "GET", "/x", headers=wish)[2])
    assert told["answer"]["status"] == 403
    for region in ("cn-north-1", "us-east-1"):
        status, headers, text = call(api, "GET", "/x", headers=wish, region=region)
        assert (status, headers["x-amzn-errortype"]) == (403, "InvalidSignatureException")
        assert f"not '{region}'" in text and "trace" not in text


@pytest.mark.parametrize("signs,sends", [
    ("f=a%3Badmin%3Dtrue", "f=a;admin=true"),
    ("f=a%3Badmin", "f=a;admin"),
    ("admin=true&f=a", "f=a%26admin%3Dtrue"),
])
def test_a_query_is_signed_as_apis_read_it(api, signs, sends):  # noqa: F811
    """A semicolon is a border to them, and no other text than was signed gets in."""
    names = {f"integration.request.querystring.{name}": f"method.request.querystring.{name}" for name in ("f", "admin")}
    method = {**IAM, "requestParameters": {f"method.request.querystring.{name}": False for name in ("f", "admin")}}
    api.method("/x", "GET", {"200": {}}, method, type="HTTP", uri=api.backend.url + "/b", requestParameters=names)
    api.deploy()
    path = presigned("GET", api.id, f"/prod/x?{signs}", ALICE, SECRETS[ALICE])
    assert signs in path
    assert raw(api.gateway, f"GET {path} HTTP/1.1", f"Host: {host_of(api.id)}")[0] == 200
    assert raw(api.gateway, f"GET {path.replace(signs, sends)} HTTP/1.1", f"Host: {host_of(api.id)}")[0] == 403
    assert api.backend.count() == 1


@pytest.fixture
def judged(judging):  # noqa: F811
    """A REST API of the gateway with authorizers."""
    made = Api(judging, judging.client("apigateway"))
    yield made
    made.delete()


def test_a_path_is_no_pattern_to_authorizers(judged):
    """What a function lets in by the ARN it was told is remembered for that path alone."""
    method = guarded(judged, **TOKEN, authorizerResultTtlInSeconds=300)
    judged.mock("/users/{id}", "GET", body='{"arn":$context.authorizer.event}', method=method)
    judged.deploy()
    start = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{judged.id}/prod/GET/users/"
    for number, (path, shown) in enumerate([
        ("me%2A", "me%2A"), ("me*", "me%2A"), ("m%3Flissa", "m%3Flissa"), ("$%7Baws:username%7D", "%24{aws:username}"),
    ]):
        word = allow_told(number)
        status, _, text = told(judged, word, path=f"/users/{path}")
        assert (status, text["arn"]["methodArn"]) == (200, start + shown)
        for victim in ("melissa", "me", "%24"):
            assert told(judged, word, path=f"/users/{victim}")[0] == 403, (path, victim)


def allow_told(number):
    """The token for a policy that lets in what the function was told; each number is another token."""
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "TOLD"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return json.dumps({"principalId": f"p{number}", "policyDocument": policy})


def test_a_method_is_no_pattern_to_authorizers(judging):  # noqa: F811
    """`*` is a method that HTTP allows, and `$default` serves it."""
    made = http_api(judging, "2.0", ttl=300)
    v2 = judging.client("apigatewayv2")
    first = v2.get_routes(ApiId=made)["Items"][0]
    v2.create_route(ApiId=made, RouteKey="$default", Target=first["Target"], AuthorizationType="CUSTOM",
                    AuthorizerId=first["AuthorizerId"])
    word = allow_told(0)
    lines = [f"Host: {host_of(made)}", f"x-word: {word}"]
    status, text = raw(judging, "* /c HTTP/1.1", *lines)
    assert status == 200, text
    event = json.loads(json.loads(text)["requestContext"]["authorizer"]["lambda"]["event"])
    assert event["routeArn"].endswith("/$default/%2A/c")
    assert ask(judging, made, word, "/c")[0] == 403


APPENDED = {"X-Forwarded-For": "198.51.100.7", "X-Amzn-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793"}


@pytest.mark.parametrize("name", APPENDED)
def test_who_is_remembered_is_who_was_told(judged, name):
    """Headers that the gateway writes are the same to the function and to its memory."""
    method = guarded(judged, type="REQUEST", identitySource=f"method.request.header.{name}", authorizerResultTtlInSeconds=300)
    judged.mock("/x", "GET", body='{"asked":"$context.authorizer.asked","event":$context.authorizer.event}', method=method)
    judged.deploy()
    word = {"x-word": allow_told(0)}
    # It is there though the client sends none.
    status, _, text = told(judged, None, headers=word)
    assert status == 200 and text["event"]["headers"][name]
    made = http_api(judged.gateway, "2.0", simple=True, sources=(f"$request.header.{name}",))
    for headers in ({}, {name: APPENDED[name]}):
        status, event = ask(judged.gateway, made, '{"isAuthorized": true}', headers=headers)
        assert status == 200
        event = json.loads(event["requestContext"]["authorizer"]["lambda"]["event"])
        assert event["identitySource"] == [event["headers"][name.lower()]]


@pytest.mark.parametrize("kind", ["REST", "HTTP"])
def test_what_is_wrong_with_an_authorizer_is_not_told_to_clients(judged, kind):
    """Nobody is let in, and only the logs say why."""
    v1, gateway = judged.v1, judged.gateway  # noqa: F811
    log = {"DestinationArn": "arn:aws:logs:eu-west-1:111111111111:log-group:x", "Format": f"unchecked {kind} $context.authorizer.error $context.requestId"}
    if kind == "REST":
        pattern = "a(?<b>c"
        method = guarded(judged, **TOKEN, identityValidationExpression=pattern)
        judged.mock("/x", "GET", body="{}", method=method)
        v1.put_gateway_response(restApiId=judged.id, responseType="AUTHORIZER_CONFIGURATION_ERROR", statusCode="503",
                                responseTemplates={"application/json": '{"type":"$context.error.responseType"}'})
        judged.deploy()
        v1.update_stage(restApiId=judged.id, stageName="prod", patchOperations=[
            {"op": "replace", "path": "/accessLogSettings/destinationArn", "value": log["DestinationArn"]},
            {"op": "replace", "path": "/accessLogSettings/format", "value": log["Format"]}])
        answer = told(judged, "token")
        assert answer == (503, "AuthorizerConfigurationException", {"type": "AUTHORIZER_CONFIGURATION_ERROR"})
        why = "validation expression"
    else:
        v2 = gateway.client("apigatewayv2")
        made = http_api(gateway, "2.0")
        target = v2.get_routes(ApiId=made)["Items"][0]["Target"]
        jwt = v2.create_authorizer(ApiId=made, Name="j", AuthorizerType="JWT", IdentitySource=["$request.header.Authorization"],
                                   JwtConfiguration={"Issuer": "https://issuer.example", "Audience": ["a"]})["AuthorizerId"]
        v2.create_route(ApiId=made, RouteKey="GET /j", Target=target, AuthorizationType="JWT", AuthorizerId=jwt)
        v2.update_stage(ApiId=made, StageName="$default", AccessLogSettings=log)
        assert ask(gateway, made, "token", "/j") == (500, {"message": "Internal Server Error"})
        why = "Authorization type JWT"
    for _ in range(100):
        file = gateway.folder / "access.log"
        lines = [line for line in (file.read_text() if file.exists() else "").splitlines() if f"unchecked {kind}" in line]
        if lines:
            break
        time.sleep(0.1)
    assert why in lines[0], lines
