"""Every operation that is served: with good input, without what it names, twice, with bad input, in pages.

The steps stand in two tables, one for each service. What is served is what `docs/aws-operations.md` says, so
that an operation without a step here fails the test.
"""

import datetime
import json
import re
import urllib.parse

import botocore.exceptions
import pytest
from conftest import ACCOUNT, REGION, ROOT, Gateway

TODAY = datetime.date.today()
CONTENT = {
    "DisplayName": "Pets",
    "Description": "d",
    "Theme": {
        "CustomColors": {
            f"{name}Color": "#102030"
            for name in ("Accent", "Background", "ErrorValidation", "Header", "Navigation", "Text")
        }
    },
}
SHARED = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "222222222222"}, "Action": "apigateway:GetPortalProduct", "Resource": "*"}],
    }
)
ROLE = f"arn:aws:iam::{ACCOUNT}:role/logs"


def patch(path, value, op="replace"):
    """A list with one patch operation."""
    return [{"op": op, "path": path, "value": value}]


# Operation, its input, and what of its answer later steps name: `name=member` or `name=value`. A value `$name` stands for what a step before has kept. `once`: the same again is a conflict.
FIRST = [
    ("CreateRestApi", {"name": "a", "tags": {"a": "b"}}, "api=id root=rootResourceId"),
    ("GetRestApi", {"restApiId": "$api"}),
    ("GetRestApis", {}),
    ("UpdateRestApi", {"restApiId": "$api", "patchOperations": patch("/name", "b")}),
    ("CreateResource", {"restApiId": "$api", "parentId": "$root", "pathPart": "pets"}, "resource=id once"),
    ("GetResource", {"restApiId": "$api", "resourceId": "$resource"}),
    ("GetResources", {"restApiId": "$api"}),
    ("UpdateResource", {"restApiId": "$api", "resourceId": "$resource", "patchOperations": patch("/pathPart", "dogs")}),
    ("CreateModel", {"restApiId": "$api", "name": "Pet", "contentType": "application/json", "schema": '{"type": "object"}'}, "once"),
    ("GetModel", {"restApiId": "$api", "modelName": "Pet"}),
    ("GetModelTemplate", {"restApiId": "$api", "modelName": "Pet"}),
    ("GetModels", {"restApiId": "$api"}),
    ("UpdateModel", {"restApiId": "$api", "modelName": "Pet", "patchOperations": patch("/description", "d")}),
    ("CreateRequestValidator", {"restApiId": "$api", "name": "v"}, "validator=id"),
    ("GetRequestValidator", {"restApiId": "$api", "requestValidatorId": "$validator"}),
    ("GetRequestValidators", {"restApiId": "$api"}),
    ("UpdateRequestValidator", {"restApiId": "$api", "requestValidatorId": "$validator", "patchOperations": patch("/name", "w")}),
    ("CreateAuthorizer", {"restApiId": "$api", "name": "a", "type": "COGNITO_USER_POOLS", "identitySource": "method.request.header.A", "providerARNs": [f"arn:aws:cognito-idp:{REGION}:{ACCOUNT}:userpool/{REGION}_abcdefghi"]}, "authorizer=id"),
    ("GetAuthorizer", {"restApiId": "$api", "authorizerId": "$authorizer"}),
    ("GetAuthorizers", {"restApiId": "$api"}),
    ("UpdateAuthorizer", {"restApiId": "$api", "authorizerId": "$authorizer", "patchOperations": patch("/name", "b")}),
    ("PutMethod", {"restApiId": "$api", "resourceId": "$resource", "httpMethod": "GET", "authorizationType": "NONE"}, "once"),
    ("GetMethod", {"restApiId": "$api", "resourceId": "$resource", "httpMethod": "GET"}),
    ("UpdateMethod", {"restApiId": "$api", "resourceId": "$resource", "httpMethod": "GET", "patchOperations": patch("/operationName", "o")}),
    ("PutMethodResponse", {"restApiId": "$api", "resourceId": "$resource", "httpMethod": "GET", "statusCode": "200"}, "once"),
    ("GetMethodResponse", {"restApiId": "$api", "resourceId": "$resource", "httpMethod": "GET", "statusCode": "200"}),
    ("UpdateMethodResponse", {"restApiId": "$api", "resourceId": "$resource", "httpMethod": "GET", "statusCode": "200", "patchOperations": patch("/responseParameters/method.response.header.a", "false", "add")}),
    ("PutIntegration", {"restApiId": "$api", "resourceId": "$resource", "httpMethod": "GET", "type": "MOCK"}),
    ("GetIntegration", {"restApiId": "$api", "resourceId": "$resource", "httpMethod": "GET"}),
    ("UpdateIntegration", {"restApiId": "$api", "resourceId": "$resource", "httpMethod": "GET", "patchOperations": patch("/passthroughBehavior", "NEVER")}),
    ("PutIntegrationResponse", {"restApiId": "$api", "resourceId": "$resource", "httpMethod": "GET", "statusCode": "200"}),
    ("GetIntegrationResponse", {"restApiId": "$api", "resourceId": "$resource", "httpMethod": "GET", "statusCode": "200"}),
    ("UpdateIntegrationResponse", {"restApiId": "$api", "resourceId": "$resource", "httpMethod": "GET", "statusCode": "200", "patchOperations": patch("/selectionPattern", "2..")}),
    ("PutGatewayResponse", {"restApiId": "$api", "responseType": "DEFAULT_4XX"}),
    ("GetGatewayResponse", {"restApiId": "$api", "responseType": "DEFAULT_4XX"}),
    ("GetGatewayResponses", {"restApiId": "$api"}),
    ("UpdateGatewayResponse", {"restApiId": "$api", "responseType": "DEFAULT_4XX", "patchOperations": patch("/statusCode", "418")}),
    ("CreateDocumentationPart", {"restApiId": "$api", "location": {"type": "API"}, "properties": '{"a": "b"}'}, "part=id once"),
    ("GetDocumentationPart", {"restApiId": "$api", "documentationPartId": "$part"}),
    ("GetDocumentationParts", {"restApiId": "$api"}),
    ("UpdateDocumentationPart", {"restApiId": "$api", "documentationPartId": "$part", "patchOperations": patch("/properties", '{"c": "d"}')}),
    ("CreateDocumentationVersion", {"restApiId": "$api", "documentationVersion": "1"}, "once"),
    ("GetDocumentationVersion", {"restApiId": "$api", "documentationVersion": "1"}),
    ("GetDocumentationVersions", {"restApiId": "$api"}),
    ("UpdateDocumentationVersion", {"restApiId": "$api", "documentationVersion": "1", "patchOperations": patch("/description", "d")}),
    ("TestInvokeMethod", {"restApiId": "$api", "resourceId": "$resource", "httpMethod": "GET"}),
    ("CreateDeployment", {"restApiId": "$api"}, "deployment=id"),
    ("GetDeployment", {"restApiId": "$api", "deploymentId": "$deployment"}),
    ("GetDeployments", {"restApiId": "$api"}),
    ("UpdateDeployment", {"restApiId": "$api", "deploymentId": "$deployment", "patchOperations": patch("/description", "d")}),
    ("CreateStage", {"restApiId": "$api", "stageName": "s", "deploymentId": "$deployment"}, "once"),
    ("GetStage", {"restApiId": "$api", "stageName": "s"}),
    ("GetStages", {"restApiId": "$api"}),
    ("UpdateStage", {"restApiId": "$api", "stageName": "s", "patchOperations": patch("/description", "d")}),
    ("FlushStageCache", {"restApiId": "$api", "stageName": "s"}),
    ("FlushStageAuthorizersCache", {"restApiId": "$api", "stageName": "s"}),
    ("CreateApiKey", {"name": "k"}, "key=id"),
    ("GetApiKey", {"apiKey": "$key"}),
    ("GetApiKeys", {}),
    ("UpdateApiKey", {"apiKey": "$key", "patchOperations": patch("/enabled", "true")}),
    ("ImportApiKeys", {"body": b"Name,key\nimported,0123456789012345678901234567890123456789\n", "format": "csv"}),
    ("CreateUsagePlan", {"name": "p", "quota": {"limit": 9, "period": "DAY"}}, "plan=id"),
    ("GetUsagePlan", {"usagePlanId": "$plan"}),
    ("GetUsagePlans", {}),
    ("UpdateUsagePlan", {"usagePlanId": "$plan", "patchOperations": patch("/name", "q")}),
    ("CreateUsagePlanKey", {"usagePlanId": "$plan", "keyId": "$key", "keyType": "API_KEY"}, "once"),
    ("GetUsagePlanKey", {"usagePlanId": "$plan", "keyId": "$key"}),
    ("GetUsagePlanKeys", {"usagePlanId": "$plan"}),
    ("GetUsage", {"usagePlanId": "$plan", "startDate": str(TODAY), "endDate": str(TODAY)}),
    ("UpdateUsage", {"usagePlanId": "$plan", "keyId": "$key", "patchOperations": patch("/remaining", "5")}),
    ("CreateDomainName", {"domainName": "a.example.com", "endpointConfiguration": {"types": ["REGIONAL"]}}, "domain=domainName once"),
    ("GetDomainName", {"domainName": "$domain"}),
    ("GetDomainNames", {}),
    ("UpdateDomainName", {"domainName": "$domain", "patchOperations": patch("/securityPolicy", "TLS_1_2")}),
    ("CreateBasePathMapping", {"domainName": "$domain", "restApiId": "$api", "basePath": "v1", "stage": "s"}, "once"),
    ("GetBasePathMapping", {"domainName": "$domain", "basePath": "v1"}),
    ("GetBasePathMappings", {"domainName": "$domain"}),
    ("UpdateBasePathMapping", {"domainName": "$domain", "basePath": "v1", "patchOperations": patch("/stage", "s")}),
    ("CreateDomainName", {"domainName": "in.example.com", "endpointConfiguration": {"types": ["PRIVATE"]}}, "private=domainNameArn privateId=domainNameId"),
    ("CreateDomainNameAccessAssociation", {"domainNameArn": "$private", "accessAssociationSourceType": "VPCE", "accessAssociationSource": "vpce-1"}, "association=domainNameAccessAssociationArn once"),
    ("GetDomainNameAccessAssociations", {}),
    ("RejectDomainNameAccessAssociation", {"domainNameAccessAssociationArn": "$association", "domainNameArn": "$private"}),
    ("CreateDomainNameAccessAssociation", {"domainNameArn": "$private", "accessAssociationSourceType": "VPCE", "accessAssociationSource": "vpce-2"}, "association=domainNameAccessAssociationArn"),
    ("CreateVpcLink", {"name": "l", "targetArns": [f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/net/a/50dc6c495c0c9188"]}, "link=id"),
    ("GetVpcLink", {"vpcLinkId": "$link"}),
    ("GetVpcLinks", {}),
    ("UpdateVpcLink", {"vpcLinkId": "$link", "patchOperations": patch("/name", "m")}),
    ("GenerateClientCertificate", {"description": "d"}, "certificate=clientCertificateId"),
    ("GetClientCertificate", {"clientCertificateId": "$certificate"}),
    ("GetClientCertificates", {}),
    ("UpdateClientCertificate", {"clientCertificateId": "$certificate", "patchOperations": patch("/description", "e")}),
    ("GetAccount", {}),
    ("UpdateAccount", {"patchOperations": patch("/cloudwatchRoleArn", ROLE)}),
    ("TagResource", {"resourceArn": "$arn", "tags": {"c": "d"}}),
    ("GetTags", {"resourceArn": "$arn"}),
    ("UntagResource", {"resourceArn": "$arn", "tagKeys": ["c"]}),
    ("DeleteDomainNameAccessAssociation", {"domainNameAccessAssociationArn": "$association"}),
    ("DeleteClientCertificate", {"clientCertificateId": "$certificate"}),
    ("DeleteVpcLink", {"vpcLinkId": "$link"}),
    ("DeleteBasePathMapping", {"domainName": "$domain", "basePath": "v1"}),
    ("DeleteDomainName", {"domainName": "$domain"}),
    ("DeleteUsagePlanKey", {"usagePlanId": "$plan", "keyId": "$key"}),
    ("DeleteUsagePlan", {"usagePlanId": "$plan"}),
    ("DeleteApiKey", {"apiKey": "$key"}),
    ("DeleteStage", {"restApiId": "$api", "stageName": "s"}),
    ("DeleteDeployment", {"restApiId": "$api", "deploymentId": "$deployment"}),
    ("DeleteDocumentationVersion", {"restApiId": "$api", "documentationVersion": "1"}),
    ("DeleteDocumentationPart", {"restApiId": "$api", "documentationPartId": "$part"}),
    ("DeleteGatewayResponse", {"restApiId": "$api", "responseType": "DEFAULT_4XX"}),
    ("DeleteIntegrationResponse", {"restApiId": "$api", "resourceId": "$resource", "httpMethod": "GET", "statusCode": "200"}),
    ("DeleteIntegration", {"restApiId": "$api", "resourceId": "$resource", "httpMethod": "GET"}),
    ("DeleteMethodResponse", {"restApiId": "$api", "resourceId": "$resource", "httpMethod": "GET", "statusCode": "200"}),
    ("DeleteMethod", {"restApiId": "$api", "resourceId": "$resource", "httpMethod": "GET"}),
    ("DeleteAuthorizer", {"restApiId": "$api", "authorizerId": "$authorizer"}),
    ("DeleteRequestValidator", {"restApiId": "$api", "requestValidatorId": "$validator"}),
    ("DeleteModel", {"restApiId": "$api", "modelName": "Pet"}),
    ("DeleteResource", {"restApiId": "$api", "resourceId": "$resource"}),
    ("DeleteRestApi", {"restApiId": "$api"}),
]

PARTS = {"Method": "GET", "Path": "/dogs", "RestApiId": "$rest", "Stage": "prod"}
SECOND = [
    ("CreateApi", {"Name": "a", "ProtocolType": "HTTP", "CorsConfiguration": {"AllowOrigins": ["*"]}}, "api=ApiId"),
    ("GetApi", {"ApiId": "$api"}),
    ("GetApis", {}),
    ("UpdateApi", {"ApiId": "$api", "Name": "b"}),
    ("CreateIntegration", {"ApiId": "$api", "IntegrationType": "HTTP_PROXY", "IntegrationMethod": "GET", "IntegrationUri": "http://127.0.0.1:9", "PayloadFormatVersion": "1.0"}, "integration=IntegrationId"),
    ("GetIntegration", {"ApiId": "$api", "IntegrationId": "$integration"}),
    ("GetIntegrations", {"ApiId": "$api"}),
    ("UpdateIntegration", {"ApiId": "$api", "IntegrationId": "$integration", "Description": "d"}),
    ("CreateRoute", {"ApiId": "$api", "RouteKey": "GET /x"}, "route=RouteId once"),
    ("GetRoute", {"ApiId": "$api", "RouteId": "$route"}),
    ("GetRoutes", {"ApiId": "$api"}),
    ("UpdateRoute", {"ApiId": "$api", "RouteId": "$route", "OperationName": "o"}),
    ("CreateAuthorizer", {"ApiId": "$api", "Name": "a", "AuthorizerType": "JWT", "IdentitySource": ["$request.header.A"], "JwtConfiguration": {"Audience": ["a"], "Issuer": "https://issuer.example"}}, "authorizer=AuthorizerId"),
    ("GetAuthorizer", {"ApiId": "$api", "AuthorizerId": "$authorizer"}),
    ("GetAuthorizers", {"ApiId": "$api"}),
    ("UpdateAuthorizer", {"ApiId": "$api", "AuthorizerId": "$authorizer", "Name": "b"}),
    ("CreateStage", {"ApiId": "$api", "StageName": "s", "RouteSettings": {"GET /x": {"ThrottlingBurstLimit": 5}}, "AccessLogSettings": {"DestinationArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:a", "Format": "$context.requestId"}}, "once"),
    ("GetStage", {"ApiId": "$api", "StageName": "s"}),
    ("GetStages", {"ApiId": "$api"}),
    ("UpdateStage", {"ApiId": "$api", "StageName": "s", "Description": "d"}),
    ("CreateDeployment", {"ApiId": "$api"}, "deployment=DeploymentId"),
    ("GetDeployment", {"ApiId": "$api", "DeploymentId": "$deployment"}),
    ("GetDeployments", {"ApiId": "$api"}),
    ("UpdateDeployment", {"ApiId": "$api", "DeploymentId": "$deployment", "Description": "d"}),
    ("ResetAuthorizersCache", {"ApiId": "$api", "StageName": "s"}),
    ("DeleteRouteSettings", {"ApiId": "$api", "StageName": "s", "RouteKey": "GET /x"}),
    ("DeleteAccessLogSettings", {"ApiId": "$api", "StageName": "s"}),
    ("CreateDomainName", {"DomainName": "b.example.com"}, "domain=DomainName once"),
    ("GetDomainName", {"DomainName": "$domain"}),
    ("GetDomainNames", {}),
    ("UpdateDomainName", {"DomainName": "$domain", "RoutingMode": "ROUTING_RULE_THEN_API_MAPPING"}),
    ("CreateApiMapping", {"DomainName": "$domain", "ApiId": "$api", "Stage": "s", "ApiMappingKey": "a/b"}, "mapping=ApiMappingId once"),
    ("GetApiMapping", {"DomainName": "$domain", "ApiMappingId": "$mapping"}),
    ("GetApiMappings", {"DomainName": "$domain"}),
    ("UpdateApiMapping", {"DomainName": "$domain", "ApiMappingId": "$mapping", "ApiId": "$api", "Stage": "s"}),
    ("CreateRoutingRule", {"DomainName": "$domain", "Priority": 5, "Conditions": [], "Actions": [{"InvokeApi": {"ApiId": "$rest", "Stage": "prod"}}]}, "rule=RoutingRuleId once"),
    ("GetRoutingRule", {"DomainName": "$domain", "RoutingRuleId": "$rule"}),
    ("ListRoutingRules", {"DomainName": "$domain"}),
    ("PutRoutingRule", {"DomainName": "$domain", "RoutingRuleId": "$rule", "Priority": 6, "Conditions": [], "Actions": [{"InvokeApi": {"ApiId": "$rest", "Stage": "prod"}}]}),
    ("CreateVpcLink", {"Name": "l", "SubnetIds": ["subnet-1"]}, "link=VpcLinkId"),
    ("GetVpcLink", {"VpcLinkId": "$link"}),
    ("GetVpcLinks", {}),
    ("UpdateVpcLink", {"VpcLinkId": "$link", "Name": "m"}),
    ("CreateApi", {"Name": "w", "ProtocolType": "WEBSOCKET", "RouteSelectionExpression": "$request.body.action"}, "socket=ApiId"),
    ("CreateModel", {"ApiId": "$socket", "Name": "Pet", "ContentType": "application/json", "Schema": "{}"}, "model=ModelId once"),
    ("GetModel", {"ApiId": "$socket", "ModelId": "$model"}),
    ("GetModels", {"ApiId": "$socket"}),
    ("UpdateModel", {"ApiId": "$socket", "ModelId": "$model", "Description": "d"}),
    ("CreateRoute", {"ApiId": "$socket", "RouteKey": "join", "RequestParameters": {"route.request.querystring.a": {"Required": True}}}, "join=RouteId"),
    ("DeleteRouteRequestParameter", {"ApiId": "$socket", "RouteId": "$join", "RequestParameterKey": "route.request.querystring.a"}),
    ("CreateRouteResponse", {"ApiId": "$socket", "RouteId": "$join", "RouteResponseKey": "$default"}, "answer=RouteResponseId"),
    ("GetRouteResponse", {"ApiId": "$socket", "RouteId": "$join", "RouteResponseId": "$answer"}),
    ("GetRouteResponses", {"ApiId": "$socket", "RouteId": "$join"}),
    ("UpdateRouteResponse", {"ApiId": "$socket", "RouteId": "$join", "RouteResponseId": "$answer", "ModelSelectionExpression": "m"}),
    ("CreateIntegration", {"ApiId": "$socket", "IntegrationType": "MOCK"}, "mock=IntegrationId"),
    ("CreateIntegrationResponse", {"ApiId": "$socket", "IntegrationId": "$mock", "IntegrationResponseKey": "$default"}, "back=IntegrationResponseId"),
    ("GetIntegrationResponse", {"ApiId": "$socket", "IntegrationId": "$mock", "IntegrationResponseId": "$back"}),
    ("GetIntegrationResponses", {"ApiId": "$socket", "IntegrationId": "$mock"}),
    ("UpdateIntegrationResponse", {"ApiId": "$socket", "IntegrationId": "$mock", "IntegrationResponseId": "$back", "TemplateSelectionExpression": "x"}),
    ("CreatePortalProduct", {"DisplayName": "Dogs"}, "product=PortalProductId"),
    ("GetPortalProduct", {"PortalProductId": "$product"}),
    ("ListPortalProducts", {}),
    ("UpdatePortalProduct", {"PortalProductId": "$product", "DisplayName": "Cats"}),
    ("CreateProductPage", {"PortalProductId": "$product", "DisplayContent": {"Title": "t", "Body": "b"}}, "page=ProductPageId"),
    ("GetProductPage", {"PortalProductId": "$product", "ProductPageId": "$page"}),
    ("ListProductPages", {"PortalProductId": "$product"}),
    ("UpdateProductPage", {"PortalProductId": "$product", "ProductPageId": "$page", "DisplayContent": {"Title": "u", "Body": "b"}}),
    ("CreateProductRestEndpointPage", {"PortalProductId": "$product", "RestEndpointIdentifier": {"IdentifierParts": PARTS}}, "endpoint=ProductRestEndpointPageId"),
    ("GetProductRestEndpointPage", {"PortalProductId": "$product", "ProductRestEndpointPageId": "$endpoint"}),
    ("ListProductRestEndpointPages", {"PortalProductId": "$product"}),
    ("UpdateProductRestEndpointPage", {"PortalProductId": "$product", "ProductRestEndpointPageId": "$endpoint", "TryItState": "DISABLED"}),
    ("PutPortalProductSharingPolicy", {"PortalProductId": "$product", "PolicyDocument": SHARED}),
    ("GetPortalProductSharingPolicy", {"PortalProductId": "$product"}),
    ("CreatePortal", {"Authorization": {"None": {}}, "EndpointConfiguration": {"None": {}}, "PortalContent": CONTENT}, "portal=PortalId"),
    ("GetPortal", {"PortalId": "$portal"}),
    ("ListPortals", {}),
    ("UpdatePortal", {"PortalId": "$portal", "PortalContent": CONTENT}),
    ("PreviewPortal", {"PortalId": "$portal"}),
    ("PublishPortal", {"PortalId": "$portal"}),
    ("DisablePortal", {"PortalId": "$portal"}),
    ("TagResource", {"ResourceArn": "$arn", "Tags": {"c": "d"}}),
    ("GetTags", {"ResourceArn": "$arn"}),
    ("UntagResource", {"ResourceArn": "$arn", "TagKeys": ["c"]}),
    ("DeletePortal", {"PortalId": "$portal"}),
    ("DeletePortalProductSharingPolicy", {"PortalProductId": "$product"}),
    ("DeleteProductRestEndpointPage", {"PortalProductId": "$product", "ProductRestEndpointPageId": "$endpoint"}),
    ("DeleteProductPage", {"PortalProductId": "$product", "ProductPageId": "$page"}),
    ("DeletePortalProduct", {"PortalProductId": "$product"}),
    ("DeleteIntegrationResponse", {"ApiId": "$socket", "IntegrationId": "$mock", "IntegrationResponseId": "$back"}),
    ("DeleteRouteResponse", {"ApiId": "$socket", "RouteId": "$join", "RouteResponseId": "$answer"}),
    ("DeleteModel", {"ApiId": "$socket", "ModelId": "$model"}),
    ("DeleteVpcLink", {"VpcLinkId": "$link"}),
    ("DeleteRoutingRule", {"DomainName": "$domain", "RoutingRuleId": "$rule"}),
    ("DeleteApiMapping", {"DomainName": "$domain", "ApiMappingId": "$mapping"}),
    ("DeleteDomainName", {"DomainName": "$domain"}),
    ("DeleteStage", {"ApiId": "$api", "StageName": "s"}),
    ("DeleteDeployment", {"ApiId": "$api", "DeploymentId": "$deployment"}),
    ("DeleteAuthorizer", {"ApiId": "$api", "AuthorizerId": "$authorizer"}),
    ("DeleteRoute", {"ApiId": "$api", "RouteId": "$route"}),
    ("DeleteIntegration", {"ApiId": "$api", "IntegrationId": "$integration"}),
    ("DeleteCorsConfiguration", {"ApiId": "$api"}),
    ("DeleteApi", {"ApiId": "$api"}),
]

# What is not found in another way than by 404 NotFoundException, by service, operation, and how many of its labels
# name nothing. As recorded from AWS; gateway responses are there before they are made.
OTHERWISE = {
    ("apigateway", "CreateAuthorizer", 1): ("ConflictException", 409),
    ("apigateway", "CreateRequestValidator", 1): ("BadRequestException", 400),
    ("apigateway", "GetGatewayResponse", 1): None,
    ("apigateway", "UpdateGatewayResponse", 1): None,
    ("apigateway", "DeleteGatewayResponse", 1): None,
    ("apigateway", "GetUsagePlanKeys", 1): None,
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway that nobody else uses: its lists hold what the steps made."""
    gateway = Gateway(tmp_path_factory.mktemp("every"))
    yield gateway
    gateway.stop()


class Walk:
    """One service, and what steps have kept of its answers."""

    def __init__(self, gateway, service):
        self.gateway, self.service = gateway, service
        self.client = gateway.client(service)
        self.bare = gateway.client(service, is_checked=False)
        self.model = self.client.meta.service_model
        self.context = {}

    def filled(self, value):
        """A value with what steps before have kept."""
        if isinstance(value, dict):
            return {key: self.filled(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.filled(one) for one in value]
        if isinstance(value, str) and value.startswith("$") and value[1:] in self.context:
            return self.context[value[1:]]
        return value

    def method(self, operation, bare=False):
        name = next(name for name, other in self.client.meta.method_to_api_mapping.items() if other == operation)
        return getattr(self.bare if bare else self.client, name)

    def refusal(self, operation, given, bare=False):
        """Code and status, or none if it was done."""
        try:
            self.method(operation, bare)(**given)
        except botocore.exceptions.ClientError as error:
            return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        return None

    def labels(self, operation):
        """The members of the input that stand in the path, in their order there."""
        model = self.model.operation_model(operation)
        members = model.input_shape.members if model.input_shape else {}
        by_label = {
            member.serialization.get("name", name): name
            for name, member in members.items()
            if member.serialization.get("location") == "uri"
        }
        return [by_label[label] for label in re.findall(r"{([^}+]+)\+?}", model.http["requestUri"])]


def missing(member):
    """Something of this member that nobody has made."""
    return {
        "resourceArn": f"arn:aws:apigateway:{REGION}::/restapis/none",
        "ResourceArn": f"arn:aws:apigateway:{REGION}::/apis/none",
        "domainNameAccessAssociationArn": f"arn:aws:apigateway:{REGION}:{ACCOUNT}:/domainnameaccessassociations/domainname/n+a/vpcesource/b",
        "httpMethod": "PATCH",
        "statusCode": "418",
        "responseType": "DEFAULT_5XX",
    }.get(member, "none")


def without_what_it_names(walk, operation, given):
    """Refusals with all labels of the path naming nothing, and with the last one alone."""
    labels = walk.labels(operation)
    verb = walk.model.operation_model(operation).http["method"]
    cases = [labels]
    # To put what was not there makes it.
    if len(labels) > 1 and verb != "PUT":
        cases.append(labels[-1:])
    for replaced in cases if labels else []:
        wrong = {**given, **{member: missing(member) for member in replaced}}
        expected = OTHERWISE.get((walk.service, operation, len(replaced)), ("NotFoundException", 404))
        found = walk.refusal(operation, wrong)
        if found != expected:
            yield f"{operation} with no {', '.join(replaced)}: {found}, not {expected}"


def with_bad_input(walk, operation, given):
    """Refusals without a member that must be there, and of a body that is none."""
    model = walk.model.operation_model(operation)
    labels = walk.labels(operation)
    needed = [member for member in (model.input_shape.required_members if model.input_shape else []) if member not in labels]
    for member in needed:
        rest = {name: value for name, value in given.items() if name != member}
        found = walk.refusal(operation, rest, bare=True)
        if found is None or found[1] != 400:
            yield f"{operation} without {member}: {found}"
    members = set(model.input_shape.members if model.input_shape else []) - set(labels)
    is_read = model.http["method"] in ("POST", "PUT", "PATCH") and members
    if not is_read or model.input_shape.serialization.get("payload"):
        return
    path = model.http["requestUri"]
    for label, member in zip(re.findall(r"{([^}]+)}", path), labels):
        path = path.replace("{" + label + "}", urllib.parse.quote(str(given[member]), safe=""))
    for body in (b"{nonsense", b'["a"]'):
        status, headers, text = walk.gateway.raw(model.http["method"], path, body=body, headers={"content-type": "application/json"})
        if status != 400:
            yield f"{operation} with the body {body}: {status} {text}"


def in_pages(walk, operation, given, answer):
    """The list page by page is the list as a whole."""
    model = walk.model.operation_model(operation)
    members = set(model.input_shape.members) if model.input_shape else set()
    size, at = ("limit", "position") if "limit" in members else ("MaxResults", "NextToken")
    if size not in members:
        return
    items = next((name for name in ("items", "Items", "RoutingRules") if name in answer), None)
    if items is None or not isinstance(answer[items], list):
        return
    whole, more = [], {}
    for _ in range(len(answer[items]) + 2):
        one = 1 if model.input_shape.members[size].type_name == "integer" else "1"
        page = walk.method(operation)(**{**given, size: one, **more})
        whole += page.get(items, [])
        if not page.get(at):
            break
        more = {at: page[at]}
    if whole != answer[items]:
        yield f"{operation} in pages: {whole}, not {answer[items]}"


@pytest.mark.parametrize("service, steps", [("apigateway", FIRST), ("apigatewayv2", SECOND)])
def test_every_operation_does_what_it_says(gateway, service, steps):
    walk = Walk(gateway, service)
    walk.context["rest"] = deployed(gateway.client("apigateway"))
    faults, done = [], set()
    for operation, given, *notes in steps:
        given = walk.filled(given)
        words = notes[0].split() if notes else []
        # Before it is done, since some of them undo what they name.
        faults += without_what_it_names(walk, operation, given)
        faults += with_bad_input(walk, operation, given)
        answer = walk.method(operation)(**given)
        status = answer["ResponseMetadata"]["HTTPStatusCode"]
        expected = walk.model.operation_model(operation).http.get("responseCode", 200)
        if status != expected:
            faults.append(f"{operation}: {status}, not {expected}")
        faults += in_pages(walk, operation, given, answer)
        if "once" in words and (found := walk.refusal(operation, given)) != ("ConflictException", 409):
            faults.append(f"{operation} once more: {found}")
        for name, member in (word.split("=") for word in words if "=" in word):
            walk.context[name] = answer[member]
        if operation in ("CreateRestApi", "CreateApi") and "arn" not in walk.context:
            kind = {"CreateRestApi": "restapis", "CreateApi": "apis"}[operation]
            walk.context["arn"] = f"arn:aws:apigateway:{REGION}::/{kind}/{walk.context['api']}"
        # What is deleted is gone.
        if operation.startswith("Delete") and operation not in SETTINGS:
            found = walk.refusal(operation, given)
            if found != ("NotFoundException", 404):
                faults.append(f"{operation} once more: {found}")
        done.add(operation)
    assert not faults, "\n".join(faults)
    assert done == served(service)


# They take something away from what stays, and may find that it is not there.
SETTINGS = {"DeleteAccessLogSettings", "DeleteCorsConfiguration", "DeleteRouteSettings", "DeleteRouteRequestParameter"}


def served(service):
    """The operations that are not answered with 501."""
    text = (ROOT / "docs" / "aws-operations.md").read_text()
    section = re.search(rf"^## [^\n]*`{service}`.*?(?=^## |\Z)", text, re.M | re.S)[0]
    return set(re.findall(r"^\| (\w+) \| `[^`]+` \| yes \|$", section, re.M))


def deployed(v1):
    """The id of a REST API with `GET /dogs` in the stage `prod`."""
    api = v1.create_rest_api(name="dogs")
    dogs = v1.create_resource(restApiId=api["id"], parentId=api["rootResourceId"], pathPart="dogs")["id"]
    place = {"restApiId": api["id"], "resourceId": dogs, "httpMethod": "GET"}
    v1.put_method(**place, authorizationType="NONE")
    v1.put_integration(**place, type="MOCK")
    v1.create_deployment(restApiId=api["id"], stageName="prod")
    return api["id"]
