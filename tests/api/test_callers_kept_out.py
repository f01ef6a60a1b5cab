"""Ways in that are none: routes without a target, functions of others, policies that say a thing twice."""

import json
import sys

import botocore.exceptions
import pytest
from conftest import ACCOUNT, REGION, Gateway
from rest import Api, Backend
from signing import ALICE, BOB, KEYS, OTHER, signed

HERE = "AKIDEXAMPLEEXAMPLE02"
SECRETS = {ALICE: "alice-secret", BOB: "bob-secret", HERE: "here-secret"}
#: Invokes functions only from an address, with an agent, that are those of the call.
POLICY = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"},
    {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*",
     "Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}, "StringEquals": {"aws:UserAgent": "may"}}},
]}
CONFIG = KEYS + f"""
[management.keys.{HERE}]
secret = "here-secret"
name = "here"
policy = '{json.dumps(POLICY)}'
[functions.echo]
runtime = "python3.12"
interpreter = "{sys.executable}"
handler = "index.echo"
code = "code"
[functions.judge]
runtime = "python3.12"
interpreter = "{sys.executable}"
handler = "index.judge"
code = "code"
"""
HANDLER = '''
import json

def echo(event, context):
    return {"statusCode": 200, "body": "{}"}

def judge(event, context):
    if event.get("version") == "2.0":
        return {"isAuthorized": True, "context": json.loads(event["headers"]["x-word"])}
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
    if event["authorizationToken"].startswith("named"):
        statement["Principal"] = "*"
    return {"principalId": "p", "policyDocument": {"Version": "2012-10-17", "Id": "i", "Statement": [statement]}}
'''
IAM = {"authorizationType": "AWS_IAM"}
AS_CALLER = "arn:aws:iam::*:user/*"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway with callers of two accounts and two functions."""
    folder = tmp_path_factory.mktemp("kept")
    (folder / "code").mkdir()
    (folder / "code" / "index.py").write_text(HANDLER)
    gateway = Gateway(folder, CONFIG)
    yield gateway
    gateway.stop()


@pytest.fixture
def api(gateway):
    """A REST API of alice's account."""
    made = Api(gateway, gateway.client("apigateway", key=ALICE, secret=SECRETS[ALICE]))
    yield made
    made.delete()


def uri(name):
    """The URI of a function."""
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    return f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations"


def open_to_all(api):
    """A resource policy that lets everybody in, of any account."""
    statement = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    api.v1.update_rest_api(restApiId=api.id, patchOperations=[{"op": "replace", "path": "/policy", "value": policy}])


def test_a_function_is_invoked_in_the_name_of_those_of_its_account(api):
    """And by what their policies know of the call."""
    api.method("/f", "GET", method=IAM, type="AWS_PROXY", uri=uri("echo"), integrationHttpMethod="POST", credentials=AS_CALLER)
    api.mock("/x", "GET", body="{}", method=IAM)
    open_to_all(api)
    api.deploy()
    for key, path, agent, expected in [
        (BOB, "/x", "may", 200),
        (BOB, "/f", "may", 500),
        (ALICE, "/f", "other", 200),
        (HERE, "/f", "may", 200),
        (HERE, "/f", "other", 500),
    ]:
        found = signed(api.gateway, "GET", api.id, f"/prod{path}", key, SECRETS[key], headers={"User-Agent": agent})
        assert found[0] == expected, (key, path, agent, found)


def authorizer(api, **more):
    """A TOKEN authorizer's method."""
    made = api.v1.create_authorizer(restApiId=api.id, name=f"a{len(api.paths)}", type="TOKEN", authorizerUri=uri("judge"),
                                    identitySource="method.request.header.x-token", authorizerResultTtlInSeconds=0, **more)
    return {"authorizationType": "CUSTOM", "authorizerId": made["id"]}


def test_an_authorizer_has_no_caller_to_be_asked_as(api):
    """Nobody is known yet."""
    api.mock("/as", "GET", body="{}", method=authorizer(api, authorizerCredentials=AS_CALLER))
    api.mock("/own", "GET", body="{}", method=authorizer(api))
    api.deploy()
    assert api.call("GET", "/own", headers={"x-token": "t"})[0] == 200
    status, headers, _ = api.call("GET", "/as", headers={"x-token": "t"})
    assert (status, headers["x-amzn-errortype"]) == (500, "AuthorizerConfigurationException")


def test_a_principal_that_is_everybody_makes_no_difference(api):
    """In the policy that an authorizer answers with."""
    api.mock("/own", "GET", body="{}", method=authorizer(api))
    api.deploy()
    assert api.call("GET", "/own", headers={"x-token": "named"})[0] == 200


def test_tokens_are_held_against_patterns_of_all_kinds(api):
    """Those that look around take tokens of some size only, all others any."""
    for path, pattern in [("/plain", "^Bearer [-0-9a-z.]+$"), ("/around", "((?=.*b)[a-z])*"), ("/not", "(?!Basic ).+")]:
        api.mock(path, "GET", body="{}", method=authorizer(api, identityValidationExpression=pattern))
    api.deploy()
    for path, token, expected in [
        ("/plain", "Bearer " + "a.0-" * 2000, 200),
        ("/plain", "Bearer " + "A.0-" * 2000, 401),
        ("/around", "a" * 500 + "b", 200),
        ("/around", "a" * 500, 401),
        ("/around", "a" * 9_000 + "b", 401),
        ("/not", "Bearer " + "x" * 3000, 200),
        ("/not", "Basic " + "x" * 3000, 401),
    ]:
        assert api.call("GET", path, headers={"x-token": token})[0] == expected, (path, len(token))


def test_no_policy_says_a_thing_twice(api):
    """Nobody should have to know which one counts."""
    rest = '"Principal":"*","Action":"execute-api:Invoke","Resource":"*"'
    for policy, name in [
        (f'{{"Statement":{{"Effect":"Deny","Effect":"Allow",{rest}}}}}', "Effect"),
        (f'{{"Statement":{{"Effect":"Allow",{rest},"Condition":{{"Bool":{{"aws:SecureTransport":"true"}}}},"Condition":{{}}}}}}', "Condition"),
    ]:
        with pytest.raises(botocore.exceptions.ClientError, match=f"`{name}` is there twice"):
            api.v1.update_rest_api(restApiId=api.id, patchOperations=[{"op": "replace", "path": "/policy", "value": policy}])


def test_a_route_without_a_target_keeps_its_callers_out(gateway):
    """They do not fall to the next route, which may be open."""
    v2 = gateway.client("apigatewayv2", key=ALICE, secret=SECRETS[ALICE])
    backend = Backend()
    made = v2.create_api(Name="h", ProtocolType="HTTP")["ApiId"]
    v2.create_stage(ApiId=made, StageName="$default", AutoDeploy=True)
    target = v2.create_integration(ApiId=made, IntegrationType="HTTP_PROXY", IntegrationMethod="ANY",
                                   IntegrationUri=backend.url, PayloadFormatVersion="1.0")["IntegrationId"]
    v2.create_route(ApiId=made, RouteKey="$default", Target=f"integrations/{target}")
    v2.create_route(ApiId=made, RouteKey="GET /admin", AuthorizationType="AWS_IAM")
    v2.create_route(ApiId=made, RouteKey="GET /bare")
    assert gateway.call_api("GET", made, "/other")[0] == 200
    assert gateway.call_api("GET", made, "/admin")[0] == 403
    assert signed(gateway, "GET", made, "/admin", ALICE, SECRETS[ALICE])[0] == 500
    assert gateway.call_api("GET", made, "/bare")[0] == 500
    assert backend.count() == 1
    v2.delete_api(ApiId=made)
    backend.stop()


def test_what_an_authorizer_does_not_say_is_not_what_the_client_says(gateway):
    """A mapping that overwrites takes away what came in its place; others leave it."""
    v2 = gateway.client("apigatewayv2", key=ALICE, secret=SECRETS[ALICE])
    backend = Backend()
    made = v2.create_api(Name="h", ProtocolType="HTTP")["ApiId"]
    v2.create_stage(ApiId=made, StageName="$default", AutoDeploy=True)
    judge = v2.create_authorizer(
        ApiId=made, Name="a", AuthorizerType="REQUEST", AuthorizerUri=uri("judge"), IdentitySource=["$request.header.x-word"],
        AuthorizerPayloadFormatVersion="2.0", EnableSimpleResponses=True)["AuthorizerId"]
    target = v2.create_integration(
        ApiId=made, IntegrationType="HTTP_PROXY", IntegrationMethod="ANY", IntegrationUri=backend.url, PayloadFormatVersion="1.0",
        RequestParameters={"overwrite:header.x-user": "$context.authorizer.user", "overwrite:querystring.user": "$context.authorizer.user",
                           "overwrite:header.x-other": "$request.header.x-none"})["IntegrationId"]
    v2.create_route(ApiId=made, RouteKey="GET /x", Target=f"integrations/{target}", AuthorizationType="CUSTOM", AuthorizerId=judge)
    for word, user in [('{"user":"me"}', "me"), ("{}", None)]:
        headers = {"x-word": word, "x-user": "root", "x-other": "stays"}
        assert gateway.call_api("GET", made, "/x?user=root&a=1", headers=headers)[0] == 200
        _, path, headers, _ = backend.last()
        assert (headers.get("x-user"), headers["x-other"]) == (user, "stays")
        assert path.split("?")[1] == "a=1" + (f"&user={user}" if user else "")
    v2.delete_api(ApiId=made)
    backend.stop()
