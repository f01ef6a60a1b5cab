"""What AWS was seen to do with the management of REST APIs, where the other files do not ask for it."""

import json

import pytest
from conftest import ACCOUNT, AUTHORIZER, plain, refused

NOT_FOUND = ("NotFoundException", 404)
BAD_REQUEST = ("BadRequestException", 400)
NO_MODEL = "Invalid model name specified: Pet"
NO_VALIDATOR = "Invalid Request Validator identifier specified"
NO_PART = "Invalid Documentation part identifier specified"
LOG_FORMATS = {
    "$context.requestId\n$context.status": "be single line, new line character is allowed only at end of the format",
    "$context.status": "contain $context.requestId or $context.extendedRequestId",
    "$context.requestIdentity $context.integration.requestId requestId": "contain $context.requestId",
    "$context.requestId " + "x" * 3_072: "not be longer than 3072 bytes",
}


@pytest.fixture
def api(v1):
    """A fresh REST API: its id and that of its root."""
    made = v1.create_rest_api(name="behaves")
    yield made["id"], made["rootResourceId"]
    v1.delete_rest_api(restApiId=made["id"])


def patch(op, path, value=None):
    """A list with one patch operation."""
    operation = {"op": op, "path": path}
    if value is not None:
        operation["value"] = value
    return [operation]


def status(answer):
    """The status of an answer."""
    return answer["ResponseMetadata"]["HTTPStatusCode"]


def test_a_wrong_api_is_told_by_what_is_asked_for(v1):
    """Validators, models and documentation parts are missing themselves; lists name the API."""
    no_api = (*NOT_FOUND, f"Invalid API identifier specified {ACCOUNT}:none")
    assert refused(v1.get_authorizers, restApiId="none") == no_api
    validator = {"restApiId": "none", "requestValidatorId": "v"}
    assert refused(v1.get_request_validator, **validator) == (*NOT_FOUND, NO_VALIDATOR)
    assert refused(v1.delete_request_validator, **validator) == (*NOT_FOUND, NO_VALIDATOR)
    changed = refused(v1.update_request_validator, **validator, patchOperations=patch("replace", "/name", "x"))
    assert changed == (*NOT_FOUND, NO_VALIDATOR)
    assert refused(v1.get_model, restApiId="none", modelName="Pet") == (*NOT_FOUND, NO_MODEL)
    assert refused(v1.delete_model, restApiId="none", modelName="Pet") == (*NOT_FOUND, NO_MODEL)
    part = {"restApiId": "none", "documentationPartId": "p"}
    assert refused(v1.get_documentation_part, **part) == (*NOT_FOUND, NO_PART)
    changed = refused(v1.update_documentation_part, **part, patchOperations=patch("replace", "/properties", "{}"))
    assert changed == (*NOT_FOUND, NO_PART)
    assert refused(v1.delete_documentation_part, **part) == no_api
    assert refused(v1.get_integration, restApiId="none", resourceId="r", httpMethod="GET")[2] == (
        "Invalid Resource identifier specified"
    )


def test_shapes_are_checked_before_meanings(v1):
    """An unknown value of a set is told although the description is wrong as well."""
    wrong = refused(
        v1.create_rest_api, name="a", description="", endpointConfiguration={"types": ["EDGE"], "ipAddressType": "x"}
    )
    assert wrong == (
        "ValidationException",
        400,
        "1 validation error detected: Value 'x' at 'createRestApiInput.endpointConfiguration.ipAddressType' failed to "
        "satisfy constraint: Member must satisfy enum value set: [ipv4, dualstack]",
    )
    private = {"types": ["PRIVATE"], "ipAddressType": "ipv4"}
    wrong = refused(v1.create_rest_api, name="a", description="", endpointConfiguration=private)
    assert wrong[2] == "Description cannot be an empty string"
    wrong = refused(v1.create_rest_api, name="a", endpointConfiguration=private)
    assert wrong[2] == "Only dualstack ipAddressType is supported for Private APIs."


def test_wrong_types_are_told_as_the_parser_of_aws_does(gateway):
    """Before all else, and for both services alike."""
    found, headers, text = gateway.raw("POST", "/restapis", body=b'{"name": true}')
    assert (found, headers["x-amzn-errortype"]) == (400, "SerializationException")
    assert json.loads(text)["message"] == "class java.lang.Boolean can not be converted to an String"


def test_private_apis_have_dual_stack(v1):
    """From the start, or when they become private; an id is no other in capitals."""
    made = v1.create_rest_api(name="a", endpointConfiguration={"types": ["PRIVATE"]})
    assert made["endpointConfiguration"] == {"types": ["PRIVATE"], "ipAddressType": "dualstack"}
    where = {"restApiId": made["id"]}
    wrong = refused(
        v1.update_rest_api, **where, patchOperations=patch("replace", "/endpointConfiguration/ipAddressType", "ipv4")
    )
    assert wrong[2] == "Only dualstack ipAddressType is supported for Private APIs."
    v1.delete_rest_api(**where)
    made = v1.create_rest_api(name="b")
    where = {"restApiId": made["id"]}
    flipped = v1.update_rest_api(
        **where, patchOperations=patch("replace", "/endpointConfiguration/types/EDGE", "PRIVATE")
    )
    assert flipped["endpointConfiguration"] == {"types": ["PRIVATE"], "ipAddressType": "dualstack"}
    if made["id"].upper() != made["id"]:
        assert refused(v1.get_rest_api, restApiId=made["id"].upper())[:2] == NOT_FOUND
    wrong = refused(
        v1.update_rest_api, **where, patchOperations=patch("replace", "/endpointConfiguration/ipAddressType", "x")
    )
    assert wrong[2] == "ipAddressType must be either ipv4 or dualstack."
    v1.delete_rest_api(**where)


def test_an_api_is_patched_or_not_in_the_words_of_its_family(v1, api):
    """Entries of lists, scalars that go, and what nobody may do."""
    where = {"restApiId": api[0]}

    def patched(*operations):
        return v1.update_rest_api(**where, patchOperations=[one for all in operations for one in all])

    def message(*operations):
        return refused(v1.update_rest_api, **where, patchOperations=[one for all in operations for one in all])[2]

    types = patched(patch("add", "/binaryMediaTypes/image~1png"), patch("add", "/binaryMediaTypes/-"))
    assert types["binaryMediaTypes"] == ["image/png", "-"]
    types = patched(patch("remove", "/binaryMediaTypes/image~1png"))
    assert types["binaryMediaTypes"] == ["-"]
    assert message(patch("add", "/binaryMediaTypes", "a/b")) == "Invalid patch path /binaryMediaTypes"
    assert patched(patch("replace", "/description", "d"))["description"] == "d"
    assert "description" not in patched(patch("remove", "/description"))
    assert patched(patch("replace", "/version", "1.2"))["version"] == "1.2"
    assert v1.get_rest_api(**where)["version"] == "1.2"
    at = "/endpointConfiguration/types/EDGE"
    assert message(patch("replace", at, "x")) == (
        "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE"
    )
    assert message(patch("copy", at)) == "Invalid patch operation specified. Must be 'add'|'remove'|'replace'"
    size = "/minimumCompressionSize"
    only = "Invalid patch operation specified. Must be one of: [replace]"
    assert message(patch("add", size, "1")) == only
    for op in ["move", "test", "copy"]:
        assert message(patch(op, "/name", "x")) == only
    limits = "Invalid minimum compression size, must be between 0 and 10485760"
    assert message(patch("replace", size, "10485761")) == limits
    before = plain(v1.get_rest_api(**where))
    message(patch("replace", "/name", "kept?"), patch("test", "/name", "kept?"))
    assert plain(v1.get_rest_api(**where)) == before


def test_the_root_stays_where_it_is(v1, api):
    """Neither its part nor its parent can be changed."""
    api, root = api
    for member in ["pathPart", "parentId"]:
        wrong = refused(
            v1.update_resource, restApiId=api, resourceId=root, patchOperations=patch("replace", f"/{member}", "x")
        )
        assert wrong == (*BAD_REQUEST, f"Root resource cannot update its {member}.")


def test_parameters_of_methods_are_flags_with_names_of_their_own(v1, api):
    """Texts become flags; one name in two places is refused."""
    api, root = api
    where = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    v1.put_method(**where, authorizationType="NONE")
    for text, flag in [("true", True), ("false", False)]:
        path = "/requestParameters/method.request.querystring.q"
        changed = v1.update_method(**where, patchOperations=patch("add", path, text))
        assert changed["requestParameters"] == {"method.request.querystring.q": flag}
    path = "/requestParameters/method.request.header.q"
    twice = refused(v1.update_method, **where, patchOperations=patch("add", path, "true"))
    assert twice[2] == "Parameter names must be unique across querystring, header and path"
    gone = v1.update_method(**where, patchOperations=patch("remove", "/requestParameters/method.request.querystring.q"))
    assert "requestParameters" not in gone
    v1.put_method_response(**where, statusCode="200")
    no_model = refused(
        v1.update_method_response,
        **where,
        statusCode="200",
        patchOperations=patch("remove", "/responseModels/application~1json"),
    )
    assert no_model == (*NOT_FOUND, "Content-Type specified was not found")
    wrong = refused(v1.update_method_response, **where, statusCode="200", patchOperations=patch("add", "/x", "y"))
    assert wrong[2] == "Invalid patch path /x"


def test_integrations_are_checked_by_their_type(v1, api):
    """URIs of HTTP and of AWS services, times and content types."""
    api, root = api
    where = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    v1.put_method(**where, authorizationType="NONE")

    def message(**more):
        return refused(v1.put_integration, **where, integrationHttpMethod="POST", **more)[2]

    arn = "arn:aws:apigateway:eu-west-1"
    assert message(type="AWS", uri="x") == "Invalid ARN specified in the request"
    assert message(type="AWS", uri=f"{arn}:s3:x") == "AWS ARN for integration must contain path or action"
    assert message(type="AWS_PROXY", uri=f"{arn}:s3:path/x") == (
        "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations."
    )
    assert message(type="HTTP", uri="http://a", timeoutInMillis=49) == "Timeout should be between 50 ms and 29000 ms"
    assert message(type="HTTP", uri="http://a", requestTemplates={"123": "x"}) == (
        "Validation Result: warnings : [], errors : [Invalid content type specified: 123]"
    )
    made = v1.put_integration(**where, integrationHttpMethod="GET", type="HTTP_PROXY", uri="http://a")
    assert made["connectionType"] == "INTERNET"
    made = v1.put_integration(**where, type="MOCK")
    assert "connectionType" not in made
    v1.put_integration_response(**where, statusCode="200", selectionPattern="a", contentHandling="CONVERT_TO_TEXT")
    again = v1.put_integration_response(**where, statusCode="200")
    assert plain(again) == {"statusCode": "200"}


def test_models_have_a_name_and_something_inside(v1, api):
    """The two of every API are described; no other can be empty, of whatever type it is."""
    api, _ = api
    empty = v1.get_model(restApiId=api, modelName="Empty")
    assert empty["description"] == "This is a default empty schema model"
    assert json.loads(empty["schema"])["$schema"] == "http://json-schema.org/draft-04/schema#"
    error = v1.get_model(restApiId=api, modelName="Error")
    assert json.loads(error["schema"])["properties"] == {"message": {"type": "string"}}
    no_name = refused(v1.create_model, restApiId=api, name="", contentType="application/json", schema="{}")
    assert no_name == (*BAD_REQUEST, "Model name must be non-empty")
    for content in ["application/json", "application/xml"]:
        nothing = refused(v1.create_model, restApiId=api, name="Pet", contentType=content, schema="")
        assert nothing == (*BAD_REQUEST, "Model schema must have at least 1 property or array items defined")


def test_stages_refuse_in_their_own_words(v1, api):
    """Logs, settings, and what only looks like a path."""
    api, root = api
    where = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    v1.put_method(**where, authorizationType="NONE")
    v1.put_integration(**where, type="MOCK")
    v1.create_deployment(restApiId=api, stageName="s")
    stage = {"restApiId": api, "stageName": "s"}

    def patched(*operations):
        return v1.update_stage(**stage, patchOperations=[one for all in operations for one in all])

    def message(*operations):
        return refused(v1.update_stage, **stage, patchOperations=[one for all in operations for one in all])[2]

    assert message(patch("replace", "/accessLogSettings/x", "y")) == (
        "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, /accessLogSettings/format]"
    )
    log = patched(
        patch("replace", "/accessLogSettings/format", "$context.requestId"),
        patch("replace", "/accessLogSettings/destinationArn", "arn:aws:logs:eu-west-1:1:log-group:a"),
    )
    assert set(log["accessLogSettings"]) == {"format", "destinationArn"}
    for wrong, why in LOG_FORMATS.items():
        assert message(patch("replace", "/accessLogSettings/format", wrong)).startswith(f"Access Log format must {why}")
    for fine in ["$context.extendedRequestId\n", "$context.status of $context.requestId."]:
        patched(patch("replace", "/accessLogSettings/format", fine))
    assert "accessLogSettings" not in patched(patch("remove", "/accessLogSettings"))
    for path in ["/tags", "/documentation_version"]:
        assert message(patch("replace", path, "x")).startswith(f"Invalid method setting path: {path}. Must be one of: [")
    for op in ["move", "test"]:
        assert message(patch(op, "/description", "x")).startswith("Invalid patch operation specified.")
    raw = patched(patch("replace", "/a/b/GET/throttling/burstLimit", "3"))
    encoded = patched(patch("replace", "/a~1b/GET/throttling/rateLimit", "2"))
    assert list(raw["methodSettings"]) == list(encoded["methodSettings"]) == ["a/b/GET"]
    own = encoded["methodSettings"]["a/b/GET"]
    assert (own["throttlingBurstLimit"], own["throttlingRateLimit"]) == (3, 2.0)
    patched(patch("replace", "/*/*/throttling/burstLimit", "9"))
    assert v1.get_stage(**stage)["methodSettings"]["a/b/GET"]["throttlingBurstLimit"] == 3
    assert message(patch("add", "/variables/a-b", "c")).startswith("Invalid stage variable name: a-b.")
    assert message(patch("add", "/variables/a", "{}")).startswith("Invalid stage variable value: {}.")
    missing = message(patch("replace", "/clientCertificateId", "none"))
    assert missing == "Invalid Client Certificate identifier specified"
    assert "clientCertificateId" not in patched(patch("replace", "/clientCertificateId", ""))
    cached = patched(patch("replace", "/cacheClusterEnabled", "true"))
    assert (cached["cacheClusterStatus"], cached["cacheClusterSize"]) == ("AVAILABLE", "0.5")


def test_a_key_is_written_as_it_was_given(v1):
    """Lengths, names that are none, and flags that are no flags."""
    long = refused(v1.create_api_key, value="k" * 129)
    assert long == (*BAD_REQUEST, "API Key value exceeds maximum size of 128 characters")
    name = refused(v1.create_api_key, name="n" * 1025)
    assert name == (*BAD_REQUEST, "Invalid API Key name, can be at most 1024 characters.")
    described = refused(v1.create_api_key, description="d" * 125_001)
    assert described == (*BAD_REQUEST, "Invalid API Key description specified.")
    made = v1.create_api_key(name="", value="", enabled=True)
    assert "name" not in made and len(made["value"]) == 40 and made["enabled"]
    where = {"apiKey": made["id"]}
    described = refused(v1.update_api_key, **where, patchOperations=patch("replace", "/description", "d" * 125_001))
    assert described == (*BAD_REQUEST, "Invalid API Key description specified.")
    assert v1.update_api_key(**where, patchOperations=patch("replace", "/enabled", "maybe"))["enabled"] is False
    assert refused(v1.update_api_key, **where, patchOperations=patch("replace", "/x", "y"))[2] == (
        "Invalid patch path  '/x' specified for op 'replace'. Must be one of: [/description, /enabled, /name, /customerId]"
    )
    assert status(v1.delete_api_key(**where)) == 202


def test_stages_of_plans_are_named_by_api_and_stage(v1, api):
    """And by nothing else."""
    plan = v1.create_usage_plan(name="p")["id"]
    wrong = refused(v1.update_usage_plan, usagePlanId=plan, patchOperations=patch("add", "/apiStages", "x"))
    assert wrong == (*BAD_REQUEST, "Invalid API Stage specified")
    assert "throttle" not in v1.get_usage_plan(usagePlanId=plan)
    assert status(v1.delete_usage_plan(usagePlanId=plan)) == 202


def test_gateway_responses_inherit_from_their_class(v1, api):
    """What is set for all of a class shows in those that are not set, and in no other."""
    where = {"restApiId": api[0]}
    names = [item["responseType"] for item in v1.get_gateway_responses(**where)["items"]]
    assert names == sorted(names) and len(names) == 21
    usual = v1.get_gateway_response(**where, responseType="DEFAULT_5XX")
    assert plain(usual) == {
        "defaultResponse": True,
        "responseParameters": {},
        "responseTemplates": {"application/json": '{"message":$context.error.messageString}'},
        "responseType": "DEFAULT_5XX",
    }
    parameter = {"gatewayresponse.header.x": "'y'"}
    own = v1.put_gateway_response(**where, responseType="AUTHORIZER_FAILURE", responseTemplates={"application/json": "{}"})
    assert status(own) == 201
    v1.put_gateway_response(
        **where,
        responseType="DEFAULT_5XX",
        statusCode="599",
        responseTemplates={"application/xml": "<a/>"},
        responseParameters=parameter,
    )
    derived = v1.get_gateway_response(**where, responseType="INTEGRATION_FAILURE")
    assert (derived["statusCode"], derived["responseParameters"]) == ("599", parameter)
    assert (derived["responseTemplates"], derived["defaultResponse"]) == ({"application/xml": "<a/>"}, True)
    own = v1.get_gateway_response(**where, responseType="AUTHORIZER_FAILURE")
    assert (own["statusCode"], own["responseParameters"]) == ("500", {})

    def message(*operations):
        more = {"responseType": "DEFAULT_5XX", "patchOperations": list(operations)}
        return refused(v1.update_gateway_response, **where, **more)[2]

    assert message({"op": "add"}) == "Invalid patch path null"
    assert message(*patch("remove", "/statusCode")) == "Invalid patch path /statusCode"
    for part in ["responseTemplates", "responseParameters"]:
        assert message(*patch("add", f"/{part}/x", "")) == f"Invalid null or empty value in {part}"
    assert message(*patch("remove", "/responseParameters/none")) == "Invalid parameter name specified"
    changed = v1.update_gateway_response(
        **where, responseType="DEFAULT_5XX", patchOperations=patch("remove", "/responseParameters/gatewayresponse.header.x")
    )
    assert changed["responseParameters"] == {}
    assert status(v1.delete_gateway_response(**where, responseType="DEFAULT_5XX")) == 202


def test_authorizers_know_their_type(v1, api):
    """Tokens are judged by a function of the user's own, pools by themselves."""
    token = v1.create_authorizer(restApiId=api[0], name="t", type="TOKEN", authorizerUri=AUTHORIZER, identitySource="method.request.header.A")
    assert token["authType"] == "custom"
    twice = refused(v1.create_authorizer, restApiId=api[0], name="t", type="TOKEN", authorizerUri=AUTHORIZER)
    assert twice[:2] == BAD_REQUEST
    assert status(v1.delete_authorizer(restApiId=api[0], authorizerId=token["id"])) == 202


# What a patch of a setting is refused for: the call, its path below the setting, values.
REFUSED = {
    "stage": {
        "/*/*/logging/loglevel": ["DEBUG", "info", ""],
        "/*/*/throttling/burstLimit": ["-2", "1.5", "x"],
        "/*/*/throttling/rateLimit": ["-0.5", "-2", "NaN", "inf", "x"],
        "/*/*/caching/ttlInSeconds": ["-1", "3601", "x"],
        "/*/*/caching/unauthorizedCacheControlHeaderStrategy": ["X"],
        "/cacheClusterSize": ["0.7", "x"],
        "/canarySettings/percentTraffic": ["-1", "101", "NaN"],
        "/canarySettings/stageVariableOverrides/a-b": ["x"],
        "/canarySettings/stageVariableOverrides/a": ["{}"],
    },
    "plan": {
        "/throttle/rateLimit": ["-1", "NaN"],
        "/throttle/burstLimit": ["-1", "1.5"],
        "/quota/period": ["YEAR"],
        "/apiStages/<api>:s/throttle/~1a~1GET/rateLimit": ["-1", "NaN", "x"],
        "/apiStages/<api>:s/throttle/~1a~1GET/burstLimit": ["-1", "x"],
    },
    "integration": {
        "/passthroughBehavior": ["SOMETIMES"],
        "/contentHandling": ["X"],
        "/connectionType": ["X"],
        "/httpMethod": ["FOO"],
        "/timeoutInMillis": ["49", "x"],
    },
    "authorizer": {"/type": ["X"], "/authorizerResultTtlInSeconds": ["-1", "3601", "x"], "/name": [""]},
    "api": {"/apiKeySource": ["X"], "/minimumCompressionSize": ["-1", "10485761", "x"], "/name": [""]},
    "response": {
        "/statusCode": ["99", "600", "x"],
        "/responseTemplates/123": ["x"],
        "/responseParameters/nonsense": ["'x'"],
        "/responseParameters/gatewayresponse.header.x": ["nonsense"],
    },
}


def test_a_patch_is_refused_where_its_value_makes_no_sense(v1, api):
    """And changes nothing; what stands for no limit is taken."""
    api, root = api
    where = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    v1.put_method(**where, authorizationType="NONE")
    v1.put_integration(**where, type="HTTP", uri="http://backend.example", integrationHttpMethod="GET")
    v1.create_deployment(restApiId=api, stageName="s")
    plan = v1.create_usage_plan(name="p", apiStages=[{"apiId": api, "stage": "s"}])["id"]
    authorizer = v1.create_authorizer(restApiId=api, name="t", type="TOKEN", authorizerUri=AUTHORIZER)["id"]
    stage = {"restApiId": api, "stageName": "s"}
    calls = {
        "stage": (v1.update_stage, v1.get_stage, stage),
        "plan": (v1.update_usage_plan, v1.get_usage_plan, {"usagePlanId": plan}),
        "integration": (v1.update_integration, v1.get_integration, where),
        "authorizer": (v1.update_authorizer, v1.get_authorizer, {"restApiId": api, "authorizerId": authorizer}),
        "api": (v1.update_rest_api, v1.get_rest_api, {"restApiId": api}),
        "response": (v1.update_gateway_response, v1.get_gateway_response, {"restApiId": api, "responseType": "THROTTLED"}),
    }
    for name, paths in REFUSED.items():
        update, get, known = calls[name]
        before = plain(get(**known))
        for path, values in paths.items():
            op = "add" if path.startswith(("/responseT", "/responseP")) else "replace"
            for value in values:
                wrong = refused(update, **known, patchOperations=patch(op, path.replace("<api>", api), value))
                assert wrong[:2] == BAD_REQUEST, (path, value)
        assert plain(get(**known)) == before
    message = refused(v1.update_stage, **stage, patchOperations=patch("replace", "/*/*/logging/loglevel", "DEBUG"))[2]
    assert message == "Invalid value 'DEBUG' for path /*/*/logging/loglevel. Must be one of: [OFF, ERROR, INFO]"
    for name in ["burstLimit", "rateLimit"]:
        v1.update_stage(**stage, patchOperations=patch("replace", f"/*/*/throttling/{name}", "-1"))
    v1.delete_stage(**stage)
    v1.delete_usage_plan(usagePlanId=plan)
