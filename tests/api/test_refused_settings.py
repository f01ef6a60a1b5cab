"""Settings of REST APIs whose values make no sense are refused when they are written, by Put and by patch."""

import json

import pytest
from conftest import ACCOUNT, AUTHORIZER, REGION, refused
from rest import Api

BAD, ARN = "BadRequestException", "Invalid ARN specified in the request"
MAPPING = "Invalid mapping expression specified: Validation Result: warnings : [], errors : [%s]"
WRONG_MAPPING = MAPPING % "Invalid mapping expression specified: nope"
WRONG_TYPE = "Validation Result: warnings : [], errors : [Invalid content type specified: bad]"


UNDECLARED = MAPPING % "Invalid mapping expression parameter specified: %s"
LOGS = "The ARN must be a valid CloudWatch Logs log group or Kinesis Data Firehose delivery stream"


@pytest.fixture(scope="module")
def where(gateway):
    """A method with an integration and a response."""
    api = Api(gateway, gateway.client("apigateway", is_checked=False))
    yield api.method("/", "GET", {"200": {}}, type="HTTP", uri="http://127.0.0.1:1/"), api.v1
    api.delete()


def one(path, value, op="replace"):
    return [{"op": op, "path": path, **({} if value is None else {"value": value})}]


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


def test_what_a_method_does_not_declare_is_mapped_nowhere(where):
    """Parameters of the request, headers of the response, keys of the cache; what is declared is, in one value or many."""
    method, v1 = where
    http = {"type": "HTTP", "integrationHttpMethod": "GET", "uri": "http://127.0.0.1:1/"}
    for source in ["header.X-A", "querystring.a", "path.id", "multivaluequerystring.a", "header.x-d", "bodyguard"]:
        source = f"method.request.{source}"
        mapped = {"integration.request.header.x": source}
        said = (BAD, 400, UNDECLARED % source)
        assert refused(v1.put_integration, **method, **http, requestParameters=mapped) == said
        patch = one("/requestParameters/integration.request.header.x", source, "add")
        assert refused(v1.update_integration, **method, patchOperations=patch) == said
    key = "method.request.querystring.a"
    said = (BAD, 400, "Invalid cache key parameter specified")
    assert refused(v1.put_integration, **method, **http, cacheKeyParameters=[key]) == said
    assert refused(v1.update_integration, **method, patchOperations=one("/cacheKeyParameters", key, "add")) == said
    for name in ["header.X-D", "querystring.a", "path.id"]:
        v1.update_method(**method, patchOperations=one(f"/requestParameters/method.request.{name}", "false", "add"))
    legal = ["header.X-D", "multivalueheader.X-D", "querystring.a", "multivaluequerystring.a", "path.id", "body", "body.a.b", "body[0]"]
    legal = {f"integration.request.header.h{at}": f"method.request.{name}" for at, name in enumerate(legal)}
    more = {"integration.request.header.c": "context.stage", "integration.request.header.l": "'method.request.header.none'"}
    made = v1.put_integration(**method, **http, requestParameters={**legal, **more}, cacheKeyParameters=[key])
    assert (made["requestParameters"], made["cacheKeyParameters"]) == ({**legal, **more}, [key])
    # What loses its declaration stays; AWS's tools take both away one after the other.
    v1.update_method(**method, patchOperations=one("/requestParameters/method.request.path.id", None, "remove"))
    v1.update_integration(**method, patchOperations=one("/timeoutInMillis", "1000"))
    v1.put_integration(**method, **http)
    v1.put_integration_response(**method, statusCode="200")


def one_more(v1, method, status, **more):
    """PutIntegrationResponse with a mapped header."""
    mapped = {"method.response.header.x-a": "'a'"}
    return lambda: v1.put_integration_response(**method, statusCode=status, responseParameters=mapped, **more)


def test_headers_are_mapped_to_those_of_the_response_of_the_method(where):
    """PutIntegrationResponse and UpdateIntegrationResponse; what maps none needs no response of the method."""
    method, v1 = where
    own = {**method, "statusCode": "200"}
    undeclared = (BAD, 400, UNDECLARED % "method.response.header.x-a")
    patch = one("/responseParameters/method.response.header.x-a", "'a'", "add")
    assert refused(one_more(v1, method, "200")) == undeclared
    assert refused(v1.update_integration_response, **own, patchOperations=patch) == undeclared
    assert refused(one_more(v1, method, "418")) == (BAD, 400, MAPPING % "No method response exists for method.")
    v1.put_integration_response(**method, statusCode="418", selectionPattern="418")
    v1.update_method_response(**own, patchOperations=one("/responseParameters/method.response.header.x-a", "false", "add"))
    made = v1.update_integration_response(**own, patchOperations=patch)
    assert made["responseParameters"] == {"method.response.header.x-a": "'a'"}
    v1.delete_integration_response(**method, statusCode="418")
    v1.put_integration_response(**own)
    v1.update_method_response(**own, patchOperations=one("/responseParameters/method.response.header.x-a", None, "remove"))


def test_a_private_integration_names_its_link(where):
    """Or the variable that does."""
    method, v1 = where
    private = {"type": "HTTP", "integrationHttpMethod": "GET", "uri": "http://127.0.0.1:1/", "connectionType": "VPC_LINK"}
    said = (BAD, 400, "ConnectionId should be set to the vpcLinkId or stage variable on connection type VPC_LINK")
    assert refused(v1.put_integration, **method, **private) == said
    assert refused(v1.update_integration, **method, patchOperations=one("/connectionType", "VPC_LINK")) == said
    both = one("/connectionType", "VPC_LINK") + one("/connectionId", "${stageVariables.link}")
    assert v1.update_integration(**method, patchOperations=both)["connectionId"] == "${stageVariables.link}"
    back = {name: private[name] for name in private if name != "connectionType"}
    v1.put_integration(**method, **back)
    v1.put_integration_response(**method, statusCode="200")


@pytest.mark.parametrize("arn, said", [
    ("here", LOGS),
    (f"arn:aws:s3:{REGION}:{ACCOUNT}:bucket", LOGS),
    (f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:", LOGS),
    (f"arn:aws:logs:{REGION}:{ACCOUNT}:destination:d", LOGS),
    (f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/mine",
     "Kinesis Firehose delivery stream name must begin with the characters 'amazon-apigateway-'"),
    (f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/a/b:*", None),
    (f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/amazon-apigateway-mine", None),
])
def test_access_logs_go_where_logs_go(gateway, where, arn, said):
    """UpdateStage of both services, and CreateStage."""
    method, v1 = where
    own = {"restApiId": method["restApiId"], "stageName": "logging"}
    if not [stage for stage in v1.get_stages(restApiId=own["restApiId"])["item"] if stage["stageName"] == "logging"]:
        v1.create_deployment(**own)
    v2 = gateway.client("apigatewayv2", is_checked=False)
    api = v2.create_api(Name="h", ProtocolType="HTTP")["ApiId"]
    patch = one("/accessLogSettings/destinationArn", arn)
    settings = {"DestinationArn": arn, "Format": "$context.requestId"}
    if said is None:
        assert v1.update_stage(**own, patchOperations=patch)["accessLogSettings"]["destinationArn"] == arn
        assert v2.create_stage(ApiId=api, StageName="s", AccessLogSettings=settings)["AccessLogSettings"] == settings
    else:
        assert refused(v1.update_stage, **own, patchOperations=patch) == (BAD, 400, said)
        assert refused(v2.create_stage, ApiId=api, StageName="s", AccessLogSettings=settings) == (BAD, 400, said)
    v2.delete_api(ApiId=api)


def test_a_model_is_of_a_type_that_there_is(where):
    """CreateModel and UpdateModel."""
    method, v1 = where
    own = {"restApiId": method["restApiId"]}
    said = (BAD, 400, "Invalid model specified: Validation Result: warnings : [], errors : [Invalid model schema specified]")
    new = {**own, "contentType": "application/json"}
    assert refused(v1.create_model, **new, name="M", schema='{"type": "String"}') == said
    v1.create_model(**new, name="M", schema='{"type": ["string", "null"]}')
    patch = one("/schema", '{"type": "objec"}')
    assert refused(v1.update_model, **own, modelName="M", patchOperations=patch) == said
    v1.update_model(**own, modelName="M", patchOperations=one("/schema", '{"minimum": 1}'))
    v1.delete_model(**own, modelName="M")


def test_a_deployment_that_cannot_be_is_told_by_its_method(gateway):
    """Not by a path in a file that its author does not have."""
    api = Api(gateway, gateway.client("apigateway", is_checked=False))
    api.mock("/a", "POST", body="{}")
    api.v1.update_integration_response(
        restApiId=api.id, resourceId=api.paths["/a"], httpMethod="POST", statusCode="200",
        patchOperations=one("/responseTemplates/application~1json", "#if(", "add"))
    message = refused(api.v1.create_deployment, restApiId=api.id, stageName="prod")[2]
    assert message.startswith("POST /a: the template of the response "), message
    api.delete()


def test_a_method_setting_is_of_a_method(where):
    """A word that is none in the place of the verb is no path."""
    method, v1 = where
    own = {"restApiId": method["restApiId"], "stageName": "settings"}
    v1.create_deployment(**own)
    for path in ["/a/GOT", "/~1a/get", "/a/b"]:
        code, status, message = refused(v1.update_stage, **own, patchOperations=one(f"{path}/metrics/enabled", "true"))
        assert (code, status) == (BAD, 400) and message.startswith(f"Invalid method setting path: {path}/metrics/enabled. ")
    v1.update_stage(**own, patchOperations=one("/~1a~1b/GET/metrics/enabled", "true") + one("/a/b/ANY/metrics/enabled", "true"))
    assert set(v1.get_stage(**own)["methodSettings"]) == {"a/b/GET", "a/b/ANY"}


FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"


@pytest.mark.parametrize("uri", [
    "arn:x", FUNCTION, AUTHORIZER.replace(":lambda:path", ":sqs:path"), AUTHORIZER.replace(FUNCTION, "f"),
    AUTHORIZER.replace("/invocations", ""), AUTHORIZER.replace(f":{REGION}:lambda:path", "::lambda:path"),
])
def test_an_authorizer_is_a_function(gateway, where, uri):
    """CreateAuthorizer and UpdateAuthorizer of both services."""
    method, v1 = where
    said = (BAD, 400, f"Invalid Authorizer URI: {uri}. Authorizer URI should be a valid API Gateway ARN that represents a "
                      "Lambda function invocation.")
    own = {"restApiId": method["restApiId"]}
    new = {**own, "name": "u", "type": "TOKEN", "identitySource": "method.request.header.A"}
    assert refused(v1.create_authorizer, **new, authorizerUri=uri) == said
    made = v1.create_authorizer(**new, authorizerUri=AUTHORIZER.replace(":function:f", ":function:${stageVariables.f}"))["id"]
    assert refused(v1.update_authorizer, **own, authorizerId=made, patchOperations=one("/authorizerUri", uri)) == said
    v1.delete_authorizer(**own, authorizerId=made)
    v2 = gateway.client("apigatewayv2", is_checked=False)
    api = v2.create_api(Name="h", ProtocolType="HTTP")["ApiId"]
    new = {"ApiId": api, "Name": "u", "AuthorizerType": "REQUEST", "AuthorizerPayloadFormatVersion": "2.0"}
    new["IdentitySource"] = ["$request.header.a"]
    assert refused(v2.create_authorizer, **new, AuthorizerUri=uri) == said
    made = v2.create_authorizer(**new, AuthorizerUri=AUTHORIZER)["AuthorizerId"]
    assert refused(v2.update_authorizer, ApiId=api, AuthorizerId=made, AuthorizerUri=uri) == said
    v2.delete_api(ApiId=api)


def test_an_authorizer_remembers_whom_it_can_tell_apart(gateway, where):
    """A time to live needs identity sources, and simple answers the second format."""
    method, v1 = where
    unnamed = (BAD, 400, "Identity source must be set if authorizer caching is enabled (TTL is greater than 0)")
    own = {"restApiId": method["restApiId"]}
    new = {**own, "name": "r", "type": "REQUEST", "authorizerUri": AUTHORIZER}
    assert refused(v1.create_authorizer, **new) == unnamed
    assert refused(v1.create_authorizer, **new, identitySource="", authorizerResultTtlInSeconds=1) == unnamed
    too_long = (BAD, 400, "Authorizer result TTL outside allowable range. TTL must be between 0 and 3600 seconds.")
    assert refused(v1.create_authorizer, **new, authorizerResultTtlInSeconds=3601) == too_long
    made = v1.create_authorizer(**new, authorizerResultTtlInSeconds=0)["id"]
    ttl = one("/authorizerResultTtlInSeconds", "300")
    assert refused(v1.update_authorizer, **own, authorizerId=made, patchOperations=ttl) == unnamed
    v1.update_authorizer(**own, authorizerId=made, patchOperations=ttl + one("/identitySource", "context.stage"))
    v1.delete_authorizer(**own, authorizerId=made)
    v2 = gateway.client("apigatewayv2", is_checked=False)
    api = v2.create_api(Name="h", ProtocolType="HTTP")["ApiId"]
    new = {"ApiId": api, "Name": "r", "AuthorizerType": "REQUEST", "AuthorizerUri": AUTHORIZER, "IdentitySource": []}
    two = {**new, "AuthorizerPayloadFormatVersion": "2.0"}
    assert refused(v2.create_authorizer, **two, AuthorizerResultTtlInSeconds=1) == unnamed
    simple = (BAD, 400, 'EnableSimpleResponses can only be set for AuthorizerPayloadFormatVersion "2.0".')
    one_zero = {**new, "AuthorizerPayloadFormatVersion": "1.0"}
    assert refused(v2.create_authorizer, **one_zero, EnableSimpleResponses=True) == simple
    v2.create_authorizer(**one_zero, EnableSimpleResponses=False)
    made = v2.create_authorizer(**{**two, "Name": "s"}, EnableSimpleResponses=True, AuthorizerResultTtlInSeconds=0)["AuthorizerId"]
    assert refused(v2.update_authorizer, ApiId=api, AuthorizerId=made, AuthorizerPayloadFormatVersion="1.0") == simple
    assert refused(v2.update_authorizer, ApiId=api, AuthorizerId=made, AuthorizerResultTtlInSeconds=5) == unnamed
    v2.delete_api(ApiId=api)


@pytest.mark.parametrize("actions, is_legal", [
    ("s3:Get", False), (["execute-api:Invoke", "s3:*"], False), ("apigateway:GET", False),
    ("execute-api:Invoke", True), ("Execute-Api:*", True), ("*", True), ("execute-*:Invoke", True), ("exec*", False),
    ("e?ecute-api:Invoke", True), ("s3*:Get", False),
])
def test_a_resource_policy_is_about_calls(where, actions, is_legal):
    """Not about what other services do."""
    method, v1 = where
    own = {"restApiId": method["restApiId"]}
    statement = {"Effect": "Deny", "Principal": "*", "Action": actions, "Resource": "execute-api:/none/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    if is_legal:
        v1.update_rest_api(**own, patchOperations=one("/policy", policy))
        v1.update_rest_api(**own, patchOperations=one("/policy", None, "remove"))
    else:
        code, status, message = refused(v1.update_rest_api, **own, patchOperations=one("/policy", policy))
        assert (code, status) == (BAD, 400)
        assert message.startswith("Invalid policy document. Please check the policy syntax and ensure that Principals are valid.")
