#!/usr/bin/env bash
# daemun as it comes: io_uring where the kernel allows it, access log off.
. "$(dirname "$0")/_daemun.sh"
