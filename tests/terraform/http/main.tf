# An HTTP API with all that belongs to one.

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

resource "aws_apigatewayv2_api" "pets" {
  name          = var.changed ? "animals" : "pets"
  description   = var.changed ? "changed" : "made by Terraform"
  protocol_type = "HTTP"
  version       = var.changed ? "2" : "1"

  cors_configuration {
    allow_credentials = !var.changed
    allow_headers     = ["content-type"]
    allow_methods     = var.changed ? ["GET", "PUT"] : ["GET"]
    allow_origins     = ["https://pets.example"]
    expose_headers    = ["x-pets"]
    max_age           = var.changed ? 60 : 30
  }

  tags = { stage = var.changed ? "two" : "one" }
}

resource "aws_apigatewayv2_integration" "upstream" {
  api_id               = aws_apigatewayv2_api.pets.id
  description          = var.changed ? "changed" : "the pets"
  integration_type     = "HTTP_PROXY"
  integration_method   = "ANY"
  integration_uri      = "${var.upstream}/${var.changed ? "animals" : "pets"}/{id}"
  timeout_milliseconds = var.changed ? 20000 : 10000
}

resource "aws_apigatewayv2_integration" "mapped" {
  api_id             = aws_apigatewayv2_api.pets.id
  integration_type   = "HTTP_PROXY"
  integration_method = "POST"
  integration_uri    = "${var.upstream}/pets"

  request_parameters = var.changed ? {
    "overwrite:header.x-pets"  = "$context.requestId"
    "append:querystring.stage" = "$context.stage"
    } : {
    "overwrite:header.x-pets" = "$request.header.x-animals"
    "remove:querystring.q"    = "''"
  }

  # The provider takes a block away that it should change, so that this one comes or goes whole.
  dynamic "response_parameters" {
    for_each = var.changed ? [502, 503] : [502]

    content {
      status_code = response_parameters.value
      mappings    = { "overwrite:statuscode" = "500" }
    }
  }
}

resource "aws_apigatewayv2_integration" "function" {
  api_id                 = aws_apigatewayv2_api.pets.id
  integration_type       = "AWS_PROXY"
  integration_method     = "POST"
  integration_uri        = local.function
  payload_format_version = var.changed ? "2.0" : "1.0"
}

resource "aws_apigatewayv2_integration" "queue" {
  api_id              = aws_apigatewayv2_api.pets.id
  integration_type    = "AWS_PROXY"
  integration_subtype = "SQS-SendMessage"
  credentials_arn     = "arn:aws:iam::111111111111:role/pets"

  request_parameters = {
    "QueueUrl"    = "https://sqs.eu-west-1.amazonaws.com/111111111111/pets"
    "MessageBody" = var.changed ? "$request.body.message" : "$request.body"
  }
}

resource "aws_apigatewayv2_authorizer" "jwt" {
  api_id           = aws_apigatewayv2_api.pets.id
  name             = var.changed ? "tokens" : "token"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    audience = var.changed ? ["pets", "animals"] : ["pets"]
    issuer   = "https://issuer.example"
  }
}

resource "aws_apigatewayv2_authorizer" "function" {
  api_id                            = aws_apigatewayv2_api.pets.id
  name                              = "function"
  authorizer_type                   = "REQUEST"
  authorizer_uri                    = local.invoke
  authorizer_payload_format_version = "2.0"
  authorizer_result_ttl_in_seconds  = var.changed ? 0 : 60
  enable_simple_responses           = var.changed
  identity_sources                  = ["$request.header.x-who"]
}

resource "aws_apigatewayv2_route" "upstream" {
  api_id         = aws_apigatewayv2_api.pets.id
  route_key      = "GET /pets/{id}"
  operation_name = var.changed ? "GetAnimal" : "GetPet"
  target         = "integrations/${aws_apigatewayv2_integration.upstream.id}"
}

resource "aws_apigatewayv2_route" "mapped" {
  api_id    = aws_apigatewayv2_api.pets.id
  route_key = var.changed ? "PUT /pets" : "POST /pets"
  target    = "integrations/${aws_apigatewayv2_integration.mapped.id}"
}

resource "aws_apigatewayv2_route" "jwt" {
  api_id               = aws_apigatewayv2_api.pets.id
  route_key            = "DELETE /pets/{id}"
  authorization_type   = "JWT"
  authorizer_id        = aws_apigatewayv2_authorizer.jwt.id
  authorization_scopes = var.changed ? ["write", "all"] : ["write"]
  target               = "integrations/${aws_apigatewayv2_integration.function.id}"
}

resource "aws_apigatewayv2_route" "function" {
  api_id             = aws_apigatewayv2_api.pets.id
  route_key          = "POST /orders"
  authorization_type = "CUSTOM"
  authorizer_id      = aws_apigatewayv2_authorizer.function.id
  target             = "integrations/${aws_apigatewayv2_integration.queue.id}"
}

resource "aws_apigatewayv2_route" "iam" {
  api_id             = aws_apigatewayv2_api.pets.id
  route_key          = "$default"
  authorization_type = var.changed ? "NONE" : "AWS_IAM"
  target             = "integrations/${aws_apigatewayv2_integration.function.id}"
}

resource "aws_apigatewayv2_stage" "usual" {
  api_id      = aws_apigatewayv2_api.pets.id
  name        = "$default"
  auto_deploy = true
  description = var.changed ? "changed" : "what all use"

  default_route_settings {
    throttling_burst_limit   = 50
    throttling_rate_limit    = var.changed ? 200 : 100
    detailed_metrics_enabled = var.changed
  }

  route_settings {
    route_key              = aws_apigatewayv2_route.upstream.route_key
    throttling_burst_limit = var.changed ? 20 : 10
    throttling_rate_limit  = 10
  }

  access_log_settings {
    destination_arn = "arn:aws:logs:eu-west-1:111111111111:log-group:${var.changed ? "b" : "a"}"
    format          = "$context.requestId $context.status"
  }

  tags = { stage = var.changed ? "two" : "one" }
}

resource "aws_apigatewayv2_deployment" "frozen" {
  api_id      = aws_apigatewayv2_api.pets.id
  description = var.changed ? "changed" : "the first"

  triggers = { route = aws_apigatewayv2_route.upstream.id }

  depends_on = [aws_apigatewayv2_route.mapped]
}

resource "aws_apigatewayv2_stage" "frozen" {
  api_id          = aws_apigatewayv2_api.pets.id
  name            = "frozen"
  deployment_id   = aws_apigatewayv2_deployment.frozen.id
  stage_variables = var.changed ? { one = "1", three = "3" } : { one = "1", two = "2" }
}

# One call makes route, integration and stage.

resource "aws_apigatewayv2_api" "quick" {
  name          = var.changed ? "quicker" : "quick"
  protocol_type = "HTTP"
  target        = "${var.upstream}/a"
  route_key     = "GET /quick"
}

data "aws_apigatewayv2_api" "quick" {
  api_id = aws_apigatewayv2_api.quick.id
}

data "aws_apigatewayv2_apis" "all" {
  protocol_type = "HTTP"
  depends_on    = [aws_apigatewayv2_api.pets, aws_apigatewayv2_api.quick]
}

output "api" {
  value = aws_apigatewayv2_api.pets.id
}

output "quick" {
  value = data.aws_apigatewayv2_api.quick.api_id
}
