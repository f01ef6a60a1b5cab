"""Each type of gateway response that a call can bring about, with what its author has set for it."""

import json

import pytest
from rest import Api

JSON = "application/json"
HTTP_GONE = {"type": "HTTP", "uri": "http://127.0.0.1:1/", "responses": {"200": {}}}


def mock(**more):
    """An integration that asks nobody."""
    return {"type": "MOCK", "requestTemplates": {JSON: '{"statusCode": 200}'}, "responses": {"200": {}}, **more}


def plan_of(api, v1, **more):
    """A usage plan of the stage with one key; the value of the key."""
    plan = v1.create_usage_plan(name="p", apiStages=[{"apiId": api.id, "stage": "prod"}], **more)
    key = v1.create_api_key(name="k", enabled=True)
    v1.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    return key["value"]


def setting(api, v1, name, value):
    """A setting of all methods of the stage."""
    patches = [{"op": "replace", "path": f"/*/*/{name}", "value": value}]
    v1.update_stage(restApiId=api.id, stageName="prod", patchOperations=patches)


# A method, what is done after the deployment, and the call: headers and body. The last call counts.
ROWS = {
    "MISSING_AUTHENTICATION_TOKEN": {"path": "/none", "message": "Missing Authentication Token"},
    "BAD_REQUEST_PARAMETERS": {
        "method": {"requestParameters": {"method.request.querystring.q": True}},
        "checks": {"validateRequestParameters": True},
        "message": "Missing required request parameters: [q]",
    },
    "BAD_REQUEST_BODY": {
        "method": {"requestModels": {JSON: "Text"}},
        "checks": {"validateRequestBody": True},
        "body": "{}",
        "message": "Invalid request body",
    },
    "INVALID_API_KEY": {"method": {"apiKeyRequired": True}, "message": "Forbidden"},
    "UNSUPPORTED_MEDIA_TYPE": {
        "integration": mock(passthroughBehavior="NEVER"),
        "headers": {"Content-Type": "text/strange"},
        "body": "x",
        "message": "Unsupported Media Type",
    },
    # Announced, not sent: the gateway does not wait for it.
    "REQUEST_TOO_LARGE": {
        "headers": {"Content-Length": "10485761"},
        "body": "x",
        "message": "Request Too Long",
    },
    "THROTTLED": {
        "after": lambda api, v1: setting(api, v1, "throttling/burstLimit", "0"),
        "message": "Too Many Requests",
    },
    "QUOTA_EXCEEDED": {
        "method": {"apiKeyRequired": True},
        "after": lambda api, v1: plan_of(api, v1, quota={"limit": 1, "period": "DAY"}),
        "calls": 2,
        "message": "Limit Exceeded",
    },
    "API_CONFIGURATION_ERROR": {
        "integration": mock(requestTemplates={JSON: '{"statusCode": "none"}'}),
        "message": "Internal server error",
    },
    "INTEGRATION_FAILURE": {"integration": HTTP_GONE, "message": "Network error communicating with endpoint"},
    "INTEGRATION_TIMEOUT": {"is_slow": True, "message": "Endpoint request timed out"},
    "ACCESS_DENIED": {
        "after": lambda api, v1: [
            setting(api, v1, "caching/enabled", "true"),
            setting(api, v1, "caching/unauthorizedCacheControlHeaderStrategy", "FAIL_WITH_403"),
        ],
        "headers": {"Cache-Control": "max-age=0"},
        "message": None,
    },
}

# What AWS says where nothing is set.
USUAL = {
    "ACCESS_DENIED": 403, "API_CONFIGURATION_ERROR": 500, "BAD_REQUEST_BODY": 400, "BAD_REQUEST_PARAMETERS": 400,
    "INTEGRATION_FAILURE": 504, "INTEGRATION_TIMEOUT": 504, "INVALID_API_KEY": 403,
    "MISSING_AUTHENTICATION_TOKEN": 403, "QUOTA_EXCEEDED": 429, "REQUEST_TOO_LARGE": 413, "THROTTLED": 429,
    "UNSUPPORTED_MEDIA_TYPE": 415,
}  # fmt: skip


# What `x-amzn-ErrorType` names.
EXCEPTIONS = {
    "ACCESS_DENIED": "AccessDeniedException", "API_CONFIGURATION_ERROR": "InternalServerErrorException",
    "BAD_REQUEST_BODY": "BadRequestException", "BAD_REQUEST_PARAMETERS": "BadRequestException",
    "INTEGRATION_FAILURE": "InternalServerErrorException", "INTEGRATION_TIMEOUT": "InternalServerErrorException",
    "INVALID_API_KEY": "ForbiddenException", "MISSING_AUTHENTICATION_TOKEN": "MissingAuthenticationTokenException",
    "QUOTA_EXCEEDED": "LimitExceededException", "REQUEST_TOO_LARGE": "RequestTooLargeException",
    "THROTTLED": "TooManyRequestsException", "UNSUPPORTED_MEDIA_TYPE": "BadRequestException",
}  # fmt: skip


@pytest.fixture
def refusing(gateway, v1, backend):
    """Makes an API of a row, deploys it and calls it; the answer of the last call."""
    made = []

    def refused(kind, own=None):
        row, api = ROWS[kind], Api(gateway, v1)
        made.append(api)
        method = dict(row.get("method", {}))
        if "requestModels" in method:
            schema = json.dumps({"type": "object", "required": ["a"]})
            v1.create_model(restApiId=api.id, name="Text", contentType=JSON, schema=schema)
        if "checks" in row:
            made_of = v1.create_request_validator(restApiId=api.id, name="v", **row["checks"])
            method["requestValidatorId"] = made_of["id"]
        integration = dict(row.get("integration", mock()))
        if row.get("is_slow"):
            integration = {"type": "HTTP_PROXY", "uri": backend.url, "timeoutInMillis": 100}
            backend.gate.clear()
        verb = "POST" if "body" in row else "GET"
        api.method("/", verb, integration.pop("responses", None), method, **integration)
        for name, (status, template) in (own or {}).items():
            given = {"gatewayresponse.header.X-Kind": "context.error.responseType"}
            v1.put_gateway_response(
                restApiId=api.id, responseType=name, statusCode=str(status), responseParameters=given,
                responseTemplates={JSON: template},
            )
        api.deploy(cacheClusterEnabled=kind == "ACCESS_DENIED")
        headers, key = dict(row.get("headers", {})), row.get("after", lambda *_: None)(api, v1)
        if isinstance(key, str):
            headers["x-api-key"] = key
        if "body" in row:
            headers.setdefault("Content-Type", JSON)
        for _ in range(row.get("calls", 1)):
            answer = api.call(verb, row.get("path", "/"), headers=headers, body=row.get("body"))
        return answer

    backend.answers()
    yield refused
    backend.gate.set()
    for api in made:
        api.delete()


# AWS: "This response type cannot be customized."
FIXED = {"REQUEST_TOO_LARGE"}


@pytest.mark.parametrize("kind", sorted(set(ROWS) - FIXED))
def test_a_refusal_is_what_its_author_has_set(refusing, kind):
    """Status, header and template of the type itself, which goes before its class."""
    template = '{"kind": "$context.error.responseType", "why": $context.error.messageString}'
    status = 400 + 55 if USUAL[kind] < 500 else 555
    own = {kind: (status, template), "DEFAULT_4XX": (499, "no"), "DEFAULT_5XX": (599, "no")}
    given, headers, text = refusing(kind, own)
    said = json.loads(text)
    assert (given, headers["x-kind"], said["kind"]) == (status, kind, kind)
    if ROWS[kind]["message"] is not None:
        assert said["why"] == ROWS[kind]["message"]


@pytest.mark.parametrize("kind", sorted(set(ROWS) - FIXED))
def test_a_refusal_is_that_of_its_class(refusing, kind):
    """`DEFAULT_4XX` or `DEFAULT_5XX`, where the type has nothing of its own."""
    own = {"DEFAULT_4XX": (499, "4 $context.error.message"), "DEFAULT_5XX": (599, "5 $context.error.message")}
    given, headers, text = refusing(kind, own)
    digit = "4" if USUAL[kind] < 500 else "5"
    assert (given, headers["x-kind"], text[0]) == (int(digit + "99"), kind, digit)


@pytest.mark.parametrize("kind", sorted(ROWS))
def test_a_refusal_is_awss_where_nothing_is_set(refusing, kind):
    """Status, type of content and message; some are so whatever is set."""
    given, headers, text = refusing(kind, {kind: (455, "own"), "DEFAULT_4XX": (499, "own")} if kind in FIXED else None)
    assert (given, headers["content-type"]) == (USUAL[kind], JSON)
    assert headers["x-amzn-errortype"] == EXCEPTIONS[kind]
    if ROWS[kind]["message"] is not None:
        assert json.loads(text) == {"message": ROWS[kind]["message"]}


def test_headers_of_a_refusal_come_from_everywhere_and_replace_the_usual_ones(gateway, v1):
    """The request, the context, variables, literals; and what only the template may say."""
    api = Api(gateway, v1)
    api.method("/{id}", "GET", {"200": {}}, {"apiKeyRequired": True}, type="MOCK", requestTemplates={JSON: "{statusCode: 200}"})
    sources = {
        "X-Header": "method.request.header.X-Own", "X-Query": "method.request.querystring.q", "X-Path": "method.request.path.id",
        "X-Message": "context.error.message", "X-Quoted": "context.error.messageString", "X-Type": "context.error.responseType",
        "X-Variable": "stageVariables.v", "X-None": "stageVariables.none", "Content-Type": "'text/html'", "x-amzn-ErrorType": "'Own'",
    }  # fmt: skip
    template = "$context.error.message|$context.error.messageString|$context.error.responseType|$context.error.validationErrorString|$method.request.path.id"
    v1.put_gateway_response(
        restApiId=api.id, responseType="INVALID_API_KEY", responseTemplates={JSON: template},
        responseParameters={f"gatewayresponse.header.{name}": source for name, source in sources.items()},
    )
    api.deploy(variables={"v": "1"})
    status, headers, text = api.call("GET", "/7?q=2", headers={"X-Own": "o"})
    assert (status, text) == (403, 'Forbidden|"Forbidden"|INVALID_API_KEY||7')
    expected = {
        "x-header": "o", "x-query": "2", "x-path": "7", "x-message": "Forbidden", "x-quoted": '"Forbidden"',
        "x-type": "INVALID_API_KEY", "x-variable": "1", "x-none": None, "content-type": "text/html", "x-amzn-errortype": "Own",
    }  # fmt: skip
    assert {name: headers.get(name) for name in expected} == expected
    api.delete()
