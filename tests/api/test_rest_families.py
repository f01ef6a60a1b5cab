"""Families of REST APIs beside resources and stages: documentation, keys from files, templates, usage,
caches, clones, canaries, and how long deployments stay."""

import concurrent.futures
import datetime
import json

import pytest
from conftest import ACCOUNT, AUTHORIZER, REGION, Gateway, plain, refused


@pytest.fixture
def api(v1):
    """A fresh REST API with one method: its id and that of its root."""
    made = v1.create_rest_api(name="families")
    yield made["id"], made["rootResourceId"]
    v1.delete_rest_api(restApiId=made["id"])


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """The clients of a gateway on which AWS's quotas hold."""
    gateway = Gateway(tmp_path_factory.mktemp("strict"), 'mode = "strict"')
    yield gateway.client("apigateway"), gateway.client("apigatewayv2")
    gateway.stop()


def patch(op, path, value=None, source=None):
    """A list with one patch operation."""
    operation = {"op": op, "path": path}
    if value is not None:
        operation["value"] = value
    if source is not None:
        operation["from"] = source
    return [operation]


def put_mock(v1, api, resource, verb="GET", body="{}"):
    """A method that answers by itself."""
    where = {"restApiId": api, "resourceId": resource, "httpMethod": verb}
    v1.put_method(**where, authorizationType="NONE")
    v1.put_integration(**where, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    v1.put_method_response(**where, statusCode="200")
    v1.put_integration_response(**where, statusCode="200", responseTemplates={"application/json": body})
    return where


def status(answer):
    """The status of an answer."""
    return answer["ResponseMetadata"]["HTTPStatusCode"]


def test_documentation_parts_are_kept(v1, api):
    """Made once for each place, found by what they are about, changed and deleted."""
    api, root = api
    location = {"type": "METHOD", "path": "/", "method": "GET"}
    made = v1.create_documentation_part(restApiId=api, location=location, properties='{"summary": "s"}')
    assert status(made) == 201
    expected = {"id": made["id"], "location": location, "properties": '{"summary": "s"}'}
    assert plain(made) == expected
    where = {"restApiId": api, "documentationPartId": made["id"]}
    assert plain(v1.get_documentation_part(**where)) == expected
    model = {"type": "MODEL", "name": "Empty"}
    # As Terraform writes it.
    v1.create_documentation_part(restApiId=api, location={**model, "path": "", "statusCode": ""}, properties="{}")

    def found(**more):
        parts = v1.get_documentation_parts(restApiId=api, **more)["items"]
        return sorted(part["location"]["type"] for part in parts)

    assert found() == ["METHOD", "MODEL"]
    assert found(type="MODEL") == found(nameQuery="Empty") == ["MODEL"]
    assert found(path="/") == found(locationStatus="DOCUMENTED", type="METHOD") == ["METHOD"]
    put_mock(v1, api, root, "POST")
    assert found(locationStatus="UNDOCUMENTED") == ["API", "METHOD", "MODEL", "RESOURCE", "RESPONSE"]
    changed = v1.update_documentation_part(**where, patchOperations=patch("replace", "/properties", '{"a": 1}'))
    assert changed["properties"] == '{"a": 1}'

    def message(call, **more):
        return refused(call, **more)[1:]

    assert message(v1.create_documentation_part, restApiId=api, location=location, properties="{}")[0] == 409
    for patched, expected in [
        (patch("replace", "/properties", ""), "Documentation part properties must be non-empty"),
        (
            patch("replace", "/x", "y"),
            "Invalid patch path  '/x' specified for op 'replace'. Must be one of: [/properties]",
        ),
        (
            patch("add", "/properties", "{}"),
            "Invalid patch path  '/properties' specified for op 'add'. Please choose supported operations",
        ),
    ]:
        assert message(v1.update_documentation_part, **where, patchOperations=patched) == (400, expected)
    for location in [{"type": "API", "path": "/"}, {"type": "MODEL"}]:
        wrong = message(v1.create_documentation_part, restApiId=api, location=location, properties="{}")
        assert wrong[0] == 400
    assert status(v1.delete_documentation_part(**where)) == 202
    missing = "Invalid Documentation part identifier specified"
    assert message(v1.delete_documentation_part, **where) == (404, missing)


def test_documentation_versions_are_kept(v1, api):
    """A stage shows the version that it is given, and holds it."""
    api, root = api
    put_mock(v1, api, root)
    v1.create_deployment(restApiId=api, stageName="s")
    v1.create_documentation_part(restApiId=api, location={"type": "API"}, properties="{}")
    where = {"restApiId": api, "documentationVersion": "1.0"}
    made = v1.create_documentation_version(**where, stageName="s", description="first")
    assert plain(made) == {"version": "1.0", "createdDate": made["createdDate"], "description": "first"}
    assert v1.get_stage(restApiId=api, stageName="s")["documentationVersion"] == "1.0"
    assert refused(v1.create_documentation_version, **where)[1] == 409
    changed = v1.update_documentation_version(**where, patchOperations=patch("replace", "/description", "second"))
    assert changed["description"] == v1.get_documentation_version(**where)["description"] == "second"
    assert [item["version"] for item in v1.get_documentation_versions(restApiId=api)["items"]] == ["1.0"]
    assert refused(v1.delete_documentation_version, **where)[1] == 409
    stage = {"restApiId": api, "stageName": "s"}
    wrong = refused(v1.update_stage, **stage, patchOperations=patch("replace", "/documentationVersion", "2"))
    assert wrong[1] == 404
    v1.update_stage(**stage, patchOperations=patch("remove", "/documentationVersion"))
    assert status(v1.delete_documentation_version(**where)) == 202
    assert refused(v1.get_documentation_version, **where)[1] == 404


def test_keys_come_from_files(v1):
    """Columns in any order and case, keys that are there already, plans, and warnings."""
    plan = v1.create_usage_plan(name="imported")["id"]
    other = v1.create_usage_plan(name="imported-too")["id"]
    one, two = "key-one-" + "1" * 20, "key-two-" + "2" * 20
    rows = ["KEY,name,Extra,description,ENABLED,usageplanids"]
    rows += [f'{one},first,x,"an, imported ""key""",,"{plan}, {other}"', f"{two},second,,,FALSE,", "short,third,,,,"]
    made = v1.import_api_keys(body="\r\n".join(rows).encode(), format="csv")
    assert status(made) == 201
    assert made["warnings"] == ["Key 3: API Key value should be at least 20 characters"]
    first, second = [v1.get_api_key(apiKey=key, includeValue=True) for key in made["ids"]]
    assert (first["value"], first["name"], first["enabled"]) == (one, "first", True)
    assert first["description"] == 'an, imported "key"'
    assert (second["value"], second["enabled"], "description" in second) == (two, False, False)
    for id in [plan, other]:
        assert [key["id"] for key in v1.get_usage_plan_keys(usagePlanId=id)["items"]] == [first["id"]]
    again = v1.import_api_keys(body=f"Name,Key\nrenamed,{one}\n".encode(), format="csv")
    assert again["ids"] == [first["id"]]
    assert v1.get_api_key(apiKey=first["id"])["name"] == "renamed"
    three = "key-three-" + "3" * 20
    body = f"Name,Key,UsagePlanIds\nx,{three},none\n".encode()
    failed = refused(v1.import_api_keys, body=body, format="csv", failOnWarnings=True)
    assert failed[:2] == ("BadRequestException", 400) and "none" in failed[2]
    assert v1.get_api_keys(nameQuery="x")["items"] == []
    kept = v1.import_api_keys(body=body, format="csv")
    assert len(kept["ids"]) == len(kept["warnings"]) == 1
    for body in [b"", b"Name\nx\n", b'Name,Key\n"x', b"\xff"]:
        assert refused(v1.import_api_keys, body=body, format="csv")[:2] == ("BadRequestException", 400)
    for key in [*made["ids"], *kept["ids"]]:
        v1.delete_api_key(apiKey=key)
    for id in [plan, other]:
        v1.delete_usage_plan(usagePlanId=id)


def test_a_template_is_made_from_a_model(v1, api):
    """Every member in its place; lists become loops; other models are looked into."""
    api, _ = api
    link = f"https://apigateway.amazonaws.com/restapis/{api}/models/"
    pet = {"type": "object", "properties": {"name": {"type": "string"}, "age-in-years": {"type": "integer"}}}
    shop = {
        "type": "object",
        "properties": {
            "open": {"type": "boolean"},
            "pets": {"type": "array", "items": {"$ref": link + "Pet"}},
            "tags": {"type": "array", "items": {"type": "string"}},
            "itself": {"$ref": link + "Shop"},
        },
    }
    shallow = {**shop, "properties": {key: shop["properties"][key] for key in ["open", "pets", "tags"]}}
    for name, schema in [("Pet", pet), ("Shop", shallow), ("Loop", {"$ref": link + "Loop"}), ("Deep", shop)]:
        v1.create_model(restApiId=api, name=name, contentType="application/json", schema=json.dumps(schema))
    assert v1.get_model_template(restApiId=api, modelName="Shop")["value"] == (
        "#set($inputRoot = $input.path('$'))\n"
        "{\n"
        '  "open" : $inputRoot.open,\n'
        '  "pets" : [\n'
        "#foreach($elem in $inputRoot.pets)\n"
        "    {\n"
        '      "name" : "$elem.name",\n'
        "      \"age-in-years\" : $elem['age-in-years']\n"
        "    }#if($foreach.hasNext),#end\n"
        "\n"
        "#end\n"
        "  ],\n"
        '  "tags" : [\n'
        "#foreach($elem2 in $inputRoot.tags)\n"
        '    "$elem2"#if($foreach.hasNext),#end\n'
        "\n"
        "#end\n"
        "  ]\n"
        "}"
    )
    empty = v1.get_model_template(restApiId=api, modelName="Empty")["value"]
    assert empty == "#set($inputRoot = $input.path('$'))\n{ }"
    assert v1.get_model_template(restApiId=api, modelName="Loop")["value"].endswith("null")
    missing = refused(v1.get_model_template, restApiId=api, modelName="None")
    assert missing[1:] == (404, "Invalid model name specified: None")
    flat = json.loads(v1.get_model(restApiId=api, modelName="Deep", flatten=True)["schema"])
    assert flat["properties"]["pets"]["items"] == {"$ref": "#/definitions/Pet"}
    assert set(flat["definitions"]) == {"Pet", "Shop"} and flat["definitions"]["Pet"] == pet


def test_usage_is_told_by_day_and_extended(v1):
    """Each key of a plan by its id, a pair of numbers a day."""
    plan = v1.create_usage_plan(name="used", quota={"limit": 10, "period": "DAY"})["id"]
    keys = sorted(v1.create_api_key(name="used")["id"] for _ in range(3))
    for key in keys:
        v1.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    today = datetime.datetime.now(datetime.timezone.utc).date()
    days = {"usagePlanId": plan, "startDate": str(today - datetime.timedelta(days=1)), "endDate": str(today)}
    whole = v1.get_usage(**days)
    assert plain(whole) == {**days, "items": {key: [[0, 10], [0, 10]] for key in keys}}
    one = v1.get_usage(**days, keyId=keys[1])
    assert list(one["items"]) == [keys[1]]
    pages = v1.get_paginator("get_usage").paginate(**days, PaginationConfig={"PageSize": 2})
    seen = [list(page["items"]) for page in pages]
    assert [len(page) for page in seen] == [2, 1] and sorted(sum(seen, [])) == keys
    where = {"usagePlanId": plan, "keyId": keys[0]}
    more = v1.update_usage(**where, patchOperations=patch("replace", "/remaining", "25"))
    assert plain(more) == {"usagePlanId": plan, "startDate": str(today), "endDate": str(today), "items": {keys[0]: [[0, 25]]}}
    assert v1.get_usage(**days, keyId=keys[0])["items"][keys[0]] == [[0, 10], [0, 25]]
    less = v1.update_usage(**where, patchOperations=patch("replace", "/remaining", "3"))
    assert less["items"] == {keys[0]: [[0, 3]]}
    for value in ["-1", "x"]:
        assert refused(v1.update_usage, **where, patchOperations=patch("replace", "/remaining", value))[1] == 400
    assert "Must be one of" in refused(v1.update_usage, **where, patchOperations=patch("replace", "/x", "1"))[2]
    for wrong in [{"startDate": "yesterday"}, {"endDate": "2020-01-01"}, {"startDate": "2020-02-30"}]:
        assert refused(v1.get_usage, **{**days, **wrong})[1] == 400
    assert refused(v1.get_usage, **{**days, "usagePlanId": "none"})[2] == "Invalid Usage Plan ID specified"
    for key in keys:
        v1.delete_api_key(apiKey=key)
    v1.delete_usage_plan(usagePlanId=plan)


def test_caches_are_flushed(v1, v2, api):
    """Of both services, where the stage is there."""
    api, root = api
    put_mock(v1, api, root)
    v1.create_deployment(restApiId=api, stageName="s")
    for call in [v1.flush_stage_cache, v1.flush_stage_authorizers_cache]:
        assert status(call(restApiId=api, stageName="s")) == 202
        assert refused(call, restApiId=api, stageName="x")[2] == "Invalid stage identifier specified"
    http = v2.create_api(Name="flushed", ProtocolType="HTTP")["ApiId"]
    v2.create_stage(ApiId=http, StageName="s")
    assert status(v2.reset_authorizers_cache(ApiId=http, StageName="s")) == 204
    assert refused(v2.reset_authorizers_cache, ApiId=http, StageName="x")[1] == 404
    v2.delete_api(ApiId=http)


def test_an_api_is_cloned(gateway, v1, api):
    """All but its stages, under new ids that fit each other."""
    source, root = api
    v1.update_rest_api(restApiId=source, patchOperations=patch("add", "/binaryMediaTypes/image~1png"))
    pets = v1.create_resource(restApiId=source, parentId=root, pathPart="pets")["id"]
    where = put_mock(v1, source, pets, body="cloned")
    validator = v1.create_request_validator(restApiId=source, name="v")["id"]
    authorizer = v1.create_authorizer(restApiId=source, name="a", type="TOKEN", authorizerUri=AUTHORIZER, identitySource="method.request.header.A")["id"]
    v1.put_method(restApiId=source, resourceId=root, httpMethod="PUT", authorizationType="CUSTOM", authorizerId=authorizer, requestValidatorId=validator)
    v1.put_gateway_response(restApiId=source, responseType="THROTTLED", statusCode="420")
    link = f"https://apigateway.amazonaws.com/restapis/{source}/models/Empty"
    v1.create_model(restApiId=source, name="Own", contentType="application/json", schema=json.dumps({"$ref": link}))
    made = v1.create_rest_api(name="clone", cloneFrom=source)
    clone = made["id"]
    assert (made["name"], made["binaryMediaTypes"]) == ("clone", ["image/png"])
    resources = {item["path"]: item for item in v1.get_resources(restApiId=clone, embed=["methods"])["items"]}
    assert set(resources) == {"/", "/pets"}
    assert resources["/"]["id"] == made["rootResourceId"] == resources["/pets"]["parentId"]
    assert not {root, pets} & {item["id"] for item in resources.values()}
    put_method = resources["/"]["resourceMethods"]["PUT"]
    assert v1.get_authorizer(restApiId=clone, authorizerId=put_method["authorizerId"])["name"] == "a"
    assert v1.get_request_validator(restApiId=clone, requestValidatorId=put_method["requestValidatorId"])["name"] == "v"
    assert put_method["authorizerId"] != authorizer
    own = json.loads(v1.get_model(restApiId=clone, modelName="Own")["schema"])
    assert own == {"$ref": link.replace(source, clone)}
    assert v1.get_gateway_response(restApiId=clone, responseType="THROTTLED")["statusCode"] == "420"
    integration = resources["/pets"]["resourceMethods"]["GET"]["methodIntegration"]
    assert integration["cacheNamespace"] == resources["/pets"]["id"]
    assert v1.get_stages(restApiId=clone)["item"] == []
    v1.delete_method(restApiId=clone, resourceId=made["rootResourceId"], httpMethod="PUT")
    v1.delete_method(**where)
    v1.create_deployment(restApiId=clone, stageName="s")
    assert gateway.call_api("GET", clone, "/s/pets")[::2] == (200, "cloned")
    missing = refused(v1.create_rest_api, name="x", cloneFrom="none")
    assert missing == ("NotFoundException", 404, f"Invalid API identifier specified {ACCOUNT}:none")
    v1.delete_rest_api(restApiId=clone)


def test_a_canary_is_made_changed_promoted_and_removed(v1, api):
    """By a deployment or by patches of the stage."""
    api, root = api
    put_mock(v1, api, root)
    stage = {"restApiId": api, "stageName": "s"}
    base = v1.create_deployment(**stage, variables={"a": "1", "b": "2"})["id"]

    def patched(*operations):
        return v1.update_stage(**stage, patchOperations=[one for all in operations for one in all])

    def message(*operations):
        return refused(v1.update_stage, **stage, patchOperations=[one for all in operations for one in all])[2]

    copy = patch("copy", "/deploymentId", source="/canarySettings/deploymentId")
    copy_variables = patch("copy", "/variables", source="/canarySettings/stageVariableOverrides")
    assert message(copy) == "Promotion not available. Canary does not exist."
    begun = patched(patch("replace", "/canarySettings/percentTraffic", "12.5"))
    assert begun["canarySettings"] == {"deploymentId": base, "percentTraffic": 12.5, "useStageCache": False}
    assert "canarySettings" not in patched(patch("remove", "/canarySettings"))
    second = v1.create_deployment(restApiId=api)["id"]
    begun = patched(patch("replace", "/canarySettings/deploymentId", second))
    assert begun["canarySettings"] == {"deploymentId": second, "percentTraffic": 0.0, "useStageCache": False}
    in_use = refused(v1.delete_deployment, restApiId=api, deploymentId=second)
    assert in_use[2] == "Active stages pointing to this deployment must be moved or deleted"
    third = v1.create_deployment(
        **stage, canarySettings={"percentTraffic": 50, "stageVariableOverrides": {"b": "3"}, "useStageCache": True}
    )["id"]
    shown = v1.get_stage(**stage)
    assert (shown["deploymentId"], shown["variables"]) == (base, {"a": "1", "b": "2"})
    assert shown["canarySettings"] == {
        "deploymentId": third,
        "percentTraffic": 50.0,
        "stageVariableOverrides": {"b": "3"},
        "useStageCache": True,
    }
    overrides = patched(
        patch("replace", "/canarySettings/stageVariableOverrides/c", "4"),
        patch("replace", "/canarySettings/useStageCache", "false"),
    )["canarySettings"]
    assert (overrides["stageVariableOverrides"], overrides["useStageCache"]) == ({"b": "3", "c": "4"}, False)
    wrong = message(patch("copy", "/description", source="/canarySettings/deploymentId"))
    assert wrong == (
        "Invalid copy operation with path: /description and from /canarySettings/deploymentId. Valid copy:path are "
        "[/deploymentId, /variables] and valid copy:from are [/canarySettings/deploymentId, "
        "/canarySettings/stageVariableOverrides]"
    )
    for percent in ["101", "-1", "NaN", "x"]:
        assert "percentTraffic" in message(patch("replace", "/canarySettings/percentTraffic", percent))
    assert message(patch("replace", "/canarySettings/deploymentId", "none")) == "Deployment id does not exist"
    promoted = patched(copy, copy_variables, patch("remove", "/canarySettings"))
    assert (promoted["deploymentId"], promoted["variables"]) == (third, {"a": "1", "b": "3", "c": "4"})
    assert "canarySettings" not in promoted
    patched(patch("replace", "/canarySettings/percentTraffic", "1"))
    v1.create_deployment(**stage)
    assert "canarySettings" not in v1.get_stage(**stage)
    made = v1.create_stage(restApiId=api, stageName="t", deploymentId=base, canarySettings={"deploymentId": third, "percentTraffic": 1})
    assert made["canarySettings"] == {"deploymentId": third, "percentTraffic": 1.0, "useStageCache": False}


def test_the_last_fifty_deployments_of_a_stage_stay(gateway, v1, api):
    """Any of them is one patch away; those that no stage ever had are nobody's to delete."""
    api, root = api
    where = put_mock(v1, api, root)
    loose = v1.create_deployment(restApiId=api)["id"]
    made = []
    for number in range(53):
        v1.put_integration_response(**where, statusCode="200", responseTemplates={"application/json": str(number)})
        made.append(v1.create_deployment(restApiId=api, stageName="s")["id"])
        if number == 1:
            v1.create_stage(restApiId=api, stageName="other", deploymentId=made[1])
    kept = {item["id"] for item in v1.get_deployments(restApiId=api, limit=500)["items"]}
    assert kept == {loose, made[1], *made[3:]}
    assert gateway.call_api("GET", api, "/s")[2] == "52"
    v1.update_stage(restApiId=api, stageName="s", patchOperations=patch("replace", "/deploymentId", made[3]))
    assert gateway.call_api("GET", api, "/s")[2] == "3"
    summary = v1.get_deployment(restApiId=api, deploymentId=made[3], embed=["apisummary"])["apiSummary"]
    assert summary == {"/": {"GET": {"authorizationType": "NONE", "apiKeyRequired": False}}}


def test_stages_of_a_plan_have_throttles_by_method(v1, api):
    """A stage is in one plan of a key; it leaves all plans when it is deleted."""
    api, root = api
    put_mock(v1, api, root)
    v1.create_deployment(restApiId=api, stageName="s")
    key = v1.create_api_key(name="k")["id"]
    stage = f"{api}:s"
    plan = v1.create_usage_plan(name="p", apiStages=[{"apiId": api, "stage": "s"}])["id"]
    v1.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    other = v1.create_usage_plan(name="q")["id"]
    v1.create_usage_plan_key(usagePlanId=other, keyId=key, keyType="API_KEY")
    clash = refused(v1.update_usage_plan, usagePlanId=other, patchOperations=patch("add", "/apiStages", stage))
    assert clash[:2] == ("ConflictException", 409) and "multiple Usage Plans with the same API stage" in clash[2]

    def patched(*operations):
        all = [one for several in operations for one in several]
        return v1.update_usage_plan(usagePlanId=plan, patchOperations=all)["apiStages"][0].get("throttle")

    path = f"/apiStages/{stage}/throttle"
    both = patched(
        patch("replace", f"{path}//a/b/GET/rateLimit", "2"), patch("add", f"{path}/~1a~1b~1GET/burstLimit", "3")
    )
    assert both == {"/a/b/GET": {"rateLimit": 2.0, "burstLimit": 3}}
    assert patched(patch("replace", f"{path}//x/PUT/rateLimit", "1"))["/x/PUT"] == {"rateLimit": 1.0}
    assert set(patched(patch("remove", f"{path}//x/PUT"))) == {"/a/b/GET"}
    assert patched(patch("remove", path)) is None
    limits = v1.update_usage_plan(
        usagePlanId=plan,
        patchOperations=patch("replace", "/quota/limit", "5") + patch("replace", "/quota/period", "WEEK"),
    )
    assert limits["quota"] == {"limit": 5, "period": "WEEK", "offset": 0}
    incomplete = refused(v1.update_usage_plan, usagePlanId=other, patchOperations=patch("add", "/quota/limit", "5"))
    assert incomplete[1] == 400
    v1.delete_stage(restApiId=api, stageName="s")
    assert v1.get_usage_plan(usagePlanId=plan)["apiStages"] == []
    v1.delete_api_key(apiKey=key)
    for id in [plan, other]:
        v1.delete_usage_plan(usagePlanId=id)


def test_an_account_is_patched(gateway):
    """Its role has to be one; features come and go."""
    v1 = gateway.client("apigateway", region="eu-south-1")
    role = f"arn:aws:iam::{ACCOUNT}:role/logs"
    account = v1.update_account(patchOperations=patch("replace", "/cloudwatchRoleArn", role))
    assert (account["cloudwatchRoleArn"], account["features"]) == (role, ["UsagePlans"])
    wrong = refused(v1.update_account, patchOperations=patch("replace", "/cloudwatchRoleArn", "x"))
    assert wrong[2] == "Invalid ARN specified in the request"
    gone = v1.update_account(patchOperations=patch("replace", "/cloudwatchRoleArn", ""))
    assert "cloudwatchRoleArn" not in gone


def test_tags_belong_to_all_that_has_an_arn(v1, api):
    """Set at the start or later, read by ARN, checked."""
    api, root = api
    put_mock(v1, api, root)
    deployment = v1.create_deployment(restApiId=api)["id"]
    v1.create_stage(restApiId=api, stageName="s", deploymentId=deployment, tags={"a": "1"})
    key = v1.create_api_key(name="tagged", tags={"a": "1"})["id"]
    plan = v1.create_usage_plan(name="tagged", tags={"a": "1"})["id"]
    for path in [f"restapis/{api}/stages/s", f"apikeys/{key}", f"usageplans/{plan}"]:
        arn = f"arn:aws:apigateway:{REGION}::/{path}"
        assert v1.get_tags(resourceArn=arn)["tags"] == {"a": "1"}
        v1.tag_resource(resourceArn=arn, tags={"b": "2"})
        v1.untag_resource(resourceArn=arn, tagKeys=["a"])
        assert v1.get_tags(resourceArn=arn)["tags"] == {"b": "2"}
        for tags in [{"aws:x": "y"}, {"k" * 129: "v"}, {"k": "v" * 257}]:
            assert refused(v1.tag_resource, resourceArn=arn, tags=tags)[1] == 400
    assert v1.get_stage(restApiId=api, stageName="s")["tags"] == {"b": "2"}
    assert refused(v1.create_api_key, name="x", tags={"aws:x": "y"})[1] == 400
    v1.delete_api_key(apiKey=key)
    v1.delete_usage_plan(usagePlanId=plan)


def test_quotas_hold_only_where_they_are_asked_for(v1, strict, api):
    """Numbers, sizes and times, and AWS's words for them."""
    strict, strict_v2 = strict
    made = strict.create_rest_api(name="full")
    where, root = {"restApiId": made["id"]}, made["rootResourceId"]
    for number in range(10):
        strict.create_authorizer(**where, name=f"a{number}", type="TOKEN", authorizerUri=AUTHORIZER, identitySource="method.request.header.A")
    code, found, message = refused(strict.create_authorizer, **where, name="b", type="TOKEN", authorizerUri=AUTHORIZER)
    assert (code, found) == ("LimitExceededException", 429)
    assert message == (
        "Maximum number of Authorizers for this API has been reached.  Please contact AWS if you need additional "
        "Authorizers."
    )
    for number in range(299):
        strict.create_resource(**where, parentId=root, pathPart=f"r{number}")
    full = refused(strict.create_resource, **where, parentId=root, pathPart="more")
    assert full[2].startswith("Maximum number of Resources for this API has been reached.  Please")
    policy = patch("replace", "/policy", json.dumps({"Sid": "x" * 8192}))
    assert refused(strict.update_rest_api, **where, patchOperations=policy)[1] == 400
    method = {"resourceId": root, "httpMethod": "GET"}
    strict.put_method(**where, **method, authorizationType="NONE")
    slow = refused(strict.put_integration, **where, **method, type="MOCK", timeoutInMillis=29001)
    assert slow[2] == "Timeout should be between 50 ms and 29000 ms"
    template = {"application/json": "x" * (300 * 1024 + 1)}
    large = refused(strict.put_integration, **where, **method, type="MOCK", requestTemplates=template)
    assert large[1] == 400
    http = {"ApiId": strict_v2.create_api(Name="full", ProtocolType="HTTP")["ApiId"]}
    for number in range(10):
        strict_v2.create_stage(**http, StageName=f"s{number}")
    full = refused(strict_v2.create_stage, **http, StageName="more")
    assert full[2].startswith("Maximum number of Stages for this API has been reached.  Please")
    for number in range(20):
        strict.create_vpc_link(name=f"l{number}", targetArns=[f"arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/net/l/{number}"])
    full = refused(strict.create_vpc_link, name="more", targetArns=["arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/net/l/x"])
    assert full[:2] == ("LimitExceededException", 429)
    api, root = api
    v1.put_method(restApiId=api, **{**method, "resourceId": root}, authorizationType="NONE")
    free = v1.put_integration(
        restApiId=api, **{**method, "resourceId": root}, type="MOCK", timeoutInMillis=60000, requestTemplates=template
    )
    assert free["timeoutInMillis"] == 60000


def test_changes_never_interleave_and_are_read_at_once(gateway):
    """Many clients at a time: every name is taken once, every change is in the next answer."""
    v1 = gateway.client("apigateway", region="ap-south-1")
    made = v1.create_rest_api(name="busy")
    api, root = made["id"], made["rootResourceId"]

    def take(number):
        """Makes, changes and reads what is its own, and fights for what is not."""
        client = gateway.client("apigateway", region="ap-south-1")
        try:
            shared = client.create_resource(restApiId=api, parentId=root, pathPart=f"shared{number % 5}")["id"]
        except client.exceptions.ConflictException:
            shared = None
        own = client.create_resource(restApiId=api, parentId=root, pathPart=f"own{number}")["id"]
        for step in range(5):
            name = f"own{number}-{step}"
            client.update_resource(restApiId=api, resourceId=own, patchOperations=patch("replace", "/pathPart", name))
            assert client.get_resource(restApiId=api, resourceId=own)["path"] == f"/{name}"
            assert any(item["path"] == f"/{name}" for item in client.get_resources(restApiId=api, limit=500)["items"])
            variable = f"/binaryMediaTypes/a~1n{number}s{step}"
            changed = client.update_rest_api(restApiId=api, patchOperations=patch("add", variable))
            assert f"a/n{number}s{step}" in changed["binaryMediaTypes"]
        return shared

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        winners = [shared for shared in pool.map(take, range(16)) if shared]
    assert len(winners) == 5
    # No change was lost to one that had read before it.
    assert len(v1.get_rest_api(restApiId=api)["binaryMediaTypes"]) == 16 * 5
    paths = [item["path"] for item in v1.get_resources(restApiId=api, limit=500)["items"]]
    assert len(paths) == len(set(paths)) == 1 + 5 + 16
    v1.delete_rest_api(restApiId=api)
