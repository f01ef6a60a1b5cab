# Custom domain names with mappings, VPC links and a client certificate.

variable "rest" {
  description = "A REST API with a stage `live`"
  type        = string
}

variable "http" {
  description = "An HTTP API with a stage `$default`"
  type        = string
}

variable "changed" {
  type = bool
}

locals {
  certificate = "arn:aws:acm:eu-west-1:111111111111:certificate/${var.changed ? "two" : "one"}"
}

resource "aws_api_gateway_domain_name" "regional" {
  domain_name              = "regional.example.com"
  regional_certificate_arn = local.certificate
  security_policy          = "TLS_1_2"

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  tags = { stage = var.changed ? "two" : "one" }
}

resource "aws_api_gateway_base_path_mapping" "live" {
  api_id      = var.rest
  stage_name  = "live"
  domain_name = aws_api_gateway_domain_name.regional.domain_name
  base_path   = var.changed ? "animals" : "pets"
}

resource "aws_api_gateway_base_path_mapping" "all" {
  api_id      = var.rest
  stage_name  = var.changed ? "live" : null
  domain_name = aws_api_gateway_domain_name.regional.domain_name
}

resource "aws_api_gateway_domain_name" "edge" {
  domain_name     = "edge.example.com"
  certificate_arn = "arn:aws:acm:us-east-1:111111111111:certificate/one"
}

resource "aws_apigatewayv2_domain_name" "pets" {
  domain_name = "pets.example.com"

  domain_name_configuration {
    certificate_arn = local.certificate
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }

  dynamic "mutual_tls_authentication" {
    for_each = var.changed ? [] : ["s3://bucket/trust.pem"]
    content {
      truststore_uri = mutual_tls_authentication.value
    }
  }

  tags = { stage = var.changed ? "two" : "one" }
}

resource "aws_apigatewayv2_api_mapping" "pets" {
  api_id          = var.http
  stage           = "$default"
  domain_name     = aws_apigatewayv2_domain_name.pets.id
  api_mapping_key = var.changed ? "shop/v2" : "shop/v1"
}

resource "aws_api_gateway_vpc_link" "orders" {
  name        = var.changed ? "orders-two" : "orders"
  description = var.changed ? "changed" : "made by Terraform"
  target_arns = ["arn:aws:elasticloadbalancing:eu-west-1:111111111111:loadbalancer/net/orders/50dc6c495c0c9188"]
}

resource "aws_apigatewayv2_vpc_link" "shop" {
  name               = var.changed ? "shop-two" : "shop"
  security_group_ids = ["sg-1"]
  subnet_ids         = ["subnet-1", "subnet-2"]

  tags = { stage = var.changed ? "two" : "one" }
}

resource "aws_api_gateway_client_certificate" "own" {
  description = var.changed ? "changed" : "made by Terraform"
}
