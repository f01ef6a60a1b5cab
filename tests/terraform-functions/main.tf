# A function with versions, an alias and permissions, behind a REST API and an HTTP API, as
# tests/api/test_function_tools.py makes, changes and destroys them.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

variable "endpoint" {
  description = "Where the management APIs listen"
  type        = string
}

variable "upstream" {
  description = "Nobody is asked there"
  type        = string
}

variable "changed" {
  description = "Whether all that can be changed in place is changed"
  type        = bool
  default     = false
}

provider "aws" {
  region                  = "eu-west-1"
  skip_metadata_api_check = true

  endpoints {
    apigateway   = var.endpoint
    apigatewayv2 = var.endpoint
    lambda       = var.endpoint
    sts          = var.endpoint
  }
}

resource "aws_lambda_function" "pets" {
  function_name                  = "pets"
  role                           = "arn:aws:iam::111111111111:role/pets"
  runtime                        = "python3.12"
  handler                        = "app.handler"
  filename                       = var.changed ? "two.zip" : "one.zip"
  source_code_hash               = filebase64sha256(var.changed ? "two.zip" : "one.zip")
  description                    = var.changed ? "changed" : "made by Terraform"
  memory_size                    = var.changed ? 192 : 128
  timeout                        = var.changed ? 12 : 10
  reserved_concurrent_executions = var.changed ? 3 : 2
  publish                        = true

  environment {
    variables = { ANIMAL = var.changed ? "dog" : "cat" }
  }

  tags = { stage = var.changed ? "two" : "one" }
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = var.changed ? "changed" : "what is served"
  function_name    = aws_lambda_function.pets.function_name
  function_version = aws_lambda_function.pets.version
}

resource "aws_lambda_permission" "rest" {
  statement_id  = "rest"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.pets.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.pets.execution_arn}/*/GET/*"
}

resource "aws_lambda_permission" "http" {
  statement_id  = "http"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.pets.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.pets.execution_arn}/*/*"
}

# The REST API asks the alias, once with the event of a proxy, once with a template.

resource "aws_api_gateway_rest_api" "pets" {
  name = "functions"

  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

resource "aws_api_gateway_resource" "pets" {
  for_each    = toset(["proxy", "mapped"])
  rest_api_id = aws_api_gateway_rest_api.pets.id
  parent_id   = aws_api_gateway_rest_api.pets.root_resource_id
  path_part   = each.key
}

resource "aws_api_gateway_method" "pets" {
  for_each      = aws_api_gateway_resource.pets
  rest_api_id   = aws_api_gateway_rest_api.pets.id
  resource_id   = each.value.id
  http_method   = "ANY"
  authorization = "NONE"
}

resource "aws_api_gateway_integration" "proxy" {
  rest_api_id             = aws_api_gateway_rest_api.pets.id
  resource_id             = aws_api_gateway_resource.pets["proxy"].id
  http_method             = aws_api_gateway_method.pets["proxy"].http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = aws_lambda_alias.live.invoke_arn
}

resource "aws_api_gateway_integration" "mapped" {
  rest_api_id             = aws_api_gateway_rest_api.pets.id
  resource_id             = aws_api_gateway_resource.pets["mapped"].id
  http_method             = aws_api_gateway_method.pets["mapped"].http_method
  type                    = "AWS"
  integration_http_method = "POST"
  uri                     = aws_lambda_alias.live.invoke_arn
  passthrough_behavior    = "NEVER"
  request_templates       = { "application/json" = jsonencode({ name = var.changed ? "b" : "a" }) }
}

resource "aws_api_gateway_method_response" "mapped" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  resource_id = aws_api_gateway_resource.pets["mapped"].id
  http_method = aws_api_gateway_method.pets["mapped"].http_method
  status_code = "200"
}

resource "aws_api_gateway_integration_response" "mapped" {
  rest_api_id        = aws_api_gateway_rest_api.pets.id
  resource_id        = aws_api_gateway_resource.pets["mapped"].id
  http_method        = aws_api_gateway_method.pets["mapped"].http_method
  status_code        = aws_api_gateway_method_response.mapped.status_code
  response_templates = { "application/json" = "$input.path('$.body')" }
  depends_on         = [aws_api_gateway_integration.mapped]
}

resource "aws_api_gateway_deployment" "pets" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  triggers    = { changed = var.changed }
  depends_on  = [aws_api_gateway_integration.proxy, aws_api_gateway_integration_response.mapped]

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "pets" {
  rest_api_id   = aws_api_gateway_rest_api.pets.id
  deployment_id = aws_api_gateway_deployment.pets.id
  stage_name    = "live"
}

# The HTTP API asks the function itself.

resource "aws_apigatewayv2_api" "pets" {
  name          = "functions"
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_integration" "pets" {
  api_id                 = aws_apigatewayv2_api.pets.id
  integration_type       = "AWS_PROXY"
  integration_method     = "POST"
  integration_uri        = aws_lambda_function.pets.invoke_arn
  payload_format_version = var.changed ? "2.0" : "1.0"
}

resource "aws_apigatewayv2_route" "pets" {
  api_id    = aws_apigatewayv2_api.pets.id
  route_key = "GET /pets"
  target    = "integrations/${aws_apigatewayv2_integration.pets.id}"
}

resource "aws_apigatewayv2_stage" "pets" {
  api_id      = aws_apigatewayv2_api.pets.id
  name        = "$default"
  auto_deploy = true
}

output "apis" {
  description = "Ids by kind"
  value = {
    rest = aws_api_gateway_rest_api.pets.id
    http = aws_apigatewayv2_api.pets.id
  }
}
