#!/usr/bin/env bash
# daemun with a REST API with a template for the request and one for the response.
DAEMUN_REST=template
. "$(dirname "$0")/_daemun.sh"
