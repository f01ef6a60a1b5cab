"""Portals, their products and pages: kept and checked as AWS does, with their states."""

import json

import pytest
from conftest import ACCOUNT, REGION, plain, refused

COLORS = {
    f"{name}Color": "#102030"
    for name in ("Accent", "Background", "ErrorValidation", "Header", "Navigation", "Text")
}
CONTENT = {"DisplayName": "Pets", "Description": "All of them", "Theme": {"CustomColors": COLORS}}
CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/12345678-1234-1234-1234-123456789012"
POOL = {
    "AppClientId": "client",
    "UserPoolArn": f"arn:aws:cognito-idp:{REGION}:{ACCOUNT}:userpool/{REGION}_abcdefghi",
    "UserPoolDomain": "https://pets.auth.eu-west-1.amazoncognito.com",
}


@pytest.fixture
def portal(v2):
    """A portal with nothing in it."""
    made = v2.create_portal(Authorization={"None": {}}, EndpointConfiguration={"None": {}}, PortalContent=CONTENT)
    yield made["PortalId"]
    if v2.get_portal(PortalId=made["PortalId"]).get("PublishStatus") == "PUBLISHED":
        v2.disable_portal(PortalId=made["PortalId"])
    v2.delete_portal(PortalId=made["PortalId"])


@pytest.fixture
def product(v2):
    """A product with nothing in it."""
    made = v2.create_portal_product(DisplayName="Dogs")
    yield made["PortalProductId"]
    for item in v2.list_portal_products()["Items"]:
        if item["PortalProductId"] == made["PortalProductId"]:
            v2.delete_portal_product(PortalProductId=made["PortalProductId"])


@pytest.fixture(scope="module")
def rest(v1):
    """A REST API with `GET /dogs` deployed to `prod`."""
    api = v1.create_rest_api(name="dogs")["id"]
    root = v1.get_resources(restApiId=api)["items"][0]["id"]
    dogs = v1.create_resource(restApiId=api, parentId=root, pathPart="dogs")["id"]
    v1.put_method(restApiId=api, resourceId=dogs, httpMethod="GET", authorizationType="NONE")
    v1.put_integration(restApiId=api, resourceId=dogs, httpMethod="GET", type="MOCK")
    v1.create_deployment(restApiId=api, stageName="prod")
    yield api
    v1.delete_rest_api(restApiId=api)


def test_a_portal_is_made_shown_changed_and_deleted(v2):
    """All members come back as they were given."""
    made = plain(v2.create_portal(
        Authorization={"CognitoConfig": POOL},
        EndpointConfiguration={"AcmManaged": {"CertificateArn": CERTIFICATE, "DomainName": "pets.example.com"}},
        PortalContent=CONTENT, RumAppMonitorName="rum", Tags={"a": "b"},
    ))
    portal = made["PortalId"]
    assert len(portal) == 10
    assert made["PortalArn"] == f"arn:aws:apigateway:{REGION}:{ACCOUNT}:/portals/{portal}"
    assert made["Authorization"] == {"CognitoConfig": POOL}
    assert made["EndpointConfiguration"]["DomainName"] == "pets.example.com"
    assert made["EndpointConfiguration"]["CertificateArn"] == CERTIFICATE
    assert portal in made["EndpointConfiguration"]["PortalDefaultDomainName"]
    assert made["IncludedPortalProductArns"] == [] and made["Tags"] == {"a": "b"}
    assert plain(v2.get_portal(PortalId=portal)) == made
    assert made in v2.list_portals()["Items"]
    changed = plain(v2.update_portal(
        PortalId=portal, Authorization={"None": {}}, EndpointConfiguration={"None": {}},
        PortalContent={**CONTENT, "DisplayName": "Cats"},
    ))
    assert changed["Authorization"] == {"None": {}} and changed["PortalContent"]["DisplayName"] == "Cats"
    assert "DomainName" not in changed["EndpointConfiguration"]
    assert changed["RumAppMonitorName"] == "rum"
    v2.tag_resource(ResourceArn=made["PortalArn"], Tags={"c": "d"})
    assert v2.get_tags(ResourceArn=made["PortalArn"])["Tags"] == {"a": "b", "c": "d"}
    v2.delete_portal(PortalId=portal)
    for call in (v2.get_portal, v2.update_portal, v2.publish_portal, v2.disable_portal, v2.preview_portal):
        code, status, message = refused(call, PortalId=portal)
        assert (code, status) == ("NotFoundException", 404) and portal in message


def test_a_portal_is_published_previewed_and_disabled(v2, portal, product):
    """States follow the operations; a published portal is not deleted."""
    arn = v2.get_portal_product(PortalProductId=product)["PortalProductArn"]
    v2.update_portal(PortalId=portal, IncludedPortalProductArns=[arn])
    assert "PublishStatus" not in v2.get_portal(PortalId=portal)
    assert refused(v2.disable_portal, PortalId=portal)[:2] == ("ConflictException", 409)
    assert v2.preview_portal(PortalId=portal)["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert v2.get_portal(PortalId=portal)["Preview"] == {"PreviewStatus": "PREVIEW_READY"}
    assert v2.publish_portal(PortalId=portal, Description="first")["ResponseMetadata"]["HTTPStatusCode"] == 202
    shown = v2.get_portal(PortalId=portal)
    assert (shown["PublishStatus"], shown["LastPublishedDescription"]) == ("PUBLISHED", "first")
    assert shown["LastPublished"]
    assert refused(v2.delete_portal, PortalId=portal)[:2] == ("BadRequestException", 400)
    v2.disable_portal(PortalId=portal)
    assert v2.get_portal(PortalId=portal)["PublishStatus"] == "DISABLED"
    v2.delete_portal_product(PortalProductId=product)
    code, _, message = refused(v2.publish_portal, PortalId=portal)
    assert code == "BadRequestException" and arn in message


def test_portals_with_mistakes_are_refused(v2, portal, product):
    """One way in, real ARNs, each domain once, products once."""
    good = {"Authorization": {"None": {}}, "EndpointConfiguration": {"None": {}}, "PortalContent": CONTENT}
    managed = {"AcmManaged": {"CertificateArn": CERTIFICATE, "DomainName": "taken.example.com"}}
    arn = v2.get_portal_product(PortalProductId=product)["PortalProductArn"]
    for wrong in (
        {"Authorization": {}},
        {"Authorization": {"None": {}, "CognitoConfig": POOL}},
        {"Authorization": {"CognitoConfig": {**POOL, "UserPoolArn": f"arn:aws:iam::{ACCOUNT}:user/somebody"}}},
        {"EndpointConfiguration": {}},
        {"EndpointConfiguration": {"AcmManaged": {**managed["AcmManaged"], "CertificateArn": "arn:aws:s3:::bucket"}}},
        {"IncludedPortalProductArns": [arn, arn]},
        {"IncludedPortalProductArns": [arn + "x"]},
        {"IncludedPortalProductArns": [arn.replace(ACCOUNT, "999999999999")]},
    ):
        assert refused(v2.create_portal, **{**good, **wrong})[:2] == ("BadRequestException", 400), wrong
    first = v2.create_portal(**{**good, "EndpointConfiguration": managed})["PortalId"]
    assert refused(v2.create_portal, **{**good, "EndpointConfiguration": managed})[0] == "BadRequestException"
    assert refused(v2.update_portal, PortalId=portal, EndpointConfiguration=managed)[0] == "ConflictException"
    v2.update_portal(PortalId=first, EndpointConfiguration=managed)
    v2.delete_portal(PortalId=first)


def test_a_product_has_pages_in_its_order(v2):
    """Pages are made, shown, ordered, changed and taken out of the order when they go."""
    made = plain(v2.create_portal_product(DisplayName="Dogs", Description="All dogs", Tags={"a": "b"}))
    product, arn = made["PortalProductId"], made["PortalProductArn"]
    assert arn == f"arn:aws:apigateway:{REGION}:{ACCOUNT}:/portalproducts/{product}"
    assert (made["Description"], made["Tags"]) == ("All dogs", {"a": "b"})
    summary = [item for item in v2.list_portal_products()["Items"] if item["PortalProductId"] == product]
    assert summary == [made] and v2.list_portal_products(ResourceOwner="OTHER_ACCOUNTS")["Items"] == []
    pages = [
        plain(v2.create_product_page(PortalProductId=product, DisplayContent={"Title": title, "Body": "# " + title}))
        for title in ("Hello", "Terms")
    ]
    arns = [page["ProductPageArn"] for page in pages]
    assert arns[0] == f"{arn}/productpages/{pages[0]['ProductPageId']}"
    listed = v2.list_product_pages(PortalProductId=product)["Items"]
    assert sorted(item["PageTitle"] for item in listed) == ["Hello", "Terms"]
    assert "DisplayContent" not in listed[0]
    order = {"OverviewPageArn": arns[0], "ProductPageArns": [arns[1]], "Contents": []}
    changed = v2.update_portal_product(PortalProductId=product, DisplayName="Puppies", DisplayOrder=order)
    assert (changed["DisplayName"], changed["Description"], changed["DisplayOrder"]) == ("Puppies", "All dogs", order)
    for wrong in (
        {"ProductPageArns": [arns[0], arns[0]]},
        {"ProductPageArns": [arn + "/productpages/none000000"]},
        {"Contents": [{"SectionName": "s", "ProductRestEndpointPageArns": [arns[0]]}]},
    ):
        assert refused(v2.update_portal_product, PortalProductId=product, DisplayOrder=wrong)[0] == "BadRequestException"
    page = {"PortalProductId": product, "ProductPageId": pages[0]["ProductPageId"]}
    v2.update_product_page(**page, DisplayContent={"Title": "Welcome", "Body": "x"})
    assert v2.get_product_page(**page)["DisplayContent"] == {"Title": "Welcome", "Body": "x"}
    v2.delete_product_page(**page)
    assert refused(v2.get_product_page, **page)[0] == "NotFoundException"
    order = v2.get_portal_product(PortalProductId=product)["DisplayOrder"]
    assert order == {"ProductPageArns": [arns[1]], "Contents": []}
    v2.delete_portal_product(PortalProductId=product)
    assert refused(v2.list_product_pages, PortalProductId=product)[0] == "NotFoundException"
    assert refused(v2.get_portal_product, PortalProductId=product)[0] == "NotFoundException"


def test_pages_of_rest_endpoints_are_of_what_is_deployed(v2, product, rest):
    """The endpoint has to be there; what is shown of it can be written over."""
    parts = {"RestApiId": rest, "Stage": "prod", "Path": "/dogs", "Method": "GET"}
    made = plain(v2.create_product_rest_endpoint_page(
        PortalProductId=product, RestEndpointIdentifier={"IdentifierParts": parts}, TryItState="DISABLED",
    ))
    usual = f"https://{rest}.execute-api.{REGION}.amazonaws.com/prod"
    assert made["DisplayContent"] == {"Endpoint": usual}
    assert (made["Status"], made["TryItState"]) == ("AVAILABLE", "DISABLED")
    page = {"PortalProductId": product, "ProductRestEndpointPageId": made["ProductRestEndpointPageId"]}
    assert plain(v2.get_product_rest_endpoint_page(**page)) == made
    own = {"Body": "# Dogs", "Endpoint": "https://api.example.com", "OperationName": "All dogs"}
    changed = v2.update_product_rest_endpoint_page(**page, DisplayContent={"Overrides": own})
    assert changed["DisplayContent"] == own and changed["TryItState"] == "DISABLED"
    raw = v2.get_product_rest_endpoint_page(**page, IncludeRawDisplayContent="true")["RawDisplayContent"]
    assert json.loads(raw)["overrides"]["operationName"] == "All dogs"
    (listed,) = v2.list_product_rest_endpoint_pages(PortalProductId=product)["Items"]
    assert (listed["Endpoint"], listed["OperationName"]) == (own["Endpoint"], "All dogs")
    assert listed["RestEndpointIdentifier"] == {"IdentifierParts": parts}
    section = {"SectionName": "Animals", "ProductRestEndpointPageArns": [made["ProductRestEndpointPageArn"]]}
    order = v2.update_portal_product(PortalProductId=product, DisplayOrder={"Contents": [section]})["DisplayOrder"]
    assert order == {"Contents": [section]}
    for wrong, expected in (
        ({"RestApiId": "none"}, "NotFoundException"),
        ({"Stage": "none"}, "NotFoundException"),
        ({"Path": "/cats"}, "BadRequestException"),
        ({"Method": "POST"}, "BadRequestException"),
    ):
        identifier = {"IdentifierParts": {**parts, **wrong}}
        call = v2.create_product_rest_endpoint_page
        assert refused(call, PortalProductId=product, RestEndpointIdentifier=identifier)[0] == expected
    both = {"None": {}, "Overrides": own}
    assert refused(v2.update_product_rest_endpoint_page, **page, DisplayContent=both)[0] == "BadRequestException"
    v2.update_product_rest_endpoint_page(**page, DisplayContent={"None": {}})
    assert v2.get_product_rest_endpoint_page(**page)["DisplayContent"] == {"Endpoint": usual}
    v2.delete_product_rest_endpoint_page(**page)
    assert refused(v2.get_product_rest_endpoint_page, **page)[0] == "NotFoundException"
    emptied = {**section, "ProductRestEndpointPageArns": []}
    assert v2.get_portal_product(PortalProductId=product)["DisplayOrder"] == {"Contents": [emptied]}


def test_a_sharing_policy_is_kept_as_it_was_written(v2, product):
    """Put, get, delete; what is no policy is refused."""
    statement = {"Effect": "Allow", "Action": "apigateway:GetPortalProduct", "Resource": "*"}
    shared = json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Principal": {"AWS": "222222222222"}}]}, indent=1)
    assert refused(v2.get_portal_product_sharing_policy, PortalProductId=product)[0] == "NotFoundException"
    v2.put_portal_product_sharing_policy(PortalProductId=product, PolicyDocument=shared)
    shown = plain(v2.get_portal_product_sharing_policy(PortalProductId=product))
    assert shown == {"PolicyDocument": shared, "PortalProductId": product}
    for wrong in ("{", "[]", json.dumps({"Statement": [{"Effect": "Perhaps"}]})):
        call = v2.put_portal_product_sharing_policy
        assert refused(call, PortalProductId=product, PolicyDocument=wrong)[:2] == ("BadRequestException", 400)
    v2.put_portal_product_sharing_policy(PortalProductId=product, PolicyDocument=json.dumps({"Statement": statement}))
    v2.delete_portal_product_sharing_policy(PortalProductId=product)
    assert refused(v2.delete_portal_product_sharing_policy, PortalProductId=product)[0] == "NotFoundException"
