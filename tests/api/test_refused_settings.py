"""Settings of REST APIs whose values make no sense are refused when they are written, by Put and by patch."""

import pytest
from conftest import ACCOUNT, refused
from rest import Api

BAD, ARN = "BadRequestException", "Invalid ARN specified in the request"
MAPPING = "Invalid mapping expression specified: Validation Result: warnings : [], errors : [%s]"
WRONG_MAPPING = MAPPING % "Invalid mapping expression specified: nope"
WRONG_TYPE = "Validation Result: warnings : [], errors : [Invalid content type specified: bad]"


@pytest.fixture(scope="module")
def where(gateway):
    """A method with an integration and a response."""
    api = Api(gateway, gateway.client("apigateway", is_checked=False))
    yield api.method("/", "GET", {"200": {}}, type="HTTP", uri="http://127.0.0.1:1/"), api.v1
    api.delete()


def one(path, value, op="replace"):
    return [{"op": op, "path": path, "value": value}]


def one_of(path, value, *words):
    return f"Invalid value '{value}' for path {path}. Must be one of: [{', '.join(words)}]"


@pytest.mark.parametrize("path, value, said", [
    ("/minimumCompressionSize", "-1", "Invalid minimum compression size, must be between 0 and 10485760"),
    ("/minimumCompressionSize", "10485761", "Invalid minimum compression size, must be between 0 and 10485760"),
    ("/minimumCompressionSize", "some", "Invalid minimum compression size, must be between 0 and 10485760"),
    ("/apiKeySource", "QUERY", one_of("/apiKeySource", "QUERY", "HEADER", "AUTHORIZER")),
    ("/endpointAccessMode", "OPEN", one_of("/endpointAccessMode", "OPEN", "BASIC", "STRICT")),
    ("/securityPolicy", "SSL_3", "Invalid value 'SSL_3' for path /securityPolicy. Must be one of: [TLS_1_0, TLS_1_2, "),
    ("/endpointConfiguration/types", "EDGE", "Invalid patch path /endpointConfiguration/types"),
    ("/endpointConfiguration/types/EDGE", "LOCAL",
     "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE"),
    ("/binaryMediaTypes", "image/png", "Invalid patch path /binaryMediaTypes"),
    ("/policy", "{", "Invalid policy document. Please check the policy syntax and ensure that Principals are valid."),
])
def test_an_api_keeps_what_it_had(where, path, value, said):
    """UpdateRestApi."""
    method, v1 = where
    own = {"restApiId": method["restApiId"]}
    before = v1.get_rest_api(**own)
    code, status, message = refused(v1.update_rest_api, **own, patchOperations=one(path, value))
    assert (code, status) == (BAD, 400) and message.startswith(said), message
    after = v1.get_rest_api(**own)
    assert {**before, "ResponseMetadata": 0} == {**after, "ResponseMetadata": 0}


def test_an_unknown_authorizer_counts_only_for_who_is_asked(where):
    """As recorded: with CUSTOM it is refused; with NONE it is left out and the answer is 200."""
    method, v1 = where
    both = one("/authorizationType", "CUSTOM") + one("/authorizerId", "nope")
    said = ("Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a "
            "valid authorizer.")
    assert refused(v1.update_method, **method, patchOperations=both) == (BAD, 400, said)
    made = v1.update_method(**method, patchOperations=one("/authorizerId", "nope"))
    assert made["authorizationType"] == "NONE" and "authorizerId" not in made


@pytest.mark.parametrize("path, value, said", [
    ("/timeoutInMillis", "49", "Timeout should be between 50 ms and 29000 ms"),
    ("/timeoutInMillis", "soon", "Invalid value 'soon' for path /timeoutInMillis"),
    ("/connectionType", "WIRE", one_of("/connectionType", "WIRE", "INTERNET", "VPC_LINK")),
    ("/passthroughBehavior", "never",
     one_of("/passthroughBehavior", "never", "WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER")),
    ("/contentHandling", "TEXT", one_of("/contentHandling", "TEXT", "CONVERT_TO_BINARY", "CONVERT_TO_TEXT")),
    ("/tlsConfig", "x", "Invalid patch path /tlsConfig"),
    ("/responseTransferMode", "SLOW", "Invalid response transfer mode 'SLOW' specified; it is BUFFERED or STREAM"),
])
def test_an_integration_keeps_what_it_had(where, path, value, said):
    """UpdateIntegration."""
    method, v1 = where
    assert refused(v1.update_integration, **method, patchOperations=one(path, value)) == (BAD, 400, said)
    assert plain(v1.get_integration(**method)) == {
        "type": "HTTP", "httpMethod": "GET", "uri": "http://127.0.0.1:1/", "connectionType": "INTERNET",
        "passthroughBehavior": "WHEN_NO_MATCH", "timeoutInMillis": 29_000, "cacheNamespace": method["resourceId"],
        "cacheKeyParameters": [], "integrationResponses": {"200": {"statusCode": "200"}},
    }


def plain(answer):
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def test_a_flag_of_tls_is_what_true_is(where):
    """As AWS reads flags: anything but `true` is false."""
    method, v1 = where
    path = "/tlsConfig/insecureSkipVerification"
    for value, expected in [("true", True), ("yes", False)]:
        made = v1.update_integration(**method, patchOperations=one(path, value))
        assert made["tlsConfig"] == {"insecureSkipVerification": expected}
    v1.update_integration(**method, patchOperations=[{"op": "replace", "path": "/tlsConfig/insecureSkipVerification"}])
    v1.put_integration(**method, type="HTTP", integrationHttpMethod="GET", uri="http://127.0.0.1:1/")
    v1.put_integration_response(**method, statusCode="200")


@pytest.mark.parametrize("more, said", [
    ({"passthroughBehavior": "never"}, "Invalid passthrough behavior specified: never"),
    ({"timeoutInMillis": 1}, "Timeout should be between 50 ms and 29000 ms"),
    ({"type": "AWS", "uri": "arn:aws:apigateway:eu-west-1:sqs:action/ListQueues", "credentials": "me"}, ARN),
    ({"type": "AWS", "uri": "arn:aws:apigateway:eu-west-1:sqs:action/ListQueues",
      "credentials": f"arn:aws:iam::{ACCOUNT}:policy/p"}, ARN),
])
def test_an_integration_is_not_made(where, more, said):
    """PutIntegration."""
    method, v1 = where
    integration = {"type": "HTTP", "integrationHttpMethod": "GET", "uri": "http://127.0.0.1:1/", **more}
    assert refused(v1.put_integration, **method, **integration) == (BAD, 400, said)


def test_a_role_may_be_that_of_the_caller_or_of_a_variable(where):
    """What cannot be known before it is deployed is left for then."""
    method, v1 = where
    for credentials in [f"arn:aws:iam::{ACCOUNT}:role/path/r", "arn:aws:iam::*:user/*", "${stageVariables.role}", ""]:
        made = v1.put_integration(**method, type="AWS", integrationHttpMethod="POST", credentials=credentials,
                                  uri="arn:aws:apigateway:eu-west-1:sqs:action/ListQueues")
        assert made["credentials"] == credentials
    v1.put_integration(**method, type="HTTP", integrationHttpMethod="GET", uri="http://127.0.0.1:1/")
    v1.put_integration_response(**method, statusCode="200")


@pytest.mark.parametrize("name, value, said", [
    ("selectionPattern", "5(", "Invalid selection pattern specified: `5(`: "),
    ("selectionPattern", "[", "Invalid selection pattern specified: `[`: "),
    ("responseTemplates/bad", "x", WRONG_TYPE),
    ("responseParameters/method.response.header.x", "nope", WRONG_MAPPING),
    ("responseParameters/nope", "integration.response.header.x", WRONG_MAPPING),
])
def test_a_response_is_neither_made_nor_changed(where, name, value, said):
    """PutIntegrationResponse and UpdateIntegrationResponse."""
    method, v1 = where
    own = {**method, "statusCode": "200"}
    member, _, key = name.partition("/")
    for made in [
        refused(v1.put_integration_response, **own, **{member: {key: value} if key else value}),
        refused(v1.update_integration_response, **own, patchOperations=one(f"/{name}", value, "add")),
    ]:
        assert made[:2] == (BAD, 400) and made[2].startswith(said), made
    assert plain(v1.get_integration_response(**own)) == {"statusCode": "200"}


@pytest.mark.parametrize("path, value, said", [
    ("throttling/burstLimit", "-2", "Must be between -1 and 2147483647"),
    ("throttling/burstLimit", "1.5", "Must be between -1 and 2147483647"),
    ("throttling/rateLimit", "-2", "Invalid value '-2'"),
    ("throttling/rateLimit", "fast", "Invalid value 'fast'"),
    ("caching/ttlInSeconds", "3601", "Must be between 0 and 3600"),
    ("caching/ttlInSeconds", "-1", "Must be between 0 and 3600"),
    ("logging/loglevel", "DEBUG", "Must be one of: [OFF, ERROR, INFO]"),
    ("caching/unauthorizedCacheControlHeaderStrategy", "ASK", "Must be one of: [FAIL_WITH_403, "),
])
def test_a_stage_keeps_what_it_had(where, path, value, said):
    """UpdateStage."""
    method, v1 = where
    own = {"restApiId": method["restApiId"], "stageName": "refusing"}
    if not [stage for stage in v1.get_stages(restApiId=own["restApiId"])["item"] if stage["stageName"] == "refusing"]:
        v1.create_deployment(**own)
    code, status, message = refused(v1.update_stage, **own, patchOperations=one(f"/*/*/{path}", value))
    assert (code, status) == (BAD, 400) and said in message, message
    assert v1.get_stage(**own)["methodSettings"] == {}
