"""REST APIs through boto3: made, patched, deployed, served, deleted."""

import json

import pytest
from conftest import ACCOUNT, AUTHORIZER, REGION, plain, refused


@pytest.fixture
def api(v1):
    """A fresh REST API: its id and that of its root."""
    made = v1.create_rest_api(name="pets")
    yield made["id"], made["rootResourceId"]
    v1.delete_rest_api(restApiId=made["id"])


def patch(op, path, value=None):
    """One patch operation."""
    operation = {"op": op, "path": path}
    if value is not None:
        operation["value"] = value
    return operation


def put(v1, api, resource, verb="GET", **integration):
    """A method with its integration."""
    where = {"restApiId": api, "resourceId": resource, "httpMethod": verb}
    mapped = (integration.get("requestParameters") or {}).values()
    declared = {name: False for name in mapped if name.startswith("method.request.")}
    v1.put_method(**where, authorizationType="NONE", requestParameters=declared)
    v1.put_integration(**where, **integration)
    return where


def put_mock(v1, api, resource, verb="GET", status="200", body="{}"):
    """A method that always gives the same answer."""
    template = {"application/json": json.dumps({"statusCode": int(status)})}
    where = put(v1, api, resource, verb, type="MOCK", requestTemplates=template)
    v1.put_method_response(**where, statusCode=status)
    v1.put_integration_response(**where, statusCode=status, responseTemplates={"application/json": body})
    return where


def test_an_api_has_awss_defaults(v1):
    made = v1.create_rest_api(name="a", description="d")
    api = made["id"]
    expected = {
        "id": api,
        "name": "a",
        "description": "d",
        "createdDate": made["createdDate"],
        "apiKeySource": "HEADER",
        "disableExecuteApiEndpoint": False,
        "endpointConfiguration": {"types": ["EDGE"], "ipAddressType": "ipv4"},
        "rootResourceId": made["rootResourceId"],
    }
    assert plain(made) == expected
    assert plain(v1.get_rest_api(restApiId=api)) == {**expected, "tags": {}}
    assert v1.delete_rest_api(restApiId=api)["ResponseMetadata"]["HTTPStatusCode"] == 202
    missing = ("NotFoundException", 404, f"Invalid API identifier specified {ACCOUNT}:{api}")
    assert refused(v1.get_rest_api, restApiId=api) == missing


def test_an_api_is_refused_in_awss_words(v1):
    code, status, message = refused(v1.create_rest_api, name="a", endpointConfiguration={"types": ["wrong"]})
    assert (code, status) == ("ValidationException", 400)
    assert message.endswith("[Member must satisfy enum value set: [PRIVATE, EDGE, REGIONAL]]")
    for types, expected in [
        ([], "REGIONAL Configuration and EDGE Configuration cannot be both DISABLED."),
        (["EDGE", "REGIONAL"], "Cannot create an api with multiple Endpoint Types."),
    ]:
        assert refused(v1.create_rest_api, name="a", endpointConfiguration={"types": types})[2] == expected
    assert refused(v1.create_rest_api, name="a", description="")[2] == "Description cannot be an empty string"


def test_an_api_is_patched(v1, api):
    def patched(*operations):
        return v1.update_rest_api(restApiId=api[0], patchOperations=list(operations))

    changed = patched(patch("replace", "/name", "b"), patch("add", "/binaryMediaTypes/image~1png"))
    assert (changed["name"], changed["binaryMediaTypes"]) == ("b", ["image/png"])
    swapped = patched(patch("replace", "/binaryMediaTypes/image~1png", "image/gif"))
    assert swapped["binaryMediaTypes"] == ["image/gif"]
    regional = patched(patch("replace", "/endpointConfiguration/types/EDGE", "REGIONAL"))
    assert regional["endpointConfiguration"] == {"types": ["REGIONAL"], "ipAddressType": "ipv4"}
    assert patched(patch("replace", "/minimumCompressionSize", "10"))["minimumCompressionSize"] == 10
    assert "minimumCompressionSize" not in patched(patch("replace", "/minimumCompressionSize", ""))

    def message(*operations):
        return refused(v1.update_rest_api, restApiId=api[0], patchOperations=list(operations))[2]

    assert message(patch("replace", "/x", "y")) == "Invalid patch path /x"
    assert message(patch("remove", "/name")) == "Invalid patch operation specified. Must be one of: [replace]"
    limits = "Invalid minimum compression size, must be between 0 and 10485760"
    assert message(patch("replace", "/minimumCompressionSize", "x")) == limits
    message(patch("replace", "/description", "not kept"), patch("replace", "/x", "y"))
    assert "description" not in v1.get_rest_api(restApiId=api[0])


def test_resources_are_a_tree(v1, api):
    api, root = api
    pets = v1.create_resource(restApiId=api, parentId=root, pathPart="pets")
    assert plain(pets) == {"id": pets["id"], "parentId": root, "pathPart": "pets", "path": "/pets"}
    one = v1.create_resource(restApiId=api, parentId=pets["id"], pathPart="{id}")
    assert one["path"] == "/pets/{id}"

    def message(parent, part):
        return refused(v1.create_resource, restApiId=api, parentId=parent, pathPart=part)[2]

    assert message(root, "pets") == "Another resource with the same parent already has this name: pets"
    sibling = "A sibling ({id}) of this resource already has a variable path part -- only one is allowed"
    assert message(pets["id"], "{name}") == sibling
    greedy = v1.create_resource(restApiId=api, parentId=root, pathPart="{proxy+}")
    below = "Cannot create a child of a resource with a greedy path variable: {proxy+}"
    assert message(greedy["id"], "a") == below
    assert message("nothing", "a") == "Invalid Resource identifier specified"

    def patched(resource, *operations):
        return v1.update_resource(restApiId=api, resourceId=resource, patchOperations=list(operations))

    assert patched(pets["id"], patch("replace", "/pathPart", "cats"))["path"] == "/cats"
    assert v1.get_resource(restApiId=api, resourceId=one["id"])["path"] == "/cats/{id}"
    for resource, operation, expected in [
        (pets["id"], patch("replace", "/parentId", one["id"]), "Resources cannot be cyclical."),
        (root, patch("replace", "/pathPart", "x"), "Root resource cannot update its pathPart."),
        (
            pets["id"],
            patch("replace", "/x", "y"),
            "Invalid patch path  '/x' specified for op 'replace'. Must be one of: [/parentId, /pathPart]",
        ),
        (
            pets["id"],
            patch("add", "/pathPart", "y"),
            "Invalid patch path  '/pathPart' specified for op 'add'. Please choose supported operations",
        ),
    ]:
        assert refused(v1.update_resource, restApiId=api, resourceId=resource, patchOperations=[operation])[2] == expected
    deleted = v1.delete_resource(restApiId=api, resourceId=pets["id"])
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 202
    paths = sorted(item["path"] for item in v1.get_resources(restApiId=api)["items"])
    assert paths == ["/", "/{proxy+}"]


def test_methods_integrations_and_responses_are_kept(v1, api):
    api, root = api
    where = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    made = v1.put_method(**where, authorizationType="NONE", requestParameters={"method.request.querystring.q": True})
    assert plain(made) == {
        "apiKeyRequired": False,
        "authorizationType": "NONE",
        "httpMethod": "GET",
        "requestParameters": {"method.request.querystring.q": True},
    }
    integration = v1.put_integration(**where, type="MOCK")
    assert plain(integration) == {
        "cacheKeyParameters": [],
        "cacheNamespace": root,
        "passthroughBehavior": "WHEN_NO_MATCH",
        "timeoutInMillis": 29000,
        "type": "MOCK",
    }
    v1.put_method_response(**where, statusCode="200", responseParameters={"method.response.header.a": False})
    v1.put_integration_response(**where, statusCode="200", selectionPattern="")
    method = v1.get_method(**where)
    assert method["methodResponses"]["200"]["statusCode"] == "200"
    assert method["methodIntegration"]["integrationResponses"] == {"200": {"statusCode": "200", "selectionPattern": ""}}
    operations = [patch("replace", "/requestParameters/method.request.querystring.q", "false")]
    changed = v1.update_method(**where, patchOperations=operations)
    assert changed["requestParameters"] == {"method.request.querystring.q": False}
    operations = [patch("replace", "/timeoutInMillis", "1000"), patch("add", "/requestTemplates/text~1x", "t")]
    changed = v1.update_integration(**where, patchOperations=operations)
    assert (changed["timeoutInMillis"], changed["requestTemplates"]) == (1000, {"text/x": "t"})

    def message(call, **more):
        return refused(call, **{**where, **more})[2]

    wrong = message(v1.put_method, authorizationType="NONE", httpMethod="X")
    assert wrong == "Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY"
    assert message(v1.get_method, resourceId="x") == "Invalid Resource identifier specified"
    assert message(v1.get_method, httpMethod="PUT") == "Invalid Method identifier specified"
    assert message(v1.get_method_response, statusCode="404") == "Invalid Response status code specified"
    assert message(v1.put_integration, type="HTTP_PROXY") == "Enumeration value for HttpMethod must be non-empty"
    no_url = message(v1.put_integration, type="HTTP_PROXY", integrationHttpMethod="GET", uri="x")
    assert no_url == "Invalid HTTP endpoint specified for URI"
    pattern = message(v1.put_method_response, statusCode="wrong")
    assert pattern.endswith(r"Member must satisfy regular expression pattern: [1-5]\d\d")
    bad = {"integration.request.header.a": "true"}
    mapping = message(v1.put_integration, type="MOCK", requestParameters=bad)
    assert mapping.endswith("errors : [Invalid mapping expression specified: true]")
    custom = message(v1.put_method, httpMethod="PUT", authorizationType="CUSTOM")
    assert custom.startswith("Invalid authorizer ID specified.")
    assert v1.delete_integration_response(**where, statusCode="200")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert v1.delete_method_response(**where, statusCode="200")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert v1.delete_integration(**where)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert message(v1.get_integration) == "Invalid Integration identifier specified"
    assert v1.delete_method(**where)["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_a_deployment_is_served(gateway, v1, upstream, api):
    api, root = api
    nothing = refused(v1.create_deployment, restApiId=api)
    assert nothing[2] == "The REST API doesn't contain any methods"
    pets = v1.create_resource(restApiId=api, parentId=root, pathPart="pets")["id"]
    one = v1.create_resource(restApiId=api, parentId=pets, pathPart="{id}")["id"]
    put_mock(v1, api, pets, body='{"pets": []}')
    put(
        v1,
        api,
        one,
        "ANY",
        type="HTTP_PROXY",
        integrationHttpMethod="ANY",
        uri=upstream + "/animals/{animal}",
        requestParameters={"integration.request.path.animal": "method.request.path.id"},
    )
    made = v1.create_deployment(restApiId=api, stageName="prod", variables={"a": "b"})
    assert set(plain(made)) == {"id", "createdDate"}
    assert gateway.call_api("GET", api, "/prod/pets")[::2] == (200, '{"pets": []}')
    assert gateway.call_api("GET", api, "/prod/pets/")[0] == 200
    status, _, text = gateway.call_api("DELETE", api, "/prod/pets/7?x=1")
    assert (status, json.loads(text)["method"], json.loads(text)["target"]) == (200, "DELETE", "/animals/7?x=1")
    assert gateway.call("GET", f"/restapis/{api}/prod/_user_request_/pets")[::2] == (200, '{"pets": []}')
    status, headers, text = gateway.call_api("POST", api, "/prod/pets")
    assert (status, text) == (403, '{"message":"Missing Authentication Token"}')
    assert headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
    assert gateway.call_api("GET", api, "/beta/pets")[::2] == (403, '{"message":"Forbidden"}')
    put_mock(v1, api, root, body="root")
    assert gateway.call_api("GET", api, "/prod")[0] == 403
    second = v1.create_deployment(restApiId=api, stageName="prod")
    assert gateway.call_api("GET", api, "/prod")[::2] == (200, "root")
    back = [patch("replace", "/deploymentId", made["id"])]
    v1.update_stage(restApiId=api, stageName="prod", patchOperations=back)
    assert gateway.call_api("GET", api, "/prod")[0] == 403
    in_use = refused(v1.delete_deployment, restApiId=api, deploymentId=made["id"])
    assert in_use[2] == "Active stages pointing to this deployment must be moved or deleted"
    v1.delete_deployment(restApiId=api, deploymentId=second["id"])
    v1.delete_stage(restApiId=api, stageName="prod")
    assert gateway.call_api("GET", api, "/prod/pets")[0] != 200


def test_what_cannot_be_served_is_taken_and_refuses_its_calls(gateway, v1, api):
    api, root = api
    put_mock(v1, api, root)
    balancer = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/net/n/1"
    over = {"connectionType": "VPC_LINK", "connectionId": v1.create_vpc_link(name="nowhere", targetArns=[balancer])["id"]}
    put(v1, api, root, "POST", type="HTTP_PROXY", integrationHttpMethod="POST", uri="http://orders/", **over)
    v1.create_deployment(restApiId=api, stageName="s")
    assert gateway.call_api("GET", api, "/s")[0] == 200
    status, headers, body = gateway.call_api("POST", api, "/s")
    assert (status, headers["Content-Type"]) == (501, "application/json")
    said = json.loads(body)["message"]
    assert "The VPC link nowhere (write `vpc_link" in said and said.endswith("is not served by this version")
    said = [line for line in gateway.said if api in line and "refused" in line]
    assert len(said) == 1 and "POST /" in said[0] and "The VPC link nowhere" in said[0]


def test_a_policy_that_is_none_is_refused(v1, api):
    """In AWS's words, and with what is wrong."""
    api, _ = api
    for policy, what in [
        ("{}", "document: `Statement` is needed"),
        ('{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}', "Statement[0]: a resource policy needs a `Principal`"),
    ]:
        change = patch("replace", "/policy", policy)
        code, status, said = refused(v1.update_rest_api, restApiId=api, patchOperations=[change])
        assert (code, status) == ("BadRequestException", 400)
        assert said == (
            "Invalid policy document. Please check the policy syntax and ensure that Principals are valid. "
            f"({what})"
        )


def test_a_method_whose_callers_cannot_be_checked_is_closed(gateway, v1, api):
    """No pool of users can be asked yet."""
    api, root = api
    put_mock(v1, api, root)
    pool = f"arn:aws:cognito-idp:{REGION}:{ACCOUNT}:userpool/p"
    authorizer = v1.create_authorizer(restApiId=api, name="a", type="COGNITO_USER_POOLS", providerARNs=[pool],
                                      identitySource="method.request.header.Authorization")["id"]
    v1.update_method(
        restApiId=api,
        resourceId=root,
        httpMethod="GET",
        patchOperations=[
            patch("replace", "/authorizationType", "COGNITO_USER_POOLS"),
            patch("replace", "/authorizerId", authorizer),
        ],
    )
    v1.create_deployment(restApiId=api, stageName="s")
    assert gateway.call_api("GET", api, "/s")[0] == 500


def test_stages_are_patched(gateway, v1, api):
    api, root = api
    put_mock(v1, api, root)
    deployment = v1.create_deployment(restApiId=api)["id"]
    made = v1.create_stage(restApiId=api, stageName="s", deploymentId=deployment)
    assert plain(made) == {
        "cacheClusterEnabled": False,
        "cacheClusterStatus": "NOT_AVAILABLE",
        "createdDate": made["createdDate"],
        "deploymentId": deployment,
        "lastUpdatedDate": made["lastUpdatedDate"],
        "methodSettings": {},
        "stageName": "s",
        "tracingEnabled": False,
    }

    def patched(*operations):
        return v1.update_stage(restApiId=api, stageName="s", patchOperations=list(operations))

    def message(*operations):
        return refused(v1.update_stage, restApiId=api, stageName="s", patchOperations=list(operations))[2]

    assert patched(patch("add", "/variables/a", "b"))["variables"] == {"a": "b"}
    changed = patched(patch("replace", "/*/*/caching/enabled", "true"))
    assert changed["methodSettings"]["*/*"] == {
        "cacheDataEncrypted": False,
        "cacheTtlInSeconds": 300,
        "cachingEnabled": True,
        "dataTraceEnabled": False,
        "metricsEnabled": False,
        "requireAuthorizationForCacheControl": True,
        "throttlingBurstLimit": 5000,
        "throttlingRateLimit": 10000.0,
        "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
    }
    changed = patched(patch("replace", "/~1test/GET/throttling/burstLimit", "7"))
    own = changed["methodSettings"]["test/GET"]
    assert (own["cachingEnabled"], own["throttlingBurstLimit"]) == (True, 7)
    assert gateway.call_api("GET", api, "/s")[0] == 200
    patched(patch("replace", "/~1/GET/throttling/burstLimit", "0"))
    assert gateway.call_api("GET", api, "/s")[0] == 429
    patched(patch("remove", "/~1/GET"))
    assert gateway.call_api("GET", api, "/s")[0] == 200
    patched(patch("remove", "/*/*"))
    unset = "Cannot remove method setting */* because there is no method setting for this method "
    assert message(patch("remove", "/*/*")) == unset
    assert message(patch("replace", "/accessLogSettings/format", "")) == "Access Log value must not be empty"
    assert message(patch("replace", "/x", "y")).startswith("Invalid method setting path: /x. Must be one of: [/deploymentId,")
    assert message(patch("replace", "/deploymentId", "none")) == "Deployment id does not exist"


def test_models_and_validators_are_kept(v1, api):
    api, root = api
    names = sorted(item["name"] for item in v1.get_models(restApiId=api)["items"])
    assert names == ["Empty", "Error"]
    v1.create_model(restApiId=api, name="Pet", contentType="application/json", schema='{"type": "object"}')
    twice = refused(v1.create_model, restApiId=api, name="Pet", contentType="application/json", schema="{}")
    assert twice[1:] == (409, "Model name already exists for this REST API")
    v1.put_method(
        restApiId=api,
        resourceId=root,
        httpMethod="ANY",
        authorizationType="NONE",
        requestModels={"application/json": "Pet"},
    )
    used = refused(v1.delete_model, restApiId=api, modelName="Pet")
    assert used[1:] == (409, "Cannot delete model 'Pet', is referenced in method request: //ANY")
    assert refused(v1.get_model, restApiId=api, modelName="None")[2] == "Invalid model name specified: None"
    validator = v1.create_request_validator(restApiId=api, name="v", validateRequestBody=True)
    assert validator["validateRequestParameters"] is False
    where = {"restApiId": api, "requestValidatorId": validator["id"]}
    assert v1.update_request_validator(**where, patchOperations=[patch("replace", "/validateRequestBody")])[
        "validateRequestBody"
    ] is False
    blank = refused(v1.update_request_validator, **where, patchOperations=[patch("replace", "/name", "")])
    assert blank[2] == "Request Validator name cannot be blank"
    v1.delete_request_validator(**where)
    assert refused(v1.get_request_validator, **where)[2] == "Invalid Request Validator identifier specified"


def test_gateway_responses_have_defaults(v1, api):
    api, _ = api
    all_types = v1.get_gateway_responses(restApiId=api)["items"]
    assert len(all_types) == 21 and all(item["defaultResponse"] for item in all_types)
    made = v1.put_gateway_response(
        restApiId=api, responseType="MISSING_AUTHENTICATION_TOKEN", responseTemplates={"application/json": "{}"}
    )
    assert (made["statusCode"], made["defaultResponse"]) == ("403", False)
    v1.put_gateway_response(restApiId=api, responseType="DEFAULT_5XX", statusCode="599")
    derived = v1.get_gateway_response(restApiId=api, responseType="INTEGRATION_TIMEOUT")
    assert (derived["statusCode"], derived["defaultResponse"]) == ("599", True)
    v1.delete_gateway_response(restApiId=api, responseType="DEFAULT_5XX")
    missing = refused(v1.delete_gateway_response, restApiId=api, responseType="DEFAULT_5XX")
    assert missing[1:] == (404, "Gateway response type not defined on api")


def test_keys_and_plans_are_kept(v1, api):
    api, root = api
    key = v1.create_api_key(name="k")
    assert (key["enabled"], key["stageKeys"], len(key["value"])) == (False, [], 40)
    assert "value" not in v1.get_api_key(apiKey=key["id"])
    assert v1.get_api_key(apiKey=key["id"], includeValue=True)["value"] == key["value"]
    short = refused(v1.create_api_key, value="short")
    assert short[2] == "API Key value should be at least 20 characters"
    enabled = [patch("replace", "/enabled", "true")]
    assert v1.update_api_key(apiKey=key["id"], patchOperations=enabled)["enabled"] is True
    put_mock(v1, api, root)
    v1.create_deployment(restApiId=api, stageName="s")
    plan = v1.create_usage_plan(name="p", throttle={"rateLimit": 200, "burstLimit": 5}, quota={"limit": 1, "period": "DAY"})
    assert (plan["apiStages"], plan["throttle"]["rateLimit"], plan["quota"]["offset"]) == ([], 200.0, 0)
    where = {"usagePlanId": plan["id"]}
    changed = v1.update_usage_plan(**where, patchOperations=[patch("add", "/apiStages", f"{api}:s")])
    assert changed["apiStages"] == [{"apiId": api, "stage": "s"}]
    unknown = refused(v1.update_usage_plan, **where, patchOperations=[patch("add", "/apiStages", f"{api}:x")])
    assert unknown[1:] == (404, f"Invalid API Stage {{api: {api}, stage: x}} specified for usageplan {plan['id']}")
    v1.create_usage_plan_key(**where, keyId=key["id"], keyType="API_KEY")
    assert [item["id"] for item in v1.get_usage_plan_keys(**where)["items"]] == [key["id"]]
    assert [item["id"] for item in v1.get_usage_plans(keyId=key["id"])["items"]] == [plan["id"]]
    v1.delete_usage_plan_key(**where, keyId=key["id"])
    v1.update_usage_plan(**where, patchOperations=[patch("remove", "/apiStages", f"{api}:s")])
    v1.delete_usage_plan(**where)
    assert refused(v1.get_usage_plan, **where)[2] == "Invalid Usage Plan ID specified"
    v1.delete_api_key(apiKey=key["id"])


def test_an_account_has_its_role(gateway):
    v1 = gateway.client("apigateway", region="eu-north-1")
    account = v1.get_account()
    assert account["throttleSettings"] == {"burstLimit": 5000, "rateLimit": 10000.0}
    role = "arn:aws:iam::111111111111:role/logs"
    v1.update_account(patchOperations=[patch("replace", "/cloudwatchRoleArn", role)])
    assert v1.get_account()["cloudwatchRoleArn"] == role
    wrong = refused(v1.update_account, patchOperations=[patch("replace", "/x", "y")])
    assert wrong[2] == "Invalid patch path /x"


def test_authorizers_are_kept(v1, api):
    api, _ = api
    made = v1.create_authorizer(
        restApiId=api, name="a", type="TOKEN", authorizerUri=AUTHORIZER, identitySource="method.request.header.Auth"
    )
    assert made["authType"] == "custom"
    where = {"restApiId": api, "authorizerId": made["id"]}
    v1.update_authorizer(**where, patchOperations=[patch("replace", "/authorizerResultTtlInSeconds", "7")])
    assert v1.get_authorizer(**where)["authorizerResultTtlInSeconds"] == 7
    v1.delete_authorizer(**where)
    conflict = refused(v1.create_authorizer, restApiId="none", name="a", type="TOKEN")
    assert conflict[:2] == ("ConflictException", 409)


def test_lists_come_in_pages(v1, api):
    api, root = api
    made = {v1.create_resource(restApiId=api, parentId=root, pathPart=f"p{index}")["id"] for index in range(4)}
    pages = v1.get_paginator("get_resources").paginate(restApiId=api, PaginationConfig={"PageSize": 2})
    seen = [item["id"] for page in pages for item in page["items"]]
    assert len(seen) == 5 and set(seen) == made | {root}


def test_responses_models_and_deployments_are_patched(v1, api):
    api, root = api
    where = {**put_mock(v1, api, root), "statusCode": "200"}
    template = [patch("add", "/responseTemplates/text~1plain", "t"), patch("replace", "/selectionPattern", "2..")]
    v1.update_integration_response(**where, patchOperations=template)
    assert v1.get_integration_response(**where)["responseTemplates"]["text/plain"] == "t"
    parameter = "/responseParameters/method.response.header.a"
    changed = v1.update_method_response(**where, patchOperations=[patch("add", parameter, "true")])
    assert changed["responseParameters"] == {"method.response.header.a": True}
    v1.update_method_response(**where, patchOperations=[patch("remove", parameter)])
    gone = refused(v1.update_method_response, **where, patchOperations=[patch("remove", parameter)])
    assert gone[1:] == (404, "Invalid parameter name specified")
    v1.update_model(restApiId=api, modelName="Empty", patchOperations=[patch("replace", "/description", "d")])
    assert v1.get_model(restApiId=api, modelName="Empty")["description"] == "d"
    listed = refused(v1.update_model, restApiId=api, modelName="Empty", patchOperations=[patch("replace", "/x", "d")])
    assert listed[2] == (
        "Invalid patch path  '/x' specified for op 'replace'. Must be one of: [/description, /schema]"
    )
    deployment = {"restApiId": api, "deploymentId": v1.create_deployment(restApiId=api)["id"]}
    v1.update_deployment(**deployment, patchOperations=[patch("replace", "/description", "d")])
    assert v1.get_deployment(**deployment)["description"] == "d"
    assert [item["id"] for item in v1.get_deployments(restApiId=api)["items"]] == [deployment["deploymentId"]]
    answer = {"restApiId": api, "responseType": "THROTTLED"}
    changed = v1.update_gateway_response(**answer, patchOperations=[patch("replace", "/statusCode", "420")])
    assert (changed["statusCode"], changed["defaultResponse"]) == ("420", False)
    wrong = refused(v1.update_gateway_response, **answer, patchOperations=[patch("add", "/statusCode", "420")])
    assert wrong[2] == "Invalid patch path /statusCode"


def test_all_lists_and_tags_are_there(v1, api):
    api, _ = api
    assert api in [item["id"] for item in v1.get_rest_apis(limit=500)["items"]]
    assert v1.get_authorizers(restApiId=api)["items"] == []
    assert v1.get_request_validators(restApiId=api)["items"] == []
    key = v1.create_api_key(name="listed-key")["id"]
    assert [item["id"] for item in v1.get_api_keys(nameQuery="listed")["items"]] == [key]
    assert v1.get_api_keys(nameQuery="key")["items"] == []
    assert len(v1.get_api_keys(nameQuery="listed", includeValues=True)["items"][0]["value"]) == 40
    v1.delete_api_key(apiKey=key)
    arn = f"arn:aws:apigateway:eu-west-1::/restapis/{api}"
    assert v1.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})["ResponseMetadata"]["HTTPStatusCode"] == 204
    v1.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert v1.get_tags(resourceArn=arn)["tags"] == {"b": "2"}
