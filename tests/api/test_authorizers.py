"""Lambda authorizers of REST APIs and HTTP APIs: who is asked, what is remembered, and how callers are refused."""

import concurrent.futures
import json
import sys
import time

import botocore.exceptions
import pytest
from conftest import ACCOUNT, REGION, Gateway, free_port
from fake_aws import settings
from raw import connect
from rest import Api

#: Does as the token says: the JSON of an output, or what to raise. It counts how often it was asked.
HANDLER = '''
import json
import time

asked = 0

def judge(event, context):
    global asked
    asked += 1
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    word = event.get("authorizationToken") or headers.get("x-word")
    if event.get("version") == "1.0":
        word = headers["x-word"]
    if word.startswith("raise "):
        raise Exception(word[6:])
    if word.startswith("raw "):
        return json.loads(word[4:])
    said = json.loads(word.replace('"TOLD"', json.dumps(event.get("methodArn") or event.get("routeArn"))))
    if "slow" in said.get("context", {}):
        time.sleep(0.4)
    said.setdefault("context", {}).update(asked=asked, event=json.dumps(event))
    return said

def echo(event, context):
    return {"statusCode": 200, "body": json.dumps(event)}
'''
#: What the caller is told of what the authorizer said.
SHOWN = (
    '{"principal":"$context.authorizer.principalId","asked":"$context.authorizer.asked",'
    '"event":$context.authorizer.event,"number":"$context.authorizer.number","flag":"$context.authorizer.flag"}'
)
TOKEN = {"type": "TOKEN", "identitySource": "method.request.header.Authorization"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway with the function and logs."""
    folder = tmp_path_factory.mktemp("authorizers")
    (folder / "code").mkdir()
    (folder / "code" / "index.py").write_text(HANDLER)
    functions = "".join(
        f'[functions.{name}]\nruntime = "python3.12"\ninterpreter = "{sys.executable}"\n'
        f'handler = "index.{name}"\ncode = "code"\nconcurrency = 1\n'
        for name in ("judge", "echo")
    )
    logs = f'[logging]\naccess_log = "{folder}/access.log"\nexecution_log = "{folder}/{{api}}-{{stage}}.log"\n'
    gateway = Gateway(folder, functions + logs)
    gateway.folder = folder
    yield gateway
    gateway.stop()


@pytest.fixture
def api(gateway):
    """A REST API."""
    made = Api(gateway, gateway.client("apigateway"))
    yield made
    made.delete()


def function(name="judge"):
    """The ARN of a function."""
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def uri(name="judge"):
    """The URI of an authorizer or integration."""
    return f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function(name)}/invocations"


def guarded(api, **more):
    """What a method has to say to be guarded by a new authorizer."""
    more = {"name": f"a{len(api.paths)}-{time.monotonic_ns()}", "authorizerUri": uri(), "authorizerResultTtlInSeconds": 0, **more}
    made = api.v1.create_authorizer(restApiId=api.id, **more)
    return {"authorizationType": "CUSTOM", "authorizerId": made["id"]}


def arn(api, rest):
    """The ARN of calls."""
    return f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api.id}/{rest}"


def says(resource="*", effect="Allow", principal="user-7", **more):
    """The token for this output."""
    statement = {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return json.dumps({"principalId": principal, "policyDocument": policy, **more})


def call(api, token, method="GET", path="/x", name="Authorization", **more):
    """Status, type of the error, and JSON of a call with a token."""
    headers = {**({name: token} if token is not None else {}), **more.pop("headers", {})}
    status, got, text = api.call(method, path, headers=headers, **more)
    return status, got.get("x-amzn-errortype"), json.loads(text)


DENIED = (403, "AccessDeniedException", {"Message": "User is not authorized to access this resource"})
EXPLICIT = (403, "AccessDeniedException", {"Message": "User is not authorized to access this resource with an explicit deny"})
UNAUTHORIZED = (401, "UnauthorizedException", {"message": "Unauthorized"})
BROKEN = (500, "AuthorizerConfigurationException", {"message": None})


def test_a_token_is_judged(api):
    """Its event, its policy, and what templates are told of it."""
    api.mock("/x", "GET", body=SHOWN, method=guarded(api, **TOKEN, identityValidationExpression="(?s).{3,}"))
    api.deploy()
    status, _, told = call(api, says(context={"number": 1.5, "flag": True}))
    assert status == 200
    assert told["event"] == {
        "type": "TOKEN", "methodArn": arn(api, "prod/GET/x"),
        "authorizationToken": says(context={"number": 1.5, "flag": True}),
    }
    assert (told["principal"], told["number"], told["flag"]) == ("user-7", "1.5", "true")
    asked = int(told["asked"])
    # The name of the header is written as anybody likes.
    assert call(api, says(arn(api, "prod/GET/*")), name="authorization")[0] == 200
    for token, expected in [
        (None, UNAUTHORIZED),
        ("", UNAUTHORIZED),
        ("no", UNAUTHORIZED),
        ("raise Unauthorized", UNAUTHORIZED),
        ("raise unauthorized", BROKEN),
        ("raise anything", BROKEN),
        ("raw 7", BROKEN),
        ("raw {}", BROKEN),
        ('raw {"principalId":"a"}', BROKEN),
        ('raw {"principalId":"a","policyDocument":{"Statement":[]},"context":{"a":{}}}', BROKEN),
        (says(arn(api, "prod/POST/x")), DENIED),
        (says(effect="Deny"), EXPLICIT),
        (says("x" * 513), BROKEN),
    ]:
        assert call(api, token) == expected, token
    # Without a token, and for one that does not look like one, nobody was asked.
    assert int(call(api, says())[2]["asked"]) == asked + 12


def test_decisions_are_remembered(api):
    """By token, for their time; their policy is asked anew for each call; a flush forgets them."""
    method = guarded(api, **TOKEN, authorizerResultTtlInSeconds=3600)
    for path in ("/x", "/y"):
        api.mock(path, "GET", body=SHOWN, method=method)
    brief = guarded(api, **TOKEN, authorizerResultTtlInSeconds=1)
    api.mock("/brief", "GET", body=SHOWN, method=brief)
    api.deploy()
    one, two = says(arn(api, "prod/GET/x")), says(principal="other")
    first = call(api, one)[2]
    assert call(api, one)[2] == first
    assert call(api, one, path="/y") == DENIED
    second = call(api, two)[2]
    assert int(second["asked"]) == int(first["asked"]) + 1 and second["principal"] == "other"
    assert call(api, two, path="/y")[2] == second
    # What is no decision is not remembered.
    assert call(api, "raise x") == call(api, "raise x") == BROKEN
    api.v1.flush_stage_authorizers_cache(restApiId=api.id, stageName="prod")
    third = call(api, one)[2]
    assert int(third["asked"]) == int(second["asked"]) + 3
    for _ in range(100):
        before, after = call(api, two, path="/brief")[2], None
        if before["asked"] == call(api, two, path="/brief")[2]["asked"]:
            break
    for _ in range(100):
        after = call(api, two, path="/brief")[2]
        if after["asked"] != before["asked"]:
            break
        time.sleep(0.1)
    assert after["asked"] != before["asked"]


def test_calls_at_once_are_judged_once(api):
    """Those who come with the same token while it is judged wait for the decision; a failure is everybody's own."""
    method = guarded(api, **TOKEN, authorizerResultTtlInSeconds=300)
    api.mock("/x", "GET", body=SHOWN, method=method)
    api.deploy()
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        for round_ in range(3):
            token = says(context={"slow": str(round_)})
            made = list(pool.map(lambda _, token=token: call(api, token), range(12)))
            assert [status for status, _, _ in made] == [200] * 12
            assert len({told["asked"] for _, _, told in made}) == 1
        failed = list(pool.map(lambda _: call(api, "raise nothing"), range(12)))
        assert failed == [BROKEN] * 12
        assert call(api, says())[0] == 200


def test_a_header_in_two_spellings_is_one(api):
    """To the authorizer as to the function behind it: under the first of its names, with all its values."""
    method = guarded(api, type="REQUEST")
    api.method("/x", "GET", method=method, type="AWS_PROXY", uri=uri("echo"), integrationHttpMethod="POST")
    api.deploy()
    head = f"X-Word: {says()}\r\nX-Twice: 1\r\nx-twice: 2\r\nConnection: close\r\n"
    connection, got = connect(api.gateway, api, "/x", head), b""
    while more := connection.recv(65_536):
        got += more
    event = json.loads(got.partition(b"\r\n\r\n")[2])
    judged = json.loads(event["requestContext"]["authorizer"]["event"])
    for told in (event, judged):
        assert told["headers"]["X-Twice"] == "2" and told["multiValueHeaders"]["X-Twice"] == ["1", "2"]
        assert "x-twice" not in told["headers"] and "x-twice" not in told["multiValueHeaders"]
    assert judged["headers"] == event["headers"]


def test_a_request_is_judged(api):
    """All identity sources have to be there; the event is that of the method without its body."""
    sources = "method.request.header.X-Word, method.request.querystring.q,stageVariables.v,context.stage"
    method = guarded(api, type="REQUEST", identitySource=sources, authorizerResultTtlInSeconds=300)
    api.method("/f/{id}", "POST", method=method, type="AWS_PROXY", uri=uri("echo"), integrationHttpMethod="POST")
    open_ = guarded(api, type="REQUEST")
    api.mock("/open", "GET", body=SHOWN, method=open_)
    api.deploy(variables={"v": "1"})

    def ask(word, path, **more):
        return call(api, word, "POST", path, name="x-word", body=b"body", **more)

    word = says(context={"number": 7, "flag": False, "text": "t"})
    status, _, event = ask(word, "/f/7?q=1&q=2")
    assert status == 200
    told = event["requestContext"]["authorizer"]
    judged = json.loads(told.pop("event"))
    assert isinstance(told.pop("integrationLatency"), int) and told.pop("asked")
    assert told == {"principalId": "user-7", "number": "7", "flag": "false", "text": "t"}
    assert (judged.pop("type"), judged.pop("methodArn")) == ("REQUEST", arn(api, "prod/POST/f/7"))
    assert event.pop("body") == "body" and event.pop("isBase64Encoded") is False
    del event["requestContext"]["authorizer"]
    assert judged == event
    # The same values are the same caller.
    again = ask(word, "/f/8?q=1&q=2")[2]["requestContext"]["authorizer"]
    assert json.loads(again["event"])["pathParameters"] == {"id": "7"}
    other = ask(word, "/f/8?q=3")[2]["requestContext"]["authorizer"]
    assert json.loads(other["event"])["pathParameters"] == {"id": "8"}
    for word, path in [(None, "/f/7?q=1"), (word, "/f/7"), (word, "/f/7?q=")]:
        assert ask(word, path) == UNAUTHORIZED
    # Without sources each call is judged.
    asked = [call(api, word, path="/open", name="x-word")[2]["asked"] for _ in range(2)]
    assert asked[0] != asked[1]


def test_an_authorizer_says_whose_api_key_counts(gateway):
    """`apiKeySource` AUTHORIZER: `usageIdentifierKey`, and not what the client sends."""
    v1 = gateway.client("apigateway")
    api = Api(gateway, v1, apiKeySource="AUTHORIZER")
    api.mock("/x", "GET", body='{"key":"$context.identity.apiKeyId"}', method={**guarded(api, **TOKEN), "apiKeyRequired": True})
    api.deploy()
    plan = v1.create_usage_plan(name="p", apiStages=[{"apiId": api.id, "stage": "prod"}])
    key = v1.create_api_key(name="k", enabled=True)
    v1.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    assert call(api, says(usageIdentifierKey=key["value"]))[::2] == (200, {"key": key["id"]})
    for token, headers in [(says(), {"x-api-key": key["value"]}), (says(usageIdentifierKey="other"), {})]:
        assert call(api, token, headers=headers) == (403, "ForbiddenException", {"message": "Forbidden"})
    v1.delete_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"])


def test_gateway_responses_say_it_otherwise(gateway, tmp_path):
    """Each type has its own; what the authorizer said is known to those that come after it."""
    dead = f"http://127.0.0.1:{free_port()}"
    more = settings(dead, "remote_functions = true\n")
    own = Gateway(tmp_path, more)
    api = Api(own, own.client("apigateway"))
    far = Api(gateway, gateway.client("apigateway"))
    for one in (api, far):
        for kind, status in [("UNAUTHORIZED", "418"), ("ACCESS_DENIED", "402"), ("AUTHORIZER_FAILURE", "502"),
                             ("AUTHORIZER_CONFIGURATION_ERROR", "503")]:
            template = '{"type":"$context.error.responseType","said":$context.error.messageString,"who":"$context.authorizer.principalId"}'
            one.v1.put_gateway_response(restApiId=one.id, responseType=kind, statusCode=status,
                                        responseTemplates={"application/json": template})
        one.mock("/x", "GET", body="{}", method=guarded(one, **TOKEN))
    missing = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function('missing')}/invocations"
    far.mock("/missing", "GET", body="{}", method=guarded(far, **TOKEN, authorizerUri=missing))
    api.deploy()
    far.deploy()
    said = "User is not authorized to access this resource"
    for one, token, path, status, kind, message, who in [
        (far, None, "/x", 418, "UNAUTHORIZED", "Unauthorized", ""),
        (far, says("nothing"), "/x", 402, "ACCESS_DENIED", said, "user-7"),
        (far, "raise x", "/x", 503, "AUTHORIZER_CONFIGURATION_ERROR", None, ""),
        (far, "x", "/missing", 503, "AUTHORIZER_CONFIGURATION_ERROR", None, ""),
        (api, "x", "/x", 502, "AUTHORIZER_FAILURE", None, ""),
    ]:
        assert call(one, token, path=path)[::2] == (status, {"type": kind, "said": message, "who": who})
    far.delete()
    own.stop()


def test_the_policy_of_the_api_counts_too(api):
    """A denial before the authorizer is asked; else one that allows is enough."""
    api.mock("/x", "GET", body=SHOWN, method=guarded(api, **TOKEN))
    api.deploy()

    def give(*statements):
        made = [{"Principal": "*", "Action": "execute-api:Invoke", **statement} for statement in statements]
        change = {"op": "replace", "path": "/policy", "value": json.dumps({"Version": "2012-10-17", "Statement": made})}
        api.v1.update_rest_api(restApiId=api.id, patchOperations=[change])
        api.deploy()

    asked = int(call(api, says())[2]["asked"])
    robot = {"StringEquals": {"aws:UserAgent": "robot"}}
    give({"Effect": "Deny", "Resource": "*", "Condition": robot}, {"Effect": "Allow", "Resource": "execute-api:/prod/GET/x"})
    assert call(api, says(), headers={"user-agent": "robot"}) == EXPLICIT
    assert int(call(api, says("nothing"))[2]["asked"]) == asked + 1
    assert call(api, says(effect="Deny")) == EXPLICIT
    give({"Effect": "Allow", "Resource": "nothing"})
    assert call(api, says())[0] == 200 and call(api, says("nothing")) == DENIED


def test_the_execution_log_tells_how_it_was_judged(api):
    """In AWS's words; what the caller is known by is hidden."""
    api.mock("/x", "GET", body="{}", method=guarded(api, **TOKEN))
    api.deploy()
    for path, value in [("loglevel", "INFO"), ("dataTrace", "true")]:
        api.v1.update_stage(restApiId=api.id, stageName="prod", patchOperations=[
            {"op": "replace", "path": f"/*/*/logging/{path}", "value": value}])
    api.v1.update_stage(restApiId=api.id, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/accessLogSettings/format", "value":
         "auth $context.authorizer.principalId $context.authorizer.number $context.authorizer.error $context.requestId"}])
    good = says(context={"number": 3}, principal="somebody")
    assert call(api, good)[0] == 200
    assert call(api, "raise secret-1234567890-reason") == BROKEN
    assert call(api, "raise Unauthorized") == UNAUTHORIZED
    assert call(api, says("nothing")) == DENIED
    file = api.gateway.folder / f"{api.id}-prod.log"
    for _ in range(100):
        text = file.read_text() if file.exists() else ""
        if text.count("Gateway response headers") == 3:
            break
        time.sleep(0.1)
    calls = text.split("Starting authorizer: ")
    assert len(calls) == 5
    steps = ["Incoming identity: ****", "Sending request to https://lambda.", "Authorizer result body before parsing: {",
             "Using valid authorizer policy for principal: ****", "Successfully completed authorizer execution",
             "Verifying Usage Plan for request: "]
    places = [calls[1].index(step) for step in steps]
    assert places == sorted(places)
    assert "Execution failed due to configuration error: Lambda execution failed with status 200 due to customer function error" in calls[2]
    assert "Unauthorized request: " in calls[3]
    assert "The client is not authorized to perform this operation." in calls[4]
    assert '"authorizationToken"' not in text.replace('\\"', '"').split("Authorizer result body")[0]
    for _ in range(100):
        log = (api.gateway.folder / "access.log").read_text()
        if "secret-1234567890-reason" in log:
            break
        time.sleep(0.1)
    assert "auth somebody 3 - " in log and "customer function error: secret-1234567890-reason" in log


def http_api(gateway, version, simple=False, ttl=0, sources=("$request.header.x-word",), backend="2.0"):
    """An HTTP API whose routes are judged, with a function that echoes."""
    v2 = gateway.client("apigatewayv2")
    made = v2.create_api(Name="h", ProtocolType="HTTP")["ApiId"]
    v2.create_stage(ApiId=made, StageName="$default", AutoDeploy=True)
    more = {"EnableSimpleResponses": True} if simple else {}
    authorizer = v2.create_authorizer(
        ApiId=made, Name="a", AuthorizerType="REQUEST", AuthorizerUri=uri(), IdentitySource=list(sources),
        AuthorizerPayloadFormatVersion=version, AuthorizerResultTtlInSeconds=ttl, **more)["AuthorizerId"]
    target = v2.create_integration(ApiId=made, IntegrationType="AWS_PROXY", IntegrationUri=function("echo"),
                                   PayloadFormatVersion=backend)["IntegrationId"]
    for key in ("GET /a/{id}", "GET /b"):
        v2.create_route(ApiId=made, RouteKey=key, Target=f"integrations/{target}", AuthorizationType="CUSTOM",
                        AuthorizerId=authorizer)
    return made


def ask(gateway, api, word, path="/a/7?q=1", headers=None):
    """Status and JSON of a call of an HTTP API."""
    headers = {**(headers or {}), **({"x-word": word} if word is not None else {})}
    status, _, text = gateway.call_api("GET", api, path, headers=headers)
    return status, json.loads(text)


FORBIDDEN, INTERNAL = (403, {"message": "Forbidden"}), (500, {"message": "Internal Server Error"})


def test_http_apis_take_yes_and_no(gateway):
    """Simple answers; the context keeps its types; the event is that of format 2.0."""
    api = http_api(gateway, "2.0", simple=True)
    yes = json.dumps({"isAuthorized": True, "context": {"n": 1, "b": True, "s": "x", "l": [1], "m": {"a": None}}})
    status, event = ask(gateway, api, yes, headers={"cookie": "c=1"})
    assert status == 200
    context = event["requestContext"].pop("authorizer")["lambda"]
    judged = json.loads(context.pop("event"))
    assert context.pop("asked") > 0
    assert context == {"n": 1, "b": True, "s": "x", "l": [1], "m": {"a": None}}
    assert (judged.pop("type"), judged.pop("identitySource")) == ("REQUEST", [yes])
    assert judged.pop("routeArn") == f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/$default/GET/a/7"
    assert event.pop("isBase64Encoded") is False and judged == event
    assert ask(gateway, api, 'raw {"isAuthorized": true}')[1]["requestContext"]["authorizer"] == {"lambda": None}
    assert ask(gateway, api, '{"isAuthorized": false}') == FORBIDDEN
    for word in ('raw {"isAuthorized": "true"}', says(), "raise x", "raw 1"):
        assert ask(gateway, api, word) == INTERNAL, word
    for word in (None, "", "raise Unauthorized"):
        assert ask(gateway, api, word) == (401, {"message": "Unauthorized"})


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_http_apis_take_policies(gateway, version):
    """In both formats; functions of format 1.0 are told as REST APIs tell it."""
    api = http_api(gateway, version, backend="1.0", sources=("$request.header.x-word", "$request.querystring.q"))
    own = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/$default/GET/a/*"
    word = says(own, context={"n": 1})
    status, event = ask(gateway, api, word)
    assert status == 200
    told = event["requestContext"].pop("authorizer")
    judged = json.loads(told.pop("event"))
    assert told.pop("asked") and isinstance(told.pop("integrationLatency"), int)
    assert told == {"principalId": "user-7", "n": 1}
    assert (judged["version"], judged["type"]) == (version, "REQUEST")
    if version == "1.0":
        assert judged["identitySource"] == judged["authorizationToken"] == f"{word},1"
        assert judged["methodArn"].endswith("/$default/GET/a/7")
        assert judged["pathParameters"] == {"id": "7"} and "body" not in judged
    else:
        assert judged["identitySource"] == [word, "1"]
    assert ask(gateway, api, word, "/b?q=1") == FORBIDDEN
    assert ask(gateway, api, says(effect="Deny")) == FORBIDDEN
    assert ask(gateway, api, word, "/a/7")[0] == 401


def test_http_apis_remember_decisions_for_all_routes(gateway):
    """Unless the key of the route is among the sources."""
    yes = '{"isAuthorized": true}'

    def asked(api, path):
        return ask(gateway, api, yes, path)[1]["requestContext"]["authorizer"]["lambda"]["asked"]

    shared = http_api(gateway, "2.0", simple=True, ttl=300)
    assert asked(shared, "/a/1") == asked(shared, "/b") == asked(shared, "/a/2")
    apart = http_api(gateway, "2.0", simple=True, ttl=300, sources=("$request.header.x-word", "$context.routeKey"))
    assert asked(apart, "/a/1") == asked(apart, "/a/2") != asked(apart, "/b")
    never = http_api(gateway, "2.0", simple=True)
    assert asked(never, "/b") != asked(never, "/b")
    before = asked(shared, "/b")
    gateway.client("apigatewayv2").reset_authorizers_cache(ApiId=shared, StageName="$default")
    assert asked(shared, "/b") > before


def test_in_strict_mode_authorizers_need_a_permission(tmp_path):
    """As the authorizer, not as the method."""
    from test_functions import make

    gateway = Gateway(tmp_path, 'mode = "strict"\n')
    source = HANDLER.replace("def judge", "def handler")
    functions = gateway.client("lambda")
    make(functions, "judge", source=source, handler="app.handler", Timeout=10)
    api = Api(gateway, gateway.client("apigateway"))
    method = guarded(api, **TOKEN)
    api.mock("/x", "GET", body="{}", method=method)
    api.deploy()
    assert call(api, says()) == BROKEN
    functions.add_permission(FunctionName="judge", StatementId="s", Action="lambda:InvokeFunction",
                             Principal="apigateway.amazonaws.com", SourceArn=arn(api, f"authorizers/{method['authorizerId']}"))
    assert call(api, says())[0] == 200
    gateway.stop()


def refused(what, **more):
    """The words of a refusal."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        what(**more)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return caught.value.response["Error"]["Message"]


def test_what_nobody_can_be_known_by_is_refused_when_it_is_written(gateway, api):
    """Identity sources, expressions and formats, by name, at creation and in patches."""
    token = ". The source must be a method request header, matching 'method.request.header.[a-zA-Z0-9._-]+'."
    request = (". Each must be method.request.header.{name}, method.request.querystring.{name}, "
               "stageVariables.{name} or context.{name}.")
    for kind, source, words in [
        ("TOKEN", "Authorization", f"Invalid token source expression: Authorization{token}"),
        ("TOKEN", "method.request.querystring.a", f"Invalid token source expression: method.request.querystring.a{token}"),
        ("TOKEN", "method.request.header.", f"Invalid token source expression: method.request.header.{token}"),
        ("REQUEST", "method.request.header.a, $request.header.b", f"Invalid identitySource: $request.header.b{request}"),
        ("REQUEST", "method.request.path.id", f"Invalid identitySource: method.request.path.id{request}"),
    ]:
        given = {"restApiId": api.id, "name": "a", "type": kind, "authorizerUri": uri(), "identitySource": source}
        assert refused(api.v1.create_authorizer, **given) == words
    given = {"restApiId": api.id, "name": "a", "type": "TOKEN", "authorizerUri": uri()}
    words = refused(api.v1.create_authorizer, **given, identityValidationExpression="(")
    assert words.startswith("Invalid identityValidationExpression (: the regular expression is wrong"), words
    made = api.v1.create_authorizer(**given)["id"]
    patch = [{"op": "replace", "path": "/identitySource", "value": "token"}]
    words = refused(api.v1.update_authorizer, restApiId=api.id, authorizerId=made, patchOperations=patch)
    assert words == f"Invalid token source expression: token{token}"
    v2 = gateway.client("apigatewayv2")
    http = v2.create_api(Name="h", ProtocolType="HTTP")["ApiId"]
    given = {"ApiId": http, "Name": "a", "AuthorizerType": "REQUEST", "AuthorizerUri": uri()}
    words = refused(v2.create_authorizer, **given, IdentitySource=["method.request.header.a"], AuthorizerPayloadFormatVersion="2.0")
    assert words.startswith("Invalid IdentitySource: method.request.header.a. Each must be $request.header.{name}, "), words
    words = refused(v2.create_authorizer, **given, IdentitySource=[], AuthorizerPayloadFormatVersion="3.0")
    assert words == "Invalid AuthorizerPayloadFormatVersion specified. Must be one of [1.0, 2.0]"
    v2.delete_api(ApiId=http)
