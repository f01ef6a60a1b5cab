#!/usr/bin/env bash
# daemun on epoll, as in a container that forbids io_uring.
DAEMUN_DRIVER=epoll
. "$(dirname "$0")/_daemun.sh"
