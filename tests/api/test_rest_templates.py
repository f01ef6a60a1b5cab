"""Templates, overrides and JSONPath in the calls of REST APIs."""

import json
import re

import pytest

JSON = "application/json"


def test_a_request_template_makes_the_body(api, backend):
    """It sees the body, parameters of all kinds, the context and the stage's variables."""
    template = """{
      "name": $input.json('$.pet.name'),
      "tags": [#foreach($tag in $input.path('$.tags'))"$tag"#if($foreach.hasNext),#end#end],
      "id": "$input.params('id')", "q": "$input.params().querystring.q", "h": "$input.params('X-H')",
      "verb": "$context.httpMethod", "path": "$context.resourcePath", "ip": "$context.identity.sourceIp",
      "none": "$context.identity.user", "color": "$stageVariables.color", "hidden": "$input.params('TE')",
      "url": "$util.urlEncode('a b')"
    }"""
    api.method("/pets/{id}", "POST", {"200": {}}, type="HTTP", uri=backend.url, requestTemplates={JSON: template})
    api.deploy(variables={"color": "green"})
    sent = json.dumps({"pet": {"name": "Rex"}, "tags": ["a", "b"]})
    headers = {"Content-Type": "application/json; charset=utf-8", "X-H": "h", "TE": "trailers"}
    assert api.call("POST", "/pets/7?q=x%20y", body=sent, headers=headers)[0] == 200
    assert json.loads(backend.last()[3]) == {
        "name": "Rex",
        "tags": ["a", "b"],
        "id": "7",
        "q": "x y",
        "h": "h",
        "verb": "POST",
        "path": "/pets/{id}",
        "ip": "127.0.0.1",
        "none": "",
        "color": "green",
        "hidden": "",
        "url": "a+b",
    }


def test_a_template_overrides_what_is_mapped(api, backend):
    """Headers, queries and paths of the request; status and headers of the response."""
    request = """
    #set($context.requestOverride.header.X-Own = "from template")
    #set($context.requestOverride.querystring.q = "over")
    #set($context.requestOverride.path.name = "a b")
    #set($context.responseOverride.header.X-Early = "early")
    {}"""
    response = """#set($context.responseOverride.status = 418)
    #set($context.responseOverride.header.X-Late = $input.path('$.said'))
    {"got": $input.json('$')}"""
    api.method(
        "/{name}",
        "POST",
        {"200": {"responseTemplates": {JSON: response}}},
        {"requestParameters": {"method.request.path.name": True}},
        type="HTTP",
        uri=backend.url + "/x/{name}",
        requestParameters={
            "integration.request.header.X-Own": "'mapped'",
            "integration.request.querystring.q": "'mapped'",
            "integration.request.querystring.other": "'stays'",
            "integration.request.path.name": "method.request.path.name",
        },
        requestTemplates={JSON: request},
    )
    api.deploy()
    backend.answers(200, b'{"said": "hello"}')
    status, headers, text = api.call("POST", "/n", body="{}", headers={"Content-Type": JSON})
    assert (status, headers["x-early"], headers["x-late"]) == (418, "early", "hello")
    assert text.strip() == '{"got": {"said":"hello"}}'
    _, target, seen, _ = backend.last()
    assert target == "/x/a%20b?other=stays&q=over"
    assert seen["x-own"] == "from template"


@pytest.mark.parametrize("template", ["#set($context.requestOverride.header.Content-Length = '1'){}", "$input.path('$.a').nothing.x()"])
def test_an_override_that_may_not_be_is_an_error(api, backend, template):
    """500 for headers that belong to the gateway; what Velocity leaves empty is none."""
    api.method("/", "POST", {"200": {}}, type="HTTP", uri=backend.url, requestTemplates={JSON: template})
    api.deploy()
    status, _, text = api.call("POST", "/", body="{}", headers={"Content-Type": JSON})
    if "Content-Length" in template:
        assert (status, text) == (500, '{"message":"Internal server error"}')
    else:
        assert status == 200


def test_a_mock_renders_its_request_and_its_response(api):
    """The status comes of the rendered request template, the body of the response template."""
    request = '#if($input.params("fail") == "yes"){statusCode: 500}#else{"statusCode": 200}#end'
    responses = {
        "200": {"responseTemplates": {JSON: '{"id": "$context.requestId", "a": "$input.params(\'a\')"}'}},
        "500": {"selectionPattern": "5\\d\\d", "responseTemplates": {JSON: "failed"}},
    }
    api.method("/", "GET", responses, type="MOCK", requestTemplates={JSON: request})
    api.deploy()
    status, headers, text = api.call("GET", "/?a=1")
    assert (status, json.loads(text)) == (200, {"id": headers["x-amzn-requestid"], "a": "1"})
    assert api.call("GET", "/?fail=yes")[::2] == (500, "failed")


def test_a_status_overridden_by_a_mock_s_request_reaches_the_client(api):
    """Even without a response template."""
    request = '#set($context.responseOverride.status = 202)#set($context.responseOverride.header.x = "y"){statusCode: 200}'
    api.method("/", "GET", {"200": {}}, type="MOCK", requestTemplates={JSON: request})
    api.deploy()
    status, headers, _ = api.call("GET", "/")
    assert (status, headers["x"]) == (202, "y")


def test_a_response_template_is_chosen_by_what_is_accepted(api):
    """The first accepted type, else JSON, else the first template there is."""
    templates = {"text/plain": "plain", JSON: "json", "text/xml": "xml"}
    responses = {"200": {"responseTemplates": templates}}
    api.method("/", "GET", responses, type="MOCK", requestTemplates={JSON: "{statusCode: 200}"})
    api.deploy()
    for accept, kind, expected in [
        ("text/xml, text/plain", "text/xml", "xml"),
        ("text/csv", JSON, "json"),
        (None, JSON, "json"),
        ("TEXT/PLAIN; q=0.1", "text/plain", "plain"),
    ]:
        headers = {"Accept": accept} if accept else {}
        status, given, text = api.call("GET", "/", headers=headers)
        assert (status, given["content-type"], text) == (200, kind, expected)


def test_mappings_look_into_bodies(api, backend):
    """JSONPath in requests and answers; what is not there is not sent."""
    moved = {
        "method.response.header.X-Name": "integration.response.body.pet.name",
        "method.response.header.X-List": "integration.response.body.list",
        "method.response.header.X-None": "integration.response.body.none",
    }
    api.method(
        "/",
        "POST",
        {"200": {"responseParameters": moved}},
        type="HTTP",
        uri=backend.url,
        requestParameters={
            "integration.request.header.X-Id": "method.request.body.ids[1]",
            "integration.request.querystring.none": "method.request.body.none",
        },
    )
    api.deploy()
    backend.answers(200, b'{"pet": {"name": "Rex"}, "list": [1, 2]}')
    status, headers, _ = api.call("POST", "/", body='{"ids": ["a", "b"]}', headers={"Content-Type": JSON})
    assert (status, headers["x-name"], headers["x-list"]) == (200, "Rex", "[1,2]")
    assert "x-none" not in headers
    _, target, seen, _ = backend.last()
    assert (target, seen["x-id"]) == ("/", "b")


@pytest.mark.parametrize(
    "more, response, said",
    [
        ({"requestTemplates": {JSON: "{\n#if($x"}}, {}, "the template of the request for application/json"),
        ({"requestTemplates": {JSON: "{}", "text/plain": "#foreach($x in"}}, {}, "the template of the request for text/plain"),
        ({}, {"responseTemplates": {JSON: "\n\n  #set($a = )"}}, "the template of the response 200"),
    ],
)
def test_what_cannot_be_compiled_is_refused_with_its_place(api, v1, more, response, said):
    """At the deployment: line, column and a caret."""
    from conftest import refused

    api.method("/", "GET", {"200": response}, type="MOCK", **more)
    code, status, message = refused(v1.create_deployment, restApiId=api.id, stageName="prod")
    assert (code, status) == ("BadRequestException", 400)
    assert said in message
    place = re.search(r"line (\d+), column (\d+)", message)
    assert place and message.rstrip().endswith("^"), message


@pytest.mark.parametrize(
    "template",
    [
        "#foreach($a in [1..1000])#foreach($b in [1..1000])#foreach($c in [1..1000])$a#end#end#end",
        "#set($s = 'xxxxxxxxxxxxxxxx')#foreach($a in [1..1000])#set($s = $s + $s)#end$s",
        "$util.base64Encode($input.body.replaceAll('(x+x+)+y', ''))",
    ],
)
def test_a_runaway_template_ends_with_an_error_and_harms_nobody(api, backend, template):
    """500 within its budget, and the next request is served."""
    body = json.dumps({"a": "x" * 200})
    api.method("/run", "POST", {"200": {}}, type="HTTP", uri=backend.url, requestTemplates={JSON: template})
    api.mock("/fine", body="fine")
    api.deploy()
    status, _, text = api.call("POST", "/run", body=body, headers={"Content-Type": JSON})
    assert status in (200, 500)
    if status == 500:
        assert text == '{"message":"Internal server error"}'
    assert api.call("GET", "/fine")[::2] == (200, "fine")


def test_a_canary_gets_its_share_with_its_own_deployment_and_variables(api, v1):
    """`$context.isCanaryRequest` is there only where there is a canary; variables are the stage's and the canary's own."""
    answer = '{"c": "$context.isCanaryRequest", "v": "$stageVariables.v", "w": "$stageVariables.w", "n": "%s"}'

    def serve(name):
        responses = {"200": {"responseTemplates": {JSON: answer % name}}}
        api.method("/", "GET", responses, type="MOCK", requestTemplates={JSON: "{statusCode: 200}"})

    def seen():
        return json.loads(api.call("GET", "/")[2])

    serve("old")
    api.deploy(variables={"v": "1", "w": "1"})
    assert seen() == {"c": "", "v": "1", "w": "1", "n": "old"}
    v1.delete_method(restApiId=api.id, resourceId=api.root, httpMethod="GET")
    serve("new")
    api.deploy(canarySettings={"percentTraffic": 100.0, "stageVariableOverrides": {"v": "2"}})
    assert seen() == {"c": "true", "v": "2", "w": "1", "n": "new"}

    def patch(*operations):
        v1.update_stage(restApiId=api.id, stageName="prod", patchOperations=list(operations))

    percent = {"op": "replace", "path": "/canarySettings/percentTraffic"}
    patch({**percent, "value": "0.0"})
    assert seen() == {"c": "false", "v": "1", "w": "1", "n": "old"}
    patch({**percent, "value": "50.0"})
    share = sum(seen()["n"] == "new" for _ in range(200))
    assert 50 < share < 150
    patch(
        {"op": "copy", "from": "/canarySettings/deploymentId", "path": "/deploymentId"},
        {"op": "copy", "from": "/canarySettings/stageVariableOverrides", "path": "/variables"},
        {"op": "remove", "path": "/canarySettings"},
    )
    assert seen() == {"c": "", "v": "2", "w": "1", "n": "new"}


def test_bodies_must_follow_their_model(api, backend, v1):
    """Chosen by content type, else `$default`, else AWS's `Empty`; the details are in the validation error."""
    schema = json.dumps(
        {
            "$schema": "http://json-schema.org/draft-04/schema#",
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
        }
    )
    v1.create_model(restApiId=api.id, name="Pet", contentType="application/json", schema=schema)
    validator = v1.create_request_validator(restApiId=api.id, name="v", validateRequestBody=True)["id"]
    method = {"requestValidatorId": validator, "requestModels": {"application/json": "Pet"}}
    api.method("/", "ANY", {"200": {}}, method, type="HTTP", uri=backend.url)
    detailed = {"application/json": "$context.error.message: $context.error.validationErrorString"}
    v1.put_gateway_response(restApiId=api.id, responseType="BAD_REQUEST_BODY", responseTemplates=detailed)
    api.deploy()
    headers = {"Content-Type": "application/json"}
    assert api.call("POST", "/", body='{"name": "Rex", "age": 3}', headers=headers)[0] == 200
    for body in ["{}", "", '{"name": 1}', '{"name": "Rex", "age": -1}', "no JSON"]:
        before = backend.count()
        status, given, text = api.call("POST", "/", body=body, headers=headers)
        assert (status, given["x-amzn-errortype"]) == (400, "BadRequestException"), body
        assert text.startswith("Invalid request body: ["), body
        assert backend.count() == before
    assert api.call("GET", "/")[2] == 'Invalid request body: [object has missing required properties (["name"])]'
    other = {"Content-Type": "text/other"}
    assert api.call("POST", "/", body="{}", headers=other)[0] == 200
    assert api.call("POST", "/", body="[]", headers=other)[0] == 400
