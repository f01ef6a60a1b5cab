#!/usr/bin/env bash
# daemun with a REST API whose answers are kept.
DAEMUN_REST=cached
. "$(dirname "$0")/_daemun.sh"
