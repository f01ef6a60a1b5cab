"""Access logs of HTTP APIs and REST APIs: every variable that has a value, as AWS names it."""

import json
import re
import sys
import time
import urllib.request

import pytest
from conftest import ACCOUNT, REGION, Gateway, free_port
from rest import Api

FORMAT = {
    "account": "$context.accountId",
    "api": "$context.apiId",
    "base": "$context.customDomain.basePathMatched",
    "data": "$context.dataProcessed",
    "domain": "$context.domainName",
    "prefix": "$context.domainPrefix",
    "endpoint": "$context.awsEndpointRequestId",
    "endpoint2": "$context.awsEndpointRequestId2",
    "error": "$context.error.message",
    "errorString": "$context.error.messageString",
    "errorType": "$context.error.responseType",
    "extended": "$context.extendedRequestId",
    "id": "$context.requestId",
    "integrationError": "$context.integration.error",
    "integrationId": "$context.integration.requestId",
    "integrationLatency": "$context.integration.latency",
    "integrationMessage": "$context.integrationErrorMessage",
    "integrationStatus": "$context.integration.status",
    "integrationStatus2": "$context.integrationStatus",
    "ip": "$context.identity.sourceIp",
    "latency": "$context.responseLatency",
    "length": "$context.responseLength",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "principal": "$context.authorizer.principalId",
    "protocol": "$context.protocol",
    "route": "$context.routeKey",
    "stage": "$context.stage",
    "status": "$context.status",
    "time": "$context.requestTime",
    "epoch": "$context.requestTimeEpoch",
    "agent": "$context.identity.userAgent",
}


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """A gateway whose log is a file, and that file."""
    folder = tmp_path_factory.mktemp("logged")
    log = folder / "access.log"
    gateway = Gateway(folder, f'[logging]\naccess_log = "{log}"')
    yield gateway, log
    gateway.stop()


def line(log, path):
    """The line about a path, once it is there."""
    until = time.time() + 10
    while time.time() < until:
        lines = log.read_text().splitlines() if log.exists() else []
        for text in lines:
            if json.loads(text).get("path") == path:
                return json.loads(text)
        time.sleep(0.05)
    raise AssertionError(f"no line about {path}")


def test_every_variable_of_an_http_api_has_its_value(logged, upstream):
    """Answered, refused and failed calls; what has no value is a hyphen."""
    gateway, log = logged
    v2 = gateway.client("apigatewayv2")
    api = v2.create_api(Name="l", ProtocolType="HTTP")["ApiId"]
    settings = {"DestinationArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:l", "Format": json.dumps(FORMAT)}
    v2.create_stage(ApiId=api, StageName="s", AutoDeploy=True, AccessLogSettings=settings)
    for key, uri in [("GET /ok/{id}", upstream), ("GET /closed", f"http://127.0.0.1:{free_port()}")]:
        integration = v2.create_integration(
            ApiId=api, IntegrationType="HTTP_PROXY", IntegrationUri=uri, IntegrationMethod="GET", PayloadFormatVersion="1.0"
        )["IntegrationId"]
        v2.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{integration}")
    before = time.time()
    _, headers, text = gateway.call_api("GET", api, "/s/ok/7?q=1", headers={"user-agent": "tester"})
    gateway.call_api("GET", api, "/s/none")
    gateway.call_api("GET", api, "/s/closed")
    host = f"{api}.execute-api.{REGION}.amazonaws.com"
    ok = line(log, "/s/ok/7")
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", ok.pop("time"))
    assert before * 1000 - 2000 < int(ok.pop("epoch")) < time.time() * 1000 + 2000
    assert int(ok.pop("data")) > len(text)
    for name in ("latency", "integrationLatency"):
        assert re.fullmatch(r"\d+", str(ok.pop(name)))
    identity = headers["Apigw-Requestid"]
    assert ok == {
        "account": ACCOUNT,
        "api": api,
        "base": "-",
        "domain": host,
        "prefix": api,
        "endpoint": "backend-id",
        "endpoint2": "backend-id-2",
        "error": "-",
        "errorString": "-",
        "errorType": "-",
        "extended": identity,
        "id": identity,
        "integrationError": "-",
        "integrationId": "backend-id",
        "integrationMessage": "-",
        "integrationStatus": "200",
        "integrationStatus2": "200",
        "ip": "127.0.0.1",
        "length": str(len(text)),
        "method": "GET",
        "path": "/s/ok/7",
        "principal": "-",
        "protocol": "HTTP/1.1",
        "route": "GET /ok/{id}",
        "stage": "s",
        "status": "200",
        "agent": "tester",
    }
    none = line(log, "/s/none")
    assert (none["status"], none["error"], none["errorType"], none["route"]) == ("404", "Not Found", "NOT_FOUND", "-")
    closed = line(log, "/s/closed")
    assert (closed["status"], closed["error"]) == ("503", "Service Unavailable")
    assert (closed["errorType"], closed["integrationStatus"]) == ("INTEGRATION_FAILURE", "-")
    assert "cannot connect" in closed["integrationError"]
    assert closed["endpoint"] == "-"
    v2.delete_api(ApiId=api)


@pytest.mark.parametrize(
    "bad, said",
    [
        ("$context.status", "must contain $context.requestId or $context.extendedRequestId"),
        ("$context.requestId $context.reqestId", "reqestId"),
        ("$context.requestId\n$context.status", "line"),
    ],
)
def test_a_format_that_cannot_be_used_is_refused_by_the_stage_that_brings_it(logged, bad, said):
    """Not by the next route, when nobody thinks of the log any more; and nothing is changed."""
    api = logged[0].client("apigatewayv2")
    id_ = api.create_api(Name="bad-log", ProtocolType="HTTP")["ApiId"]
    bad = {"DestinationArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:x", "Format": bad}
    with pytest.raises(api.exceptions.BadRequestException, match=re.escape(said)):
        api.create_stage(ApiId=id_, StageName="s", AccessLogSettings=bad)
    good = {**bad, "Format": "$context.requestId"}
    api.create_stage(ApiId=id_, StageName="s", AccessLogSettings=good)
    with pytest.raises(api.exceptions.BadRequestException, match=re.escape(said)):
        api.update_stage(ApiId=id_, StageName="s", AccessLogSettings=bad)
    assert api.get_stage(ApiId=id_, StageName="s")["AccessLogSettings"] == good


HANDLER = """
import time

def handler(event, context):
    if event.get("path") == "/fails":
        raise ValueError("as asked")
    time.sleep(0.05)
    return {"statusCode": 418, "body": context.aws_request_id}
"""
NUMBERS = {
    "id": "$context.requestId",
    "path": "$context.path",
    "status": "$context.status",
    "own": "$context.integration.status",
    "service": "$context.integrationStatus",
    "service2": "$context.integration.integrationStatus",
    "latency": "$context.integrationLatency",
    "latency2": "$context.integration.latency",
    "request": "$context.awsEndpointRequestId",
    "request2": "$context.integration.requestId",
    "error": "$context.integrationErrorMessage",
    "mode": "$context.integration.responseTransferMode",
    "head": "$context.integration.timeToAllHeaders",
    "content": "$context.integration.timeToFirstContent",
}


def test_a_function_has_a_status_of_its_own_beside_that_of_lambda(tmp_path):
    """Proxied by both kinds of APIs, asked with templates, failing: statuses, latency, the id that the function sees."""
    (tmp_path / "index.py").write_text(HANDLER)
    log = tmp_path / "access.log"
    function = f'[functions.f]\nruntime = "python3.12"\ninterpreter = "{sys.executable}"\ncode = "."\n'
    gateway = Gateway(tmp_path, f'{function}[logging]\naccess_log = "{log}"')
    v1, v2 = gateway.client("apigateway"), gateway.client("apigatewayv2")
    rest = Api(gateway, v1)
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
    for path, kind in [("/proxied", "AWS_PROXY"), ("/asked", "AWS"), ("/fails", "AWS_PROXY")]:
        rest.method(path, "GET", {"200": {}} if kind == "AWS" else None, type=kind, uri=uri, integrationHttpMethod="POST")
    rest.deploy()
    v1.update_stage(restApiId=rest.id, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/accessLogSettings/format", "value": json.dumps(NUMBERS)},
    ])
    http = v2.create_api(Name="l", ProtocolType="HTTP")["ApiId"]
    settings = {"DestinationArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:l", "Format": json.dumps(NUMBERS)}
    v2.create_stage(ApiId=http, StageName="s", AutoDeploy=True, AccessLogSettings=settings)
    integration = v2.create_integration(ApiId=http, IntegrationType="AWS_PROXY", IntegrationUri=arn,
                                        PayloadFormatVersion="2.0")["IntegrationId"]
    v2.create_route(ApiId=http, RouteKey="GET /http", Target=f"integrations/{integration}")
    said = {
        "/prod/proxied": rest.call("GET", "/proxied")[2],
        "/prod/asked": json.loads(rest.call("GET", "/asked")[2])["body"],
        "/s/http": gateway.call_api("GET", http, "/s/http")[2],
    }
    for path, own in [("/prod/proxied", "418"), ("/prod/asked", "200"), ("/s/http", "418")]:
        found = line(log, path)
        assert (found["own"], found["service"], found["service2"]) == (own, "200", "200"), path
        assert 50 <= int(found["latency"]) < 5_000 and found["latency2"] == found["latency"], path
        assert found["request"] == found["request2"] == said[path], path
        assert (found["mode"], found["head"], found["content"], found["error"]) == ("BUFFERED", "-", "-", "-"), path
    assert rest.call("GET", "/fails")[0] == 502
    found = line(log, "/prod/fails")
    assert (found["status"], found["own"], found["service"]) == ("502", "200", "200")
    assert "as asked" in found["error"] and found["latency"] != "-"
    gateway.stop()


#: Of REST APIs alone, and what nothing here has.
METHOD = {
    "path": "$context.path",
    "resourcePath": "$context.resourcePath",
    "resourceId": "$context.resourceId",
    "deploymentId": "$context.deploymentId",
    "apiKey": "$context.identity.apiKey",
    "apiKeyId": "$context.identity.apiKeyId",
    "isCanaryRequest": "$context.isCanaryRequest",
    "validation": "$context.error.validationErrorString",
    "absent": "$context.waf.status $context.wafResponseCode $context.webaclArn $context.xrayTraceId "
              "$context.identity.vpcId $context.identity.vpceId $context.authorize.status $context.authenticate.error",
    "id": "$context.requestId",
}


def test_a_rest_api_tells_of_its_method_its_key_and_its_canary(tmp_path):
    """In the access log; the numbers of a canary stand beside those of its stage."""
    log = tmp_path / "access.log"
    gateway = Gateway(tmp_path, f'[logging]\naccess_log = "{log}"', admin=f"127.0.0.1:{free_port()}")
    try:
        v1 = gateway.client("apigateway")
        rest = Api(gateway, v1)
        schema = '{"type": "object", "required": ["name"]}'
        v1.create_model(restApiId=rest.id, name="Pet", contentType="application/json", schema=schema)
        validator = v1.create_request_validator(restApiId=rest.id, name="v", validateRequestBody=True)["id"]
        wanted = {"requestModels": {"application/json": "Pet"}, "requestValidatorId": validator}
        rest.mock("/pets/{id}", "POST", method={**wanted, "apiKeyRequired": True})
        first = rest.deploy()
        v1.update_stage(restApiId=rest.id, stageName="prod", patchOperations=[
            {"op": "replace", "path": "/accessLogSettings/format", "value": json.dumps(METHOD)},
        ])
        key = v1.create_api_key(enabled=True, value="k" * 20)["id"]
        plan = v1.create_usage_plan(name="p", apiStages=[{"apiId": rest.id, "stage": "prod"}])["id"]
        v1.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
        headers = {"x-api-key": "k" * 20, "content-type": "application/json"}
        pet = '{"name": "Rex"}'
        assert rest.call("POST", "/pets/1", body=pet, headers=headers)[0] == 200
        expected = {
            "path": "/prod/pets/1", "resourcePath": "/pets/{id}", "resourceId": rest.paths["/pets/{id}"],
            "deploymentId": first, "apiKey": "k" * 20, "apiKeyId": key, "isCanaryRequest": "-", "validation": "-",
            "absent": "- - - - - - - -",
        }
        found = line(log, "/prod/pets/1")
        assert re.fullmatch("[0-9a-f-]{36}", found.pop("id")) and found == expected
        second = rest.deploy(canarySettings={"percentTraffic": 100.0})
        assert rest.call("POST", "/pets/2", body=pet, headers=headers)[0] == 200
        found = line(log, "/prod/pets/2")
        assert (found["isCanaryRequest"], found["deploymentId"]) == ("true", second)
        assert rest.call("POST", "/pets/3", body="{}", headers=headers)[0] == 400
        assert line(log, "/prod/pets/3")["validation"] == '[object has missing required properties (["name"])]'
        with urllib.request.urlopen(f"http://{gateway.admin}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        counted = {text for text in lines if text.startswith("daemun_requests_total") and rest.id in text}
        count = f'daemun_requests_total{{api="{rest.id}",stage="prod%s",route="POST /pets/{{id}}",code="%s"}} 1'
        assert counted == {count % ("", "2xx"), count % ("/Canary", "2xx"), count % ("/Canary", "4xx")}
    finally:
        gateway.stop()
