# One of each kind of API, as tests/api/test_terraform.py makes, changes and destroys them.

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
  description = "The URL of a server that echoes"
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
    sts          = var.endpoint
  }

  default_tags {
    tags = { team = "pets" }
  }
}

module "rest" {
  source   = "./rest"
  upstream = var.upstream
  changed  = var.changed
}

module "http" {
  source   = "./http"
  upstream = var.upstream
  changed  = var.changed
}

module "websocket" {
  source   = "./websocket"
  upstream = var.upstream
  changed  = var.changed
}

module "domains" {
  source     = "./domains"
  rest       = module.rest.api
  http       = module.http.api
  changed    = var.changed
  depends_on = [module.rest, module.http]
}

output "apis" {
  description = "Ids by kind"
  value = {
    rest      = module.rest.api
    closed    = module.rest.closed
    http      = module.http.api
    quick     = module.http.quick
    websocket = module.websocket.api
  }
}
