# A REST API with all that belongs to one.

variable "upstream" {
  type = string
}

variable "changed" {
  type = bool
}

locals {
  function = "arn:aws:lambda:eu-west-1:111111111111:function:pets"
  invoke   = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/${local.function}/invocations"
}

resource "aws_api_gateway_rest_api" "pets" {
  name                     = var.changed ? "animals" : "pets"
  description              = var.changed ? "changed" : "made by Terraform"
  binary_media_types       = var.changed ? ["image/png", "application/zip"] : ["image/png"]
  minimum_compression_size = var.changed ? "2000" : "1000"
  api_key_source           = "HEADER"

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  tags = { stage = var.changed ? "two" : "one" }
}

resource "aws_api_gateway_resource" "pets" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  parent_id   = aws_api_gateway_rest_api.pets.root_resource_id
  path_part   = "pets"
}

resource "aws_api_gateway_resource" "pet" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  parent_id   = aws_api_gateway_resource.pets.id
  path_part   = "{id}"
}

resource "aws_api_gateway_resource" "proxy" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  parent_id   = aws_api_gateway_rest_api.pets.root_resource_id
  path_part   = "{proxy+}"
}

# GET /pets is a mock.

resource "aws_api_gateway_method" "list" {
  rest_api_id    = aws_api_gateway_rest_api.pets.id
  resource_id    = aws_api_gateway_resource.pets.id
  http_method    = "GET"
  authorization  = "NONE"
  operation_name = var.changed ? "ListAnimals" : "ListPets"
}

resource "aws_api_gateway_integration" "list" {
  rest_api_id          = aws_api_gateway_rest_api.pets.id
  resource_id          = aws_api_gateway_resource.pets.id
  http_method          = aws_api_gateway_method.list.http_method
  type                 = "MOCK"
  passthrough_behavior = "WHEN_NO_TEMPLATES"

  request_templates = {
    "application/json" = "{\"statusCode\": 200}"
  }
}

resource "aws_api_gateway_method_response" "list" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  resource_id = aws_api_gateway_resource.pets.id
  http_method = aws_api_gateway_method.list.http_method
  status_code = "200"

  response_models = {
    "application/json" = var.changed ? "Empty" : aws_api_gateway_model.pet.name
  }
  response_parameters = {
    "method.response.header.x-pets" = var.changed
  }
}

resource "aws_api_gateway_integration_response" "list" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  resource_id = aws_api_gateway_resource.pets.id
  http_method = aws_api_gateway_integration.list.http_method
  status_code = aws_api_gateway_method_response.list.status_code

  response_templates = {
    "application/json" = var.changed ? "[\"dog\"]" : "[]"
  }
  response_parameters = {
    "method.response.header.x-pets" = var.changed ? "'1'" : "'0'"
  }
}

# GET /pets/{id} asks an upstream as it is asked.

resource "aws_api_gateway_method" "one" {
  rest_api_id   = aws_api_gateway_rest_api.pets.id
  resource_id   = aws_api_gateway_resource.pet.id
  http_method   = "GET"
  authorization = "NONE"

  request_parameters = {
    "method.request.path.id"        = true
    "method.request.querystring.q"  = var.changed
    "method.request.header.x-trace" = false
  }
}

resource "aws_api_gateway_integration" "one" {
  rest_api_id             = aws_api_gateway_rest_api.pets.id
  resource_id             = aws_api_gateway_resource.pet.id
  http_method             = aws_api_gateway_method.one.http_method
  type                    = "HTTP_PROXY"
  integration_http_method = "GET"
  uri                     = "${var.upstream}/${var.changed ? "animals" : "pets"}/{id}"
  timeout_milliseconds    = var.changed ? 20000 : 10000
  cache_key_parameters    = ["method.request.path.id"]

  request_parameters = {
    "integration.request.path.id" = "method.request.path.id"
  }
}

# POST /pets asks an upstream in another form.

resource "aws_api_gateway_model" "pet" {
  rest_api_id  = aws_api_gateway_rest_api.pets.id
  name         = "Pet"
  description  = var.changed ? "an animal" : "a pet"
  content_type = "application/json"

  schema = jsonencode({
    type       = "object"
    properties = { name = { type = "string", maxLength = var.changed ? 20 : 10 } }
  })
}

resource "aws_api_gateway_request_validator" "all" {
  rest_api_id                 = aws_api_gateway_rest_api.pets.id
  name                        = var.changed ? "everything" : "all"
  validate_request_body       = true
  validate_request_parameters = var.changed
}

resource "aws_api_gateway_method" "create" {
  rest_api_id          = aws_api_gateway_rest_api.pets.id
  resource_id          = aws_api_gateway_resource.pets.id
  http_method          = "POST"
  authorization        = "NONE"
  api_key_required     = true
  request_validator_id = aws_api_gateway_request_validator.all.id
  request_models       = { "application/json" = aws_api_gateway_model.pet.name }
}

resource "aws_api_gateway_integration" "create" {
  rest_api_id             = aws_api_gateway_rest_api.pets.id
  resource_id             = aws_api_gateway_resource.pets.id
  http_method             = aws_api_gateway_method.create.http_method
  type                    = "HTTP"
  integration_http_method = "POST"
  uri                     = "${var.upstream}/pets"
  content_handling        = var.changed ? "CONVERT_TO_TEXT" : "CONVERT_TO_BINARY"

  request_templates = {
    "application/json" = var.changed ? "{\"animal\": $input.json('$.name')}" : "$input.body"
  }
}

resource "aws_api_gateway_method_response" "created" {
  for_each    = toset(["200", "400"])
  rest_api_id = aws_api_gateway_rest_api.pets.id
  resource_id = aws_api_gateway_resource.pets.id
  http_method = aws_api_gateway_method.create.http_method
  status_code = each.key
}

resource "aws_api_gateway_integration_response" "created" {
  for_each          = aws_api_gateway_method_response.created
  rest_api_id       = aws_api_gateway_rest_api.pets.id
  resource_id       = aws_api_gateway_resource.pets.id
  http_method       = aws_api_gateway_integration.create.http_method
  status_code       = each.value.status_code
  selection_pattern = each.key == "200" ? "" : var.changed ? "4\\d{2}|5\\d{2}" : "4\\d{2}"
}

# ANY /{proxy+} is a function behind an authorizer.

resource "aws_api_gateway_authorizer" "token" {
  rest_api_id                      = aws_api_gateway_rest_api.pets.id
  name                             = var.changed ? "tokens" : "token"
  type                             = "TOKEN"
  authorizer_uri                   = local.invoke
  authorizer_result_ttl_in_seconds = var.changed ? 0 : 60
  identity_source                  = "method.request.header.Authorization"
  identity_validation_expression   = "Bearer .*"
}

resource "aws_api_gateway_authorizer" "pool" {
  rest_api_id   = aws_api_gateway_rest_api.pets.id
  name          = "pool"
  type          = "COGNITO_USER_POOLS"
  provider_arns = ["arn:aws:cognito-idp:eu-west-1:111111111111:userpool/eu-west-1_${var.changed ? "b" : "a"}"]
}

resource "aws_api_gateway_method" "proxy" {
  rest_api_id        = aws_api_gateway_rest_api.pets.id
  resource_id        = aws_api_gateway_resource.proxy.id
  http_method        = "ANY"
  authorization      = "CUSTOM"
  authorizer_id      = aws_api_gateway_authorizer.token.id
  request_parameters = { "method.request.path.proxy" = true }
}

resource "aws_api_gateway_integration" "proxy" {
  rest_api_id             = aws_api_gateway_rest_api.pets.id
  resource_id             = aws_api_gateway_resource.proxy.id
  http_method             = aws_api_gateway_method.proxy.http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = local.invoke
}

resource "aws_api_gateway_method" "scoped" {
  rest_api_id          = aws_api_gateway_rest_api.pets.id
  resource_id          = aws_api_gateway_resource.pet.id
  http_method          = "DELETE"
  authorization        = "COGNITO_USER_POOLS"
  authorizer_id        = aws_api_gateway_authorizer.pool.id
  authorization_scopes = var.changed ? ["pets/write", "pets/all"] : ["pets/write"]
}

resource "aws_api_gateway_integration" "scoped" {
  rest_api_id             = aws_api_gateway_rest_api.pets.id
  resource_id             = aws_api_gateway_resource.pet.id
  http_method             = aws_api_gateway_method.scoped.http_method
  type                    = "AWS"
  integration_http_method = "POST"
  uri                     = "arn:aws:apigateway:eu-west-1:sqs:path/111111111111/pets"
  credentials             = "arn:aws:iam::111111111111:role/pets"
  request_parameters      = { "integration.request.header.Content-Type" = "'application/x-www-form-urlencoded'" }
  request_templates       = { "application/json" = "Action=SendMessage&MessageBody=$input.body" }
}

resource "aws_api_gateway_gateway_response" "unauthorized" {
  rest_api_id         = aws_api_gateway_rest_api.pets.id
  response_type       = "UNAUTHORIZED"
  status_code         = "401"
  response_templates  = { "application/json" = "{\"message\":$context.error.messageString}" }
  response_parameters = { "gatewayresponse.header.WWW-Authenticate" = var.changed ? "'Basic'" : "'Bearer'" }
}

resource "aws_api_gateway_gateway_response" "rest" {
  rest_api_id        = aws_api_gateway_rest_api.pets.id
  response_type      = "DEFAULT_4XX"
  response_templates = { "application/json" = "{\"error\":\"${var.changed ? "no" : "sorry"}\"}" }
}

# Documentation.

resource "aws_api_gateway_documentation_part" "api" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  properties  = jsonencode({ description = var.changed ? "All animals" : "All pets" })

  location {
    type = "API"
  }
}

resource "aws_api_gateway_documentation_part" "list" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  properties  = jsonencode({ summary = "Lists them" })

  location {
    type   = "METHOD"
    method = "GET"
    path   = aws_api_gateway_resource.pets.path
  }
}

resource "aws_api_gateway_documentation_version" "first" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  version     = "1"
  description = var.changed ? "changed" : "the first"
  depends_on  = [aws_api_gateway_documentation_part.api, aws_api_gateway_documentation_part.list]
}

# Deployments and stages.

resource "aws_api_gateway_deployment" "pets" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  description = var.changed ? "the second" : "the first"

  triggers = {
    redeployment = sha1(jsonencode([
      aws_api_gateway_integration.one.uri,
      aws_api_gateway_integration_response.list.response_templates,
    ]))
  }

  depends_on = [
    aws_api_gateway_integration.create,
    aws_api_gateway_integration.proxy,
    aws_api_gateway_integration.scoped,
    aws_api_gateway_integration_response.created,
  ]

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "live" {
  rest_api_id           = aws_api_gateway_rest_api.pets.id
  deployment_id         = aws_api_gateway_deployment.pets.id
  stage_name            = "live"
  description           = var.changed ? "changed" : "what all use"
  xray_tracing_enabled  = var.changed
  cache_cluster_enabled = var.changed
  cache_cluster_size    = "0.5"
  documentation_version = aws_api_gateway_documentation_version.first.version
  variables             = var.changed ? { one = "1", three = "3" } : { one = "1", two = "2" }

  access_log_settings {
    destination_arn = "arn:aws:logs:eu-west-1:111111111111:log-group:${var.changed ? "b" : "a"}"
    format          = "$context.requestId $context.status"
  }

  tags = { stage = var.changed ? "two" : "one" }
}

resource "aws_api_gateway_stage" "canary" {
  rest_api_id   = aws_api_gateway_rest_api.pets.id
  deployment_id = aws_api_gateway_deployment.pets.id
  stage_name    = "canary"
  variables     = { one = "1", two = "2" }

  canary_settings {
    deployment_id            = aws_api_gateway_deployment.pets.id
    percent_traffic          = var.changed ? 20.5 : 10.5
    stage_variable_overrides = var.changed ? { one = "3" } : { one = "2", two = "3" }
    use_stage_cache          = var.changed
  }
}

resource "aws_api_gateway_method_settings" "all" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  stage_name  = aws_api_gateway_stage.live.stage_name
  method_path = "*/*"

  settings {
    metrics_enabled        = true
    logging_level          = var.changed ? "INFO" : "ERROR"
    throttling_rate_limit  = var.changed ? 200 : 100
    throttling_burst_limit = 50
    caching_enabled        = var.changed
    cache_ttl_in_seconds   = 60
  }
}

resource "aws_api_gateway_method_settings" "one" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  stage_name  = aws_api_gateway_stage.live.stage_name
  method_path = "pets/{id}/GET"

  settings {
    data_trace_enabled     = var.changed
    throttling_rate_limit  = 10
    throttling_burst_limit = var.changed ? 20 : 10
  }

  depends_on = [aws_api_gateway_method_settings.all]
}

# Callers.

resource "aws_api_gateway_api_key" "shop" {
  name        = var.changed ? "shops" : "shop"
  description = "a shop"
  enabled     = !var.changed
  tags        = { stage = var.changed ? "two" : "one" }
}

resource "aws_api_gateway_api_key" "own" {
  name  = "own"
  value = "0123456789012345678901234567"
}

resource "aws_api_gateway_usage_plan" "basic" {
  name         = var.changed ? "basics" : "basic"
  description  = "for shops"
  product_code = var.changed ? "other" : "code"

  api_stages {
    api_id = aws_api_gateway_rest_api.pets.id
    stage  = aws_api_gateway_stage.live.stage_name

    throttle {
      path        = "/pets/GET"
      rate_limit  = var.changed ? 2 : 1
      burst_limit = 5
    }
  }

  quota_settings {
    limit  = var.changed ? 200 : 100
    offset = 1
    period = "WEEK"
  }

  throttle_settings {
    rate_limit  = var.changed ? 20 : 10
    burst_limit = 30
  }

  tags = { stage = var.changed ? "two" : "one" }
}

resource "aws_api_gateway_usage_plan_key" "shop" {
  key_id        = aws_api_gateway_api_key.shop.id
  key_type      = "API_KEY"
  usage_plan_id = aws_api_gateway_usage_plan.basic.id
}

resource "aws_api_gateway_account" "own" {
  cloudwatch_role_arn = "arn:aws:iam::111111111111:role/${var.changed ? "logs" : "log"}"
}

# An API that only some may call.

resource "aws_api_gateway_rest_api" "closed" {
  name = "closed"

  endpoint_configuration {
    types = ["EDGE"]
  }
}

data "aws_iam_policy_document" "closed" {
  statement {
    effect    = "Allow"
    actions   = ["execute-api:Invoke"]
    resources = ["${aws_api_gateway_rest_api.closed.execution_arn}/*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "IpAddress"
      variable = "aws:SourceIp"
      values   = [var.changed ? "10.0.0.0/8" : "192.0.2.0/24"]
    }
  }
}

resource "aws_api_gateway_rest_api_policy" "closed" {
  rest_api_id = aws_api_gateway_rest_api.closed.id
  policy      = data.aws_iam_policy_document.closed.json
}

data "aws_api_gateway_rest_api" "closed" {
  name       = aws_api_gateway_rest_api.closed.name
  depends_on = [aws_api_gateway_rest_api_policy.closed]
}

output "api" {
  value = aws_api_gateway_rest_api.pets.id
}

output "closed" {
  value = data.aws_api_gateway_rest_api.closed.id
}
