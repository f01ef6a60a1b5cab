"""TestInvokeMethod: the real pipeline over what is not deployed, told in AWS's lines."""

import pytest
from conftest import REGION, free_port, refused
from rest import run

def test_a_failed_test_reads_as_recorded(api):
    """Every line, header and the body as AWS gave them."""
    where = api.method("/", type="HTTP", uri="http://no-such-name.invalid/")
    made = run(api, where)
    assert made["lines"] == [
        "Starting execution for request: <id>",
        "HTTP Method: GET, Resource Path: /",
        "Method request path: {}",
        "Method request query string: {}",
        "Method request headers: {}",
        "Method request body before transformations: ",
        "Execution failed due to configuration error: Invalid endpoint address",
        "Method completed with status: 500",
    ]
    assert made["status"] == 500
    assert made["body"] == '{"message":"Internal server error"}'
    assert made["headers"] == {"x-amzn-ErrorType": "InternalServerErrorException"}
    assert made["multiValueHeaders"] == {"x-amzn-ErrorType": ["InternalServerErrorException"]}


def test_an_integration_over_http_is_told_from_end_to_end(api, backend):
    """Nothing of it is deployed; path, query, headers, body and variables come from the test."""
    backend.answers(200, b'{"name":"rex"}', (("content-type", "application/json"), ("x-backend", "b")))
    where = api.method(
        "/pets/{id}",
        "POST",
        {"200": {"responseTemplates": {"application/json": '{"pet":$input.json("$.name")}'}}},
        {"requestParameters": {"method.request.path.id": True, "method.request.querystring.q": False}},
        type="HTTP",
        uri=backend.url + "/own/{id}",
        requestParameters={
            "integration.request.path.id": "method.request.path.id",
            "integration.request.header.x-q": "method.request.querystring.q",
            "integration.request.header.x-stage": "context.stage",
            "integration.request.header.x-ip": "context.identity.sourceIp",
            "integration.request.header.x-domain": "context.domainName",
            "integration.request.header.x-variable": "stageVariables.color",
        },
        requestTemplates={"application/json": '{"kind":$input.json("$.kind")}'},
    )
    made = run(
        api,
        where,
        pathWithQueryString="/pets/7?q=one",
        headers={"x-a": "1"},
        multiValueHeaders={"x-b": ["2", "3"]},
        body='{"kind":"dog"}',
        stageVariables={"color": "red"},
    )
    method, target, headers, body = backend.last()
    assert (method, target, body) == ("POST", "/own/7", b'{"kind":"dog"}')
    assert headers["x-q"] == "one" and headers["x-stage"] == "test-invoke-stage"
    assert headers["x-ip"] == "test-invoke-source-ip" and headers["x-variable"] == "red"
    assert headers["x-domain"] == "testPrefix.testDomainName"
    lines = made["lines"]
    assert lines[:6] == [
        "Starting execution for request: <id>",
        "HTTP Method: POST, Resource Path: /pets/7",
        "Method request path: {id=7}",
        "Method request query string: {q=one}",
        "Method request headers: {x-b=2, x-b=3, x-a=1}",
        'Method request body before transformations: {"kind":"dog"}',
    ]
    assert lines[6] == f"Endpoint request URI: {backend.url}/own/7"
    assert lines[7].startswith("Endpoint request headers: {") and "x-variable=red" in lines[7]
    assert lines[8:11] == [
        'Endpoint request body after transformations: {"kind":"dog"}',
        f"Sending request to {backend.url}/own/7",
        "Received response. Status: 200, Integration latency: <ms> ms",
    ]
    assert lines[11].startswith("Endpoint response headers: {") and "x-backend=b" in lines[11]
    assert lines[12:14] == [
        'Endpoint response body before transformations: {"name":"rex"}',
        'Method response body after transformations: {"pet":"rex"}',
    ]
    assert lines[14].startswith("Method response headers: {")
    assert lines[15:] == ["Successfully completed execution", "Method completed with status: 200"]
    assert made["status"] == 200 and made["body"] == '{"pet":"rex"}'
    assert made["headers"]["Content-Type"] == "application/json"
    assert "Date" not in made["headers"] and "Content-Length" not in made["headers"]


def test_a_mock_has_no_endpoint(api):
    """AWS skips the lines about it."""
    made = run(api, api.mock("/", body="hello"))
    assert made["lines"][-5:] == [
        "Method request body before transformations: ",
        "Method response body after transformations: hello",
        "Method response headers: {Content-Type=application/json}",
        "Successfully completed execution",
        "Method completed with status: 200",
    ]
    assert made["headers"] == {"Content-Type": "application/json"}
    assert made["body"] == "hello"


def test_a_proxy_passes_what_the_test_gave(api, backend):
    """Method, path, query and body, and the answer as it is."""
    backend.answers(418, b"short", (("content-type", "text/plain"), ("x-twice", "1"), ("x-twice", "2")))
    where = api.method("/{proxy+}", "ANY", type="HTTP_PROXY", uri=backend.url + "/{proxy}")
    made = run(api, {**where, "httpMethod": "PUT"}, pathWithQueryString="/a/b?c=d", body="text")
    method, target, headers, body = backend.last()
    assert (method, target, body) == ("PUT", "/a/b?c=d", b"text")
    assert made["status"] == 418 and made["body"] == "short"
    assert made["multiValueHeaders"]["x-twice"] == ["1", "2"]
    assert "Method request path: {proxy=a/b}" in made["lines"]
    assert made["lines"][-1] == "Method completed with status: 418"


def test_what_is_tested_is_what_is_not_deployed(api):
    """The stage goes on as it was deployed, and no key, throttle or cache of it counts."""
    where = api.mock("/", body="old", method={"apiKeyRequired": True})
    api.deploy()
    api.v1.update_integration_response(
        **where,
        statusCode="200",
        patchOperations=[{"op": "replace", "path": "/responseTemplates/application~1json", "value": "new"}],
    )
    assert run(api, where)["body"] == "new"
    api.v1.update_method(
        **where, patchOperations=[{"op": "replace", "path": "/apiKeyRequired", "value": "false"}]
    )
    api.deploy("later")
    assert api.call("GET", "/", "later")[2] == "new"
    assert api.call("GET", "/")[0] == 403


def test_validators_and_gateway_responses_of_the_draft_count(api):
    """As they would at a call."""
    validator = api.v1.create_request_validator(
        restApiId=api.id, name="v", validateRequestParameters=True
    )["id"]
    method = {"requestValidatorId": validator, "requestParameters": {"method.request.querystring.q": True}}
    where = api.mock("/", method=method)
    api.v1.put_gateway_response(
        restApiId=api.id,
        responseType="BAD_REQUEST_PARAMETERS",
        statusCode="422",
        responseTemplates={"application/json": '{"own":$context.error.messageString}'},
    )
    made = run(api, where)
    assert made["status"] == 422
    assert made["body"] == '{"own":"Missing required request parameters: [q]"}'
    assert made["lines"][-2:] == [
        "Missing required request parameters: [q]",
        "Method completed with status: 422",
    ]


def test_a_template_that_fails_says_why(api):
    """And so does an upstream that is not there, and one that is slow."""
    broken = api.method(
        "/broken", type="MOCK", requestTemplates={"application/json": "#foreach($i in [1..9999999])$i#end"}
    )
    made = run(api, broken)
    assert made["status"] == 500
    assert made["lines"][-2].startswith("Execution failed due to configuration error: request template: ")
    closed = api.method("/closed", type="HTTP_PROXY", uri=f"http://127.0.0.1:{free_port()}/")
    made = run(api, closed)
    assert made["status"] == 504
    assert "network error communicating with endpoint: cannot connect" in made["lines"][-2]


def test_secrets_are_hidden_in_the_log(api):
    """But for their end."""
    made = run(api, api.mock("/"), headers={"Authorization": "Bearer 0123456789abcdef"})
    assert "Method request headers: {Authorization=*****************abcdef}" in made["lines"]


def test_a_function_is_run(api, gateway):
    """Or said to be missing."""
    arn = f"arn:aws:lambda:{REGION}:111111111111:function:nobody"
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
    where = api.method("/", "POST", type="AWS_PROXY", uri=uri)
    made = run(api, where, body="{}")
    assert made["status"] == 500
    place = f"https://lambda.{REGION}.amazonaws.com/2015-03-31/functions/{arn}/invocations"
    assert f"Endpoint request URI: {place}" in made["lines"]
    [event] = [line for line in made["lines"] if line.startswith("Endpoint request body")]
    assert '"stage":"test-invoke-stage"' in event or event.endswith("[TRUNCATED]")
    assert made["lines"][-1] == "Method completed with status: 500"


def test_what_is_not_there_is_named(api):
    """As every operation does."""
    where = api.mock("/")
    test = api.v1.test_invoke_method
    unknown = {**where, "restApiId": "nope000000"}
    assert refused(test, **unknown)[:2] == ("NotFoundException", 404)
    assert refused(test, **{**where, "resourceId": "nope00"}) == (
        "NotFoundException",
        404,
        "Invalid Resource identifier specified",
    )
    assert refused(test, **{**where, "httpMethod": "PUT"}) == (
        "NotFoundException",
        404,
        "Invalid Method identifier specified",
    )
    assert refused(test, **where, clientCertificateId="nope") == (
        "NotFoundException",
        404,
        "Invalid Client Certificate identifier specified",
    )
    assert refused(test, **where, headers={"a b": "1"}) == (
        "BadRequestException",
        400,
        "Invalid header in headers or multiValueHeaders: a b",
    )
    api.v1.put_method(
        restApiId=api.id, resourceId=api.resource("/bare"), httpMethod="GET", authorizationType="NONE"
    )
    bare = {"restApiId": api.id, "resourceId": api.resource("/bare"), "httpMethod": "GET"}
    assert refused(test, **bare) == ("BadRequestException", 400, "No integration defined for method")


@pytest.mark.parametrize("kind", ["HTTP", "HTTP_PROXY"])
def test_large_bodies_come_whole_and_are_cut_in_the_log(api, backend, kind):
    """More than a socket takes at once, in both directions."""
    body = "x" * 3_000_000
    backend.answers(200, b"y" * 3_000_000, (("content-type", "text/plain"),))
    where = api.method("/", "POST", {"200": {}} if kind == "HTTP" else {}, type=kind, uri=backend.url)
    made = run(api, where, body=body)
    assert backend.last()[3] == body.encode()
    assert made["body"] == "y" * 3_000_000
    assert len(made["log"]) < 20_000
    [line] = [line for line in made["lines"] if line.startswith("Endpoint response body")]
    assert len(line) == 1024 and line.endswith("y [TRUNCATED]")
