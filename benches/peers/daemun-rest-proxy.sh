#!/usr/bin/env bash
# daemun with a REST API whose method passes requests on as they are.
DAEMUN_REST=proxy
. "$(dirname "$0")/_daemun.sh"
