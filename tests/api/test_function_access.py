"""Who may call a function, and which one an ARN with stage variables means."""

import json
import time

import pytest
from conftest import ACCOUNT, REGION, Gateway, refused
from rest import Api
from test_functions import archive, arn, make

SOURCE = """
def handler(event, context):
    return {"statusCode": 200, "body": "%s " + context.function_version + " " + context.invoked_function_arn}
def plain(event, context):
    return "plain"
"""
REST_ERROR = '{"message":"Internal server error"}'
HTTP_ERROR = '{"message":"Internal Server Error"}'
WHY = "Invalid permissions on Lambda function"


def uri(function):
    """The URI of an integration with a function."""
    return f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations"


def started(tmp_path_factory, mode):
    """A gateway in this mode, with a log of all calls."""
    folder = tmp_path_factory.mktemp(mode)
    more = f'mode = "{mode}"\ndata_dir = "{folder}/data"\n[logging]\naccess_log = "{folder}/access.log"\n'
    gateway = Gateway(folder, more)
    gateway.log = folder / "access.log"
    return gateway


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """A gateway that asks the policies of functions."""
    gateway = started(tmp_path_factory, "strict")
    yield gateway
    gateway.stop()


@pytest.fixture(scope="module")
def relaxed(tmp_path_factory):
    """A gateway that does not."""
    gateway = started(tmp_path_factory, "relaxed")
    yield gateway
    gateway.stop()


def make_function(gateway, name, handler="app.handler", **more):
    """A function that says who it is."""
    return make(gateway.client("lambda"), name, handler=handler, source=SOURCE % name, Timeout=10, **more)


def rest(gateway, function, paths=(("/pets/{id}", "ANY"),), kind="AWS_PROXY", **more):
    """A REST API with a function behind these paths."""
    v1 = gateway.client("apigateway")
    api = Api(gateway, v1)
    for path, verb in paths:
        responses = {"200": {}} if kind == "AWS" else None
        api.method(path, verb, responses, type=kind, uri=uri(function), integrationHttpMethod="POST", **more)
    api.deploy()
    log = {"id": "$context.requestId", "status": "$context.status", "path": "$context.path", "why": "$context.integrationErrorMessage"}
    destination = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:x"
    v1.update_stage(restApiId=api.id, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/accessLogSettings/destinationArn", "value": destination},
        {"op": "replace", "path": "/accessLogSettings/format", "value": json.dumps(log)},
    ])
    return api


def http(gateway, function, key="GET /pets/{id}", stage="s"):
    """An HTTP API with a function behind a route."""
    v2 = gateway.client("apigatewayv2")
    api = v2.create_api(Name="f", ProtocolType="HTTP")["ApiId"]
    log = {"id": "$context.requestId", "status": "$context.status", "path": "$context.path", "why": "$context.integrationErrorMessage"}
    destination = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:x"
    settings = {"DestinationArn": destination, "Format": json.dumps(log)}
    v2.create_stage(ApiId=api, StageName=stage, AutoDeploy=True, AccessLogSettings=settings)
    made = v2.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=function, PayloadFormatVersion="2.0"
    )
    v2.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{made['IntegrationId']}")
    return api


def allow(gateway, function, source=None, sid="s", principal="apigateway.amazonaws.com", **more):
    """AddPermission; `source` is what follows the account in the ARN."""
    if source:
        more["SourceArn"] = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{source}"
    gateway.client("lambda").add_permission(
        FunctionName=function, StatementId=sid, Action="lambda:InvokeFunction", Principal=principal, **more
    )


def forbid(gateway, function, sid="s", **more):
    """RemovePermission."""
    gateway.client("lambda").remove_permission(FunctionName=function, StatementId=sid, **more)


def logged(gateway, path):
    """The last line about a path, once it is there."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        text = gateway.log.read_text() if gateway.log.exists() else ""
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        found = [line for line in lines if line["path"] == path]
        if found:
            return found[-1]
        time.sleep(0.02)
    raise AssertionError(f"no line about {path}")


def test_a_rest_api_needs_a_permission_of_the_function(strict):
    """500 as AWS says it, and why in the access log; with the permission it is called."""
    make_function(strict, "f1")
    api = rest(strict, arn("f1"))
    status, headers, text = api.call("GET", "/pets/7")
    assert (status, text) == (500, REST_ERROR)
    assert headers["x-amzn-errortype"] == "InternalServerErrorException"
    line = logged(strict, "/prod/pets/7")
    assert (line["status"], line["why"]) == ("500", WHY)
    allow(strict, "f1", f"{api.id}/*/*/*")
    assert api.call("GET", "/pets/7")[0] == 200
    forbid(strict, "f1")
    assert api.call("GET", "/pets/7")[::2] == (500, REST_ERROR)


@pytest.mark.parametrize(
    ("source", "method", "is_allowed"),
    [
        ("{api}/*", "GET", True),
        ("{api}/prod/GET/pets/*", "GET", True),
        ("{api}/prod/GET/pets/*", "POST", False),
        ("{api}/*/GET/pets/{{id}}", "GET", True),
        ("{api}/*/*/pets/{{id}}", "PUT", True),
        # The path is that of the resource, not that of the call, and the verb that of the call.
        ("{api}/*/GET/pets/7", "GET", False),
        ("{api}/*/ANY/pets/{{id}}", "GET", False),
        ("{api}/dev/*", "GET", False),
        ("{api}/pro?/G?T/*", "GET", True),
        ("other/*", "GET", False),
        ("*", "GET", True),
        (None, "GET", True),
    ],
)
def test_the_source_of_a_permission_is_a_pattern(strict, source, method, is_allowed):
    """`arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/VERB/PATH` with wildcards."""
    if not hasattr(strict, "shared"):
        make_function(strict, "f2")
        strict.shared = rest(strict, arn("f2"))
    api = strict.shared
    allow(strict, "f2", source and source.format(api=api.id))
    assert (api.call(method, "/pets/7")[0] == 200) == is_allowed
    forbid(strict, "f2")


def test_other_principals_accounts_and_actions_let_no_api_in(strict):
    """All that a statement says has to hold."""
    make_function(strict, "f3")
    api = rest(strict, arn("f3"), [("/", "GET")])

    def answers(**more):
        allow(strict, "f3", **more)
        status = api.call("GET", "/")[0]
        forbid(strict, "f3")
        return status

    assert answers(principal="s3.amazonaws.com") == 500
    assert answers(principal=ACCOUNT) == 500
    assert answers(SourceAccount="222222222222") == 500
    assert answers(SourceAccount=ACCOUNT) == 200
    assert answers(source=f"{api.id}/prod/GET/", SourceAccount=ACCOUNT) == 200
    assert answers(principal="*") == 200
    assert answers(PrincipalOrgID="o-1234567890", principal="*") == 500


def test_an_http_api_needs_it_too(strict):
    """With capital letters, for routes and for `$default`."""
    make_function(strict, "f4")
    api = http(strict, arn("f4"))
    assert strict.call_api("GET", api, "/s/pets/7")[::2] == (500, HTTP_ERROR)
    line = logged(strict, "/s/pets/7")
    assert (line["status"], line["why"]) == ("500", WHY)
    allow(strict, "f4", f"{api}/s/GET/pets/{{id}}")
    assert strict.call_api("GET", api, "/s/pets/7")[0] == 200
    other = http(strict, arn("f4"), "$default", "$default")
    assert strict.call_api("GET", other, "/x")[0] == 500
    allow(strict, "f4", f"{other}/*/$default", sid="t")
    assert strict.call_api("GET", other, "/x")[0] == 200


def test_templates_and_later_invocations_need_it_as_well(strict):
    """Non-proxy, and by the type of the invocation."""
    make_function(strict, "f5", "app.plain")
    later = {"integration.request.header.X-Amz-Invocation-Type": "'Event'"}
    apis = [rest(strict, arn("f5"), [("/", "GET")], "AWS"), rest(strict, arn("f5"), [("/", "GET")], requestParameters=later)]
    assert [api.call("GET", "/")[::2] for api in apis] == [(500, REST_ERROR)] * 2
    allow(strict, "f5")
    assert [api.call("GET", "/")[::2] for api in apis] == [(200, '"plain"'), (200, "")]


def test_a_role_of_the_integration_stands_for_the_permission(strict):
    """The function's policy is for callers without a role."""
    make_function(strict, "f6")
    api = rest(strict, arn("f6"), [("/", "GET")], credentials=f"arn:aws:iam::{ACCOUNT}:role/caller")
    assert api.call("GET", "/")[0] == 200


def test_an_alias_has_a_policy_of_its_own(strict):
    """That of the function says nothing of its aliases and versions, nor the other way round."""
    functions = strict.client("lambda")
    make_function(strict, "f7")
    functions.publish_version(FunctionName="f7")
    functions.create_alias(FunctionName="f7", Name="live", FunctionVersion="1")
    bare, live = rest(strict, arn("f7"), [("/", "GET")]), rest(strict, arn("f7") + ":live", [("/", "GET")])
    latest = rest(strict, arn("f7") + ":$LATEST", [("/", "GET")])
    answers = lambda: [api.call("GET", "/")[0] for api in (bare, latest, live)]
    allow(strict, "f7")
    assert answers() == [200, 200, 500]
    forbid(strict, "f7")
    allow(strict, "f7", Qualifier="live")
    assert answers() == [500, 500, 200]
    [statement] = json.loads(functions.get_policy(FunctionName="f7", Qualifier="live")["Policy"])["Statement"]
    assert statement["Resource"] == arn("f7") + ":live"
    wrong = {"StatementId": "x", "Action": "lambda:InvokeFunction", "Principal": "*", "FunctionName": "f7"}
    assert refused(functions.add_permission, Qualifier="$LATEST", **wrong)[:2] == ("InvalidParameterValueException", 400)
    assert refused(functions.add_permission, Qualifier="none", **wrong)[:2] == ("ResourceNotFoundException", 404)


def test_permissions_are_asked_after_a_restart_as_before(strict):
    """They are kept with the function."""
    make_function(strict, "f8")
    let_in, left_out = (rest(strict, arn("f8"), [("/", "GET")]) for _ in range(2))
    allow(strict, "f8", f"{let_in.id}/*")
    strict.stop()
    strict.start()
    assert let_in.call("GET", "/")[0] == 200
    assert left_out.call("GET", "/")[::2] == (500, REST_ERROR)


def test_without_the_strict_mode_nobody_is_asked(relaxed):
    """APIs and functions of one machine."""
    make_function(relaxed, "f1")
    assert rest(relaxed, arn("f1")).call("GET", "/pets/7")[0] == 200
    api = http(relaxed, arn("f1"))
    assert relaxed.call_api("GET", api, "/s/pets/7")[0] == 200


def test_stage_variables_choose_function_and_alias(relaxed):
    """In the URIs of both kinds of APIs, for each stage; what is not there fails at the call."""
    functions = relaxed.client("lambda")
    for name in ("cat", "dog"):
        make_function(relaxed, name)
        functions.publish_version(FunctionName=name)
        functions.update_function_code(FunctionName=name, ZipFile=archive(SOURCE % f"new {name}"))
        functions.publish_version(FunctionName=name)
        functions.create_alias(FunctionName=name, Name="old", FunctionVersion="1")
        functions.create_alias(FunctionName=name, Name="live", FunctionVersion="2")
    api = rest(relaxed, arn("${stageVariables.fn}:${stageVariables.alias}"), [("/", "GET")])
    stages = {
        "cat-old": {"fn": "cat", "alias": "old"},
        "dog-live": {"fn": "dog", "alias": "live"},
        "by-number": {"fn": "dog", "alias": "1"},
        "gone": {"fn": "cat", "alias": "gone"},
        "no-alias": {"fn": "cat"},
        "empty": {},
    }
    for stage, variables in stages.items():
        api.deploy(stage.replace("-", "_"), variables=variables)

    def body(stage):
        status, _, text = api.call("GET", "/", stage=stage)
        return text if status == 200 else (status, text)

    assert body("cat_old") == f"cat 1 {arn('cat')}:old"
    assert body("dog_live") == f"new dog 2 {arn('dog')}:live"
    assert body("by_number") == f"dog 1 {arn('dog')}:1"
    for stage in ("gone", "no_alias", "empty", "prod"):
        assert body(stage) == (500, REST_ERROR), stage
    # An alias that moves is followed at once.
    functions.update_alias(FunctionName="cat", Name="old", FunctionVersion="2")
    assert body("cat_old") == f"new cat 2 {arn('cat')}:old"

    v2 = relaxed.client("apigatewayv2")
    other = http(relaxed, uri(arn("${stageVariables.fn}:${stageVariables.alias}")), "GET /")
    assert relaxed.call_api("GET", other, "/s")[::2] == (500, HTTP_ERROR)
    v2.update_stage(ApiId=other, StageName="s", StageVariables={"fn": "dog", "alias": "old"})
    assert relaxed.call_api("GET", other, "/s")[::2] == (200, f"dog 1 {arn('dog')}:old")


def test_versions_and_the_latest_can_be_named(relaxed):
    """By number, by `$LATEST`, by nothing."""
    functions = relaxed.client("lambda")
    make_function(relaxed, "named")
    functions.publish_version(FunctionName="named")
    functions.update_function_code(FunctionName="named", ZipFile=archive(SOURCE % "changed"))
    for qualifier, expected in [
        (":1", f"named 1 {arn('named')}:1"),
        (":$LATEST", f"changed $LATEST {arn('named')}:$LATEST"),
        ("", f"changed $LATEST {arn('named')}"),
    ]:
        api = rest(relaxed, arn("named") + qualifier, [("/", "GET")])
        assert api.call("GET", "/")[::2] == (200, expected)
        api = http(relaxed, arn("named") + qualifier, "GET /")
        assert relaxed.call_api("GET", api, "/s")[::2] == (200, expected)
