# Domains, mappings, VPC links and client certificates of the first service.

resource "aws_api_gateway_domain_name" "pets" {
  domain_name              = "rest.example.com"
  regional_certificate_arn = "arn:aws:acm:eu-west-1:111111111111:certificate/${var.changed ? "b" : "a"}"
  security_policy          = "TLS_1_2"

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  tags = { stage = var.changed ? "two" : "one" }
}

resource "aws_api_gateway_base_path_mapping" "pets" {
  api_id      = aws_api_gateway_rest_api.pets.id
  stage_name  = var.changed ? aws_api_gateway_stage.canary.stage_name : aws_api_gateway_stage.live.stage_name
  domain_name = aws_api_gateway_domain_name.pets.domain_name
  base_path   = var.changed ? "animals" : "shop"
}

resource "aws_api_gateway_base_path_mapping" "root" {
  api_id      = aws_api_gateway_rest_api.pets.id
  stage_name  = aws_api_gateway_stage.live.stage_name
  domain_name = aws_api_gateway_domain_name.pets.domain_name
}

resource "aws_api_gateway_client_certificate" "pets" {
  description = var.changed ? "changed" : "for upstreams"
  tags        = { stage = var.changed ? "two" : "one" }
}

resource "aws_api_gateway_vpc_link" "pets" {
  name        = var.changed ? "animals" : "pets"
  description = var.changed ? "changed" : "the pets' network"
  target_arns = ["arn:aws:elasticloadbalancing:eu-west-1:111111111111:loadbalancer/net/pets/50dc6c495c0c9188"]
  tags        = { stage = var.changed ? "two" : "one" }
}

resource "aws_api_gateway_method" "linked" {
  rest_api_id   = aws_api_gateway_rest_api.pets.id
  resource_id   = aws_api_gateway_resource.pets.id
  http_method   = "PATCH"
  authorization = "NONE"
}

resource "aws_api_gateway_integration" "linked" {
  rest_api_id             = aws_api_gateway_rest_api.pets.id
  resource_id             = aws_api_gateway_resource.pets.id
  http_method             = aws_api_gateway_method.linked.http_method
  type                    = "HTTP_PROXY"
  integration_http_method = "PATCH"
  uri                     = "http://pets.internal/pets"
  connection_type         = "VPC_LINK"
  connection_id           = aws_api_gateway_vpc_link.pets.id
}
