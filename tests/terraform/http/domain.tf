# Domains, mappings and VPC links of the second service.

resource "aws_apigatewayv2_domain_name" "pets" {
  domain_name = "http.example.com"

  domain_name_configuration {
    certificate_arn = "arn:aws:acm:eu-west-1:111111111111:certificate/${var.changed ? "b" : "a"}"
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }

  tags = { stage = var.changed ? "two" : "one" }
}

resource "aws_apigatewayv2_api_mapping" "pets" {
  api_id          = aws_apigatewayv2_api.pets.id
  domain_name     = aws_apigatewayv2_domain_name.pets.id
  stage           = aws_apigatewayv2_stage.usual.id
  api_mapping_key = var.changed ? "v2/animals" : "v1/pets"
}

resource "aws_apigatewayv2_vpc_link" "pets" {
  name               = var.changed ? "animals" : "pets"
  security_group_ids = ["sg-0123456789abcdef0"]
  subnet_ids         = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
  tags               = { stage = var.changed ? "two" : "one" }
}

resource "aws_apigatewayv2_integration" "linked" {
  api_id             = aws_apigatewayv2_api.pets.id
  integration_type   = "HTTP_PROXY"
  integration_method = "GET"
  integration_uri    = "arn:aws:elasticloadbalancing:eu-west-1:111111111111:listener/app/pets/50dc6c495c0c9188/0467ef3c8400ae65"
  connection_type    = "VPC_LINK"
  connection_id      = aws_apigatewayv2_vpc_link.pets.id

  tls_config {
    server_name_to_verify = var.changed ? "b.example.com" : "a.example.com"
  }
}

resource "aws_apigatewayv2_route" "linked" {
  api_id    = aws_apigatewayv2_api.pets.id
  route_key = "GET /linked"
  target    = "integrations/${aws_apigatewayv2_integration.linked.id}"
}
