# Sourced by every daemun*.sh here. Writes a config from what the harness gives (B_*) and runs one
# worker on it: routing, request ids, limits and metrics on, as people would run it.
#   DAEMUN_BIN     the program; default: target/release/daemun of this checkout
#   DAEMUN_DRIVER  auto | io_uring | epoll
#   DAEMUN_LOG     off | json: the access log, to a file in $B_DIR
#   DAEMUN_REST    proxy | template | mock | cached: a REST API of this kind, made over the management
#                  API (_rest.py), in the place of the route of the config
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${DAEMUN_BIN:=${CARGO_TARGET_DIR:-$here/../../target}/release/daemun}"
: "${DAEMUN_DRIVER:=auto}" "${DAEMUN_LOG:=off}" "${DAEMUN_REST:=}"

peer_config() {
  local idle=60s log=off management='address = "off"'
  [ -z "$DAEMUN_REST" ] || management="address = \"127.0.0.1:$((B_PORT + 3))\"
data_dir = \"$B_DIR/data\""
  [ "$B_IDLE" = 1 ] && idle=600s
  [ "$DAEMUN_LOG" = off ] || log=$B_DIR/access.log
  cat <<C
workers = 1
driver = "$DAEMUN_DRIVER"

[listeners.plain]
address = "127.0.0.1:$B_PORT"

[listeners.tls]
address = "127.0.0.1:$B_TLS_PORT"
tls = { certificates = [{ certificate = "$B_CERT", private_key = "$B_KEY" }], minimum_version = "1.3" }

[admin]
address = "127.0.0.1:$((B_PORT + 2))"

[management]
$management

[timeouts]
idle = "$idle"

[logging]
level = "warn"
access_log = "$log"
access_log_format = "json"

[upstreams.up]
targets = ["127.0.0.1:$B_UP_PORT"]

C
  [ -z "$DAEMUN_REST" ] || return 0
  # One bucket over everything, as the peers' limits are set: far above the offered load.
  if [ "$B_RATELIMIT" = 1 ]; then
    cat <<C
[apis.bench.stages."\$default"]
throttling = { rate_limit = 1000000.0, burst_limit = 1000000 }

C
  fi
  if [ "$B_ROUTES" = 0 ]; then
    cat <<C
[apis.bench.routes."\$default"]
integration = { type = "http_proxy", uri = "http://up/{proxy}" }
C
  else
    awk -v n="$B_ROUTES" -v kind="$B_ROUTE_KIND" 'BEGIN {
      tail = kind == "param" ? "users/{u}/orders/{o}" : "items"
      for (i = 0; i < n; i++) {
        path = "/svc" i "/" tail
        printf "[apis.bench.routes.\"ANY %s\"]\n", path
        printf "integration = { type = \"http_proxy\", uri = \"http://up%s\" }\n", path
      }
    }'
  fi
}

case "${1:-}" in
  available) [ -x "$DAEMUN_BIN" ] ;;
  version) "$DAEMUN_BIN" --version ;;
  features)
    if [ -z "$DAEMUN_REST" ]; then echo http tls routes params ratelimit idle; else echo http tls; fi
    ;;
  run)
    peer_config > "$B_DIR/daemun.toml"
    if [ -n "$DAEMUN_REST" ]; then
      # Made on another port, so that nobody calls it before what is measured has started.
      sed "s/127.0.0.1:$B_PORT\"/127.0.0.1:$((B_PORT + 5))\"/" "$B_DIR/daemun.toml" > "$B_DIR/made.toml"
      "$DAEMUN_BIN" serve "$B_DIR/made.toml" &
      first=$!
      python3 "$here/_rest.py" "$((B_PORT + 3))" "$DAEMUN_REST" "$B_UP_PORT"
      kill -TERM "$first"
      wait "$first" || true
    fi
    exec "$DAEMUN_BIN" serve "$B_DIR/daemun.toml"
    ;;
  *)
    echo "usage: $0 available|version|features|run" >&2
    exit 2
    ;;
esac
