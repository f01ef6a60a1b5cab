#!/usr/bin/env bash
# daemun with a REST API that answers itself.
DAEMUN_REST=mock
. "$(dirname "$0")/_daemun.sh"
