# A WebSocket API with all that belongs to one.

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

resource "aws_apigatewayv2_api" "chat" {
  name                         = var.changed ? "talk" : "chat"
  description                  = var.changed ? "changed" : "made by Terraform"
  protocol_type                = "WEBSOCKET"
  route_selection_expression   = var.changed ? "$request.body.kind" : "$request.body.action"
  api_key_selection_expression = "$request.header.x-api-key"
  tags                         = { stage = var.changed ? "two" : "one" }
}

resource "aws_apigatewayv2_model" "message" {
  api_id       = aws_apigatewayv2_api.chat.id
  name         = var.changed ? "Messages" : "Message"
  description  = var.changed ? "changed" : "what is said"
  content_type = "application/json"
  schema       = jsonencode({ type = "object", title = var.changed ? "two" : "one" })
}

resource "aws_apigatewayv2_authorizer" "who" {
  api_id           = aws_apigatewayv2_api.chat.id
  name             = var.changed ? "whoever" : "who"
  authorizer_type  = "REQUEST"
  authorizer_uri   = local.invoke
  identity_sources = var.changed ? ["route.request.querystring.who"] : ["route.request.header.who"]
}

resource "aws_apigatewayv2_integration" "function" {
  api_id                    = aws_apigatewayv2_api.chat.id
  description               = var.changed ? "changed" : "the room"
  integration_type          = "AWS_PROXY"
  integration_method        = "POST"
  integration_uri           = local.invoke
  content_handling_strategy = "CONVERT_TO_TEXT"
  passthrough_behavior      = var.changed ? "NEVER" : "WHEN_NO_MATCH"
}

resource "aws_apigatewayv2_integration" "upstream" {
  api_id                        = aws_apigatewayv2_api.chat.id
  integration_type              = "HTTP"
  integration_method            = "POST"
  integration_uri               = "${var.upstream}/chat"
  template_selection_expression = "$request.body.kind"
  timeout_milliseconds          = var.changed ? 20000 : 10000

  request_templates = var.changed ? { one = "{}", three = "3" } : { one = "{}", two = "2" }
}

resource "aws_apigatewayv2_integration" "mock" {
  api_id           = aws_apigatewayv2_api.chat.id
  integration_type = "MOCK"

  request_templates = { "200" = "{\"statusCode\": 200}" }
}

resource "aws_apigatewayv2_integration_response" "mock" {
  api_id                        = aws_apigatewayv2_api.chat.id
  integration_id                = aws_apigatewayv2_integration.mock.id
  integration_response_key      = "/200/"
  template_selection_expression = var.changed ? "$default" : "$request.body.kind"
  response_templates            = var.changed ? { one = "1", three = "3" } : { one = "1", two = "2" }
}

resource "aws_apigatewayv2_route" "connect" {
  api_id             = aws_apigatewayv2_api.chat.id
  route_key          = "$connect"
  authorization_type = "CUSTOM"
  authorizer_id      = aws_apigatewayv2_authorizer.who.id
  api_key_required   = var.changed
  operation_name     = var.changed ? "Enter" : "Connect"
  target             = "integrations/${aws_apigatewayv2_integration.function.id}"

  request_parameter {
    request_parameter_key = "route.request.querystring.room"
    required              = var.changed
  }
}

resource "aws_apigatewayv2_route" "say" {
  api_id                              = aws_apigatewayv2_api.chat.id
  route_key                           = var.changed ? "tell" : "say"
  target                              = "integrations/${aws_apigatewayv2_integration.upstream.id}"
  model_selection_expression          = "$request.body.kind"
  request_models                      = { message = aws_apigatewayv2_model.message.name }
  route_response_selection_expression = "$default"
}

resource "aws_apigatewayv2_route" "usual" {
  api_id                              = aws_apigatewayv2_api.chat.id
  route_key                           = "$default"
  target                              = "integrations/${aws_apigatewayv2_integration.mock.id}"
  route_response_selection_expression = "$default"
}

resource "aws_apigatewayv2_route_response" "usual" {
  api_id                     = aws_apigatewayv2_api.chat.id
  route_id                   = aws_apigatewayv2_route.usual.id
  route_response_key         = "$default"
  model_selection_expression = var.changed ? "$request.body.kind" : "$request.body.action"
  response_models            = { message = aws_apigatewayv2_model.message.name }
}

resource "aws_apigatewayv2_deployment" "chat" {
  api_id      = aws_apigatewayv2_api.chat.id
  description = var.changed ? "changed" : "the first"

  depends_on = [
    aws_apigatewayv2_route.connect,
    aws_apigatewayv2_route.say,
    aws_apigatewayv2_route.usual,
  ]
}

resource "aws_apigatewayv2_stage" "live" {
  api_id          = aws_apigatewayv2_api.chat.id
  name            = "live"
  deployment_id   = aws_apigatewayv2_deployment.chat.id
  stage_variables = var.changed ? { one = "1", three = "3" } : { one = "1", two = "2" }

  default_route_settings {
    data_trace_enabled     = var.changed
    logging_level          = var.changed ? "INFO" : "ERROR"
    throttling_burst_limit = 50
    throttling_rate_limit  = 100
  }

  route_settings {
    route_key              = "$connect"
    throttling_burst_limit = var.changed ? 20 : 10
    throttling_rate_limit  = 10
  }

  tags = { stage = var.changed ? "two" : "one" }
}

output "api" {
  value = aws_apigatewayv2_api.chat.id
}
