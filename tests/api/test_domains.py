"""Custom domain names and their mappings through both services of boto3."""

import pytest
from conftest import ACCOUNT, REGION, plain, refused

MISSING_V1 = ("NotFoundException", 404, "Invalid domain name identifier specified")
MISSING_V2 = ("NotFoundException", 404, "The domain name resource specified in the request was not found.")


@pytest.fixture
def domain(v1):
    """The name of a fresh regional domain."""
    name = "api.example.com"
    v1.create_domain_name(domainName=name, endpointConfiguration={"types": ["REGIONAL"]})
    yield name
    v1.delete_domain_name(domainName=name)


@pytest.fixture
def rest(v1):
    """The id of a deployed REST API with a stage `prod`."""
    api = v1.create_rest_api(name="pets")
    resource = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    v1.put_method(**resource, authorizationType="NONE")
    v1.put_integration(**resource, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    v1.put_method_response(**resource, statusCode="200")
    v1.put_integration_response(**resource, statusCode="200")
    v1.create_deployment(restApiId=api["id"], stageName="prod")
    yield api["id"]
    v1.delete_rest_api(restApiId=api["id"])


@pytest.fixture
def http(v2):
    """The id of an HTTP API with a stage `$default`."""
    api = v2.create_api(Name="pets", ProtocolType="HTTP")["ApiId"]
    v2.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    yield api
    v2.delete_api(ApiId=api)


def test_a_regional_domain_is_available_at_once(v1, v2):
    arn = "arn:aws:acm:eu-west-1:111111111111:certificate/a"
    made = v1.create_domain_name(
        domainName="Shop.Example.com",
        regionalCertificateArn=arn,
        endpointConfiguration={"types": ["REGIONAL"]},
        tags={"a": "b"},
    )
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    name = made["regionalDomainName"]
    assert name.startswith("d-") and name.endswith(f".execute-api.{REGION}.amazonaws.com")
    expected = {
        "domainName": "shop.example.com",
        "domainNameArn": f"arn:aws:apigateway:{REGION}::/domainnames/shop.example.com",
        "domainNameStatus": "AVAILABLE",
        "endpointConfiguration": {"types": ["REGIONAL"], "ipAddressType": "ipv4"},
        "regionalCertificateArn": arn,
        "regionalDomainName": name,
        "regionalHostedZoneId": "ZLY8HYME6SFDD",
        "routingMode": "BASE_PATH_MAPPING_ONLY",
        "securityPolicy": "TLS_1_2",
        "tags": {"a": "b"},
    }
    assert plain(made) == expected
    assert plain(v1.get_domain_name(domainName="shop.example.com")) == expected
    assert expected in v1.get_domain_names()["items"]
    shown = plain(v2.get_domain_name(DomainName="shop.example.com"))
    assert shown == {
        "ApiMappingSelectionExpression": "$request.basepath",
        "DomainName": "shop.example.com",
        "DomainNameArn": expected["domainNameArn"],
        "DomainNameConfigurations": [
            {
                "ApiGatewayDomainName": name,
                "CertificateArn": arn,
                "DomainNameStatus": "AVAILABLE",
                "EndpointType": "REGIONAL",
                "HostedZoneId": "ZLY8HYME6SFDD",
                "IpAddressType": "ipv4",
                "SecurityPolicy": "TLS_1_2",
            }
        ],
        "RoutingMode": "API_MAPPING_ONLY",
        "Tags": {"a": "b"},
    }
    again = ("ConflictException", 409, "The domain name you provided already exists.")
    assert refused(v1.create_domain_name, domainName="shop.example.com") == again
    again = ("ConflictException", 409, "The domain name resource already exists.")
    assert refused(v2.create_domain_name, DomainName="shop.example.com") == again
    deleted = v1.delete_domain_name(domainName="shop.example.com")
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 202
    for call in (v1.get_domain_name, v1.delete_domain_name, v1.get_base_path_mappings):
        assert refused(call, domainName="shop.example.com") == MISSING_V1
    for call in (v2.get_domain_name, v2.delete_domain_name, v2.get_api_mappings, v2.list_routing_rules):
        assert refused(call, DomainName="shop.example.com") == MISSING_V2


def test_a_domain_becomes_regional_and_back(v1, truststore):
    made = v1.create_domain_name(domainName="edge.example.com", certificateArn="arn:aws:acm:us-east-1:1:certificate/e")
    assert made["distributionDomainName"].endswith(".cloudfront.net")
    assert made["distributionHostedZoneId"] == "Z2FDTNDATAQYW2"
    assert made["endpointConfiguration"] == {"types": ["EDGE"], "ipAddressType": "ipv4"}
    assert made["certificateUploadDate"]
    patches = [
        {"op": "replace", "path": "/endpointConfiguration/types/0", "value": "REGIONAL"},
        {"op": "replace", "path": "/regionalCertificateArn", "value": "arn:aws:acm:eu-west-1:1:certificate/r"},
        {"op": "replace", "path": "/mutualTlsAuthentication/truststoreUri", "value": truststore},
        {"op": "replace", "path": "/routingMode", "value": "ROUTING_RULE_ONLY"},
    ]
    changed = v1.update_domain_name(domainName="edge.example.com", patchOperations=patches)
    assert changed["endpointConfiguration"]["types"] == ["REGIONAL"]
    assert "distributionDomainName" not in changed and changed["regionalDomainName"]
    assert changed["mutualTlsAuthentication"] == {"truststoreUri": truststore}
    patches = [
        {"op": "replace", "path": "/mutualTlsAuthentication/truststoreUri", "value": ""},
        {"op": "replace", "path": "/endpointConfiguration/types/REGIONAL", "value": "EDGE"},
    ]
    changed = v1.update_domain_name(domainName="edge.example.com", patchOperations=patches)
    assert "mutualTlsAuthentication" not in changed and "regionalDomainName" not in changed
    wrong = [{"op": "replace", "path": "/nothing", "value": "a"}]
    refusal = refused(v1.update_domain_name, domainName="edge.example.com", patchOperations=wrong)
    assert refusal == ("BadRequestException", 400, "Invalid patch path /nothing")
    wrong = [{"op": "replace", "path": "/routingMode", "value": "a"}]
    refusal = refused(v1.update_domain_name, domainName="edge.example.com", patchOperations=wrong)
    assert refusal[2].startswith("Invalid routingMode specified")
    v1.delete_domain_name(domainName="edge.example.com")


def test_the_second_service_changes_what_the_first_shows(v1, v2, truststore):
    made = v2.create_domain_name(
        DomainName="v2.example.com",
        DomainNameConfigurations=[
            {"CertificateArn": "arn:aws:acm:eu-west-1:1:certificate/a", "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2"}
        ],
        MutualTlsAuthentication={"TruststoreUri": truststore, "TruststoreVersion": "1"},
        RoutingMode="ROUTING_RULE_THEN_API_MAPPING",
        Tags={"a": "b"},
    )
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert made["DomainNameConfigurations"][0]["DomainNameStatus"] == "AVAILABLE"
    shown = v1.get_domain_name(domainName="v2.example.com")
    assert shown["routingMode"] == "ROUTING_RULE_THEN_BASE_PATH_MAPPING"
    assert shown["mutualTlsAuthentication"] == {"truststoreUri": truststore, "truststoreVersion": "1"}
    changed = v2.update_domain_name(
        DomainName="v2.example.com",
        DomainNameConfigurations=[{"CertificateArn": "arn:aws:acm:eu-west-1:1:certificate/b"}],
        MutualTlsAuthentication={"TruststoreUri": ""},
    )
    assert changed["DomainNameConfigurations"][0]["CertificateArn"].endswith("/b")
    assert "MutualTlsAuthentication" not in changed
    assert changed["RoutingMode"] == "ROUTING_RULE_THEN_API_MAPPING"
    v2.tag_resource(ResourceArn=made["DomainNameArn"], Tags={"c": "d"})
    assert v1.get_tags(resourceArn=made["DomainNameArn"])["tags"] == {"a": "b", "c": "d"}
    assert v2.delete_domain_name(DomainName="v2.example.com")["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_domain_names_come_in_pages(gateway):
    v1, v2 = (gateway.client(service, region="ap-south-1") for service in ("apigateway", "apigatewayv2"))
    names = [f"p{index}.example.org" for index in range(5)]
    for name in names:
        v1.create_domain_name(domainName=name)
    pages = v1.get_paginator("get_domain_names").paginate(PaginationConfig={"PageSize": 2})
    assert [item["domainName"] for page in pages for item in page["items"]] == names
    first = v2.get_domain_names(MaxResults="2")
    second = v2.get_domain_names(MaxResults="2", NextToken=first["NextToken"])
    assert [item["DomainName"] for item in first["Items"] + second["Items"]] == names[:4]
    for name in names:
        v1.delete_domain_name(domainName=name)


def test_base_paths_are_mapped_and_moved(v1, v2, domain, rest):
    made = v1.create_base_path_mapping(domainName=domain, restApiId=rest, stage="prod")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert plain(made) == {"basePath": "(none)", "restApiId": rest, "stage": "prod"}
    assert plain(v1.get_base_path_mapping(domainName=domain, basePath="(none)")) == plain(made)
    v1.create_base_path_mapping(domainName=domain, basePath="v1", restApiId=rest)
    both = v1.get_base_path_mappings(domainName=domain)["items"]
    assert sorted(item["basePath"] for item in both) == ["(none)", "v1"]
    shown = v2.get_api_mappings(DomainName=domain)["Items"]
    assert sorted(item["ApiMappingKey"] for item in shown) == ["", "v1"]
    create = v1.create_base_path_mapping
    expected = ("ConflictException", 409, "Base path already exists for this domain name")
    assert refused(create, domainName=domain, basePath="v1", restApiId=rest) == expected
    assert refused(create, domainName=domain, restApiId=rest)[:2] == ("ConflictException", 409)
    expected = ("BadRequestException", 400, "Invalid REST API identifier specified")
    assert refused(create, domainName=domain, basePath="x", restApiId="nothing") == expected
    expected = ("BadRequestException", 400, "Invalid stage identifier specified")
    assert refused(create, domainName=domain, basePath="x", restApiId=rest, stage="dev") == expected
    assert "multi-level" in refused(create, domainName=domain, basePath="a/b", restApiId=rest)[2]
    patches = [
        {"op": "replace", "path": "/basePath", "value": "v2"},
        {"op": "replace", "path": "/stage", "value": "prod"},
    ]
    moved = v1.update_base_path_mapping(domainName=domain, basePath="v1", patchOperations=patches)
    assert plain(moved) == {"basePath": "v2", "restApiId": rest, "stage": "prod"}
    missing = ("NotFoundException", 404, "Invalid base path mapping identifier specified")
    assert refused(v1.get_base_path_mapping, domainName=domain, basePath="v1") == missing
    refusal = refused(v1.delete_rest_api, restApiId=rest)
    assert refusal[:2] == ("BadRequestException", 400) and refusal[2].endswith(f"in your domains: {domain}.")
    for path in ("v2", "(none)"):
        deleted = v1.delete_base_path_mapping(domainName=domain, basePath=path)
        assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 202


def test_api_mappings_have_keys_of_several_levels(v2, domain, http):
    made = v2.create_api_mapping(DomainName=domain, ApiId=http, Stage="$default", ApiMappingKey="shop/v1")
    mapping = made["ApiMappingId"]
    expected = {"ApiId": http, "ApiMappingId": mapping, "ApiMappingKey": "shop/v1", "Stage": "$default"}
    assert plain(made) == expected
    assert plain(v2.get_api_mapping(DomainName=domain, ApiMappingId=mapping)) == expected
    create = v2.create_api_mapping
    again = refused(create, DomainName=domain, ApiId=http, Stage="$default", ApiMappingKey="shop/v1")
    assert again == ("ConflictException", 409, "ApiMapping key already exists for this domain name")
    missing = refused(create, DomainName=domain, ApiId="nothing", Stage="a")
    assert missing[:2] == ("NotFoundException", 404)
    assert missing[2].startswith("Invalid API identifier specified The resource")
    assert refused(create, DomainName=domain, ApiId=http, Stage="a")[0] == "NotFoundException"
    for key in ("/a", "a//b", "a b"):
        refusal = refused(create, DomainName=domain, ApiId=http, Stage="$default", ApiMappingKey=key)
        assert refusal[:2] == ("BadRequestException", 400), key
    changed = v2.update_api_mapping(DomainName=domain, ApiMappingId=mapping, ApiId=http, ApiMappingKey="")
    assert (changed["ApiMappingKey"], changed["Stage"]) == ("", "$default")
    refusal = refused(v2.delete_api, ApiId=http)
    assert refusal[2].startswith(f"Deleting API {http} failed.")
    v2.delete_api_mapping(DomainName=domain, ApiMappingId=mapping)
    assert refused(v2.get_api_mapping, DomainName=domain, ApiMappingId=mapping)[0] == "NotFoundException"


def test_routing_rules_have_a_priority_of_their_own(v2, domain, rest, http):
    action = {"InvokeApi": {"ApiId": rest, "Stage": "prod"}}
    conditions = [
        {"MatchHeaders": {"AnyOf": [{"Header": "X-Version", "ValueGlob": "beta*"}]}},
        {"MatchBasePaths": {"AnyOf": ["users"]}},
    ]
    made = v2.create_routing_rule(DomainName=domain, Actions=[action], Conditions=conditions, Priority=50)
    rule = made["RoutingRuleId"]
    expected = {
        "Actions": [{"InvokeApi": {"ApiId": rest, "Stage": "prod", "StripBasePath": False}}],
        "Conditions": conditions,
        "Priority": 50,
        "RoutingRuleArn": f"arn:aws:apigateway:{REGION}:{ACCOUNT}:/domainnames/{domain}/routingrules/{rule}",
        "RoutingRuleId": rule,
    }
    assert plain(made) == expected
    assert plain(v2.get_routing_rule(DomainName=domain, RoutingRuleId=rule)) == expected
    assert v2.list_routing_rules(DomainName=domain)["RoutingRules"] == [expected]
    create = v2.create_routing_rule
    assert refused(create, DomainName=domain, Actions=[action], Conditions=[], Priority=50)[:2] == ("ConflictException", 409)
    other = {"InvokeApi": {"ApiId": http, "Stage": "$default"}}
    refusal = refused(create, DomainName=domain, Actions=[other], Conditions=[], Priority=1)
    assert refusal == ("BadRequestException", 400, "Routing rules only lead to REST APIs")
    assert refused(create, DomainName=domain, Actions=[action, action], Conditions=[], Priority=1)[1] == 400
    put = v2.put_routing_rule(DomainName=domain, RoutingRuleId=rule, Actions=[action], Conditions=[], Priority=60)
    assert (put["Priority"], put["Conditions"]) == (60, [])
    v2.delete_routing_rule(DomainName=domain, RoutingRuleId=rule)
    assert refused(v2.get_routing_rule, DomainName=domain, RoutingRuleId=rule)[0] == "NotFoundException"
    assert v2.list_routing_rules(DomainName=domain)["RoutingRules"] == []


def test_private_domain_names_are_shared_with_endpoints(v1, v2):
    made = v1.create_domain_name(domainName="in.example.com", endpointConfiguration={"types": ["PRIVATE"]})
    identity = made["domainNameId"]
    arn = f"arn:aws:apigateway:{REGION}:{ACCOUNT}:/domainnames/in.example.com+{identity}"
    assert made["domainNameArn"] == arn
    assert made["endpointConfiguration"] == {"types": ["PRIVATE"], "ipAddressType": "dualstack"}
    assert refused(v1.get_domain_name, domainName="in.example.com") == MISSING_V1
    assert v1.get_domain_name(domainName="in.example.com", domainNameId=identity)["domainNameArn"] == arn
    assert all(item["DomainName"] != "in.example.com" for item in v2.get_domain_names()["Items"])
    source = {"accessAssociationSourceType": "VPCE", "accessAssociationSource": "vpce-1"}
    joined = v1.create_domain_name_access_association(domainNameArn=arn, **source, tags={"a": "b"})
    own = joined["domainNameAccessAssociationArn"]
    assert own.endswith(f"/domainname/in.example.com+{identity}/vpcesource/vpce-1")
    assert v1.get_domain_name_access_associations()["items"] == [plain(joined)]
    assert v1.get_tags(resourceArn=own)["tags"] == {"a": "b"}
    assert refused(v1.create_domain_name_access_association, domainNameArn=arn, **source)[1] == 409
    v1.delete_domain_name_access_association(domainNameAccessAssociationArn=own)
    assert refused(v1.delete_domain_name_access_association, domainNameAccessAssociationArn=own)[1] == 404
    v1.create_domain_name_access_association(domainNameArn=arn, **source)
    v1.reject_domain_name_access_association(domainNameAccessAssociationArn=own, domainNameArn=arn)
    assert v1.get_domain_name_access_associations()["items"] == []
    v1.delete_domain_name(domainName="in.example.com", domainNameId=identity)
