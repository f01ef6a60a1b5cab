#!/usr/bin/env bash
# daemun with one JSON line for each request in a file.
DAEMUN_LOG=json
. "$(dirname "$0")/_daemun.sh"
