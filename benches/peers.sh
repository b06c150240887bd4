#!/usr/bin/env bash
# benches/peers.sh [VERSION]
#
# The same 28 checks of budgets on one LiteLLM that runs already, by gatecrash and by an ordinary pytest file that asks, polls
# and waits as gatecrash does, one test after the other; and 21 of them by Tavern. Needs Docker, and Python with venv. BEHIND=0
# leaves out pytest's wait for charges that should not come. GATECRASH names another binary than the one built here.
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1:-1.81.0}
gatecrash=${GATECRASH:-./target/release/gatecrash}
[ -n "${GATECRASH:-}" ] || cargo build --release --quiet
folder=$(mktemp --directory)
name=gatecrash-peers-$$
provider=
clean_up() {
  [ -z "$provider" ] || kill "$provider" 2>/dev/null || true
  # A busy engine may give up the first time.
  for attempt in 1 2 3; do docker rm --force --volumes "$name-postgres" "$name-litellm" >/dev/null && break; done
  rm -rf "$folder"
}
trap clean_up EXIT
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
database_port=$(free_port) port=$(free_port) UPSTREAM_PORT=$(free_port)
export PYTHONDONTWRITEBYTECODE=1
export UPSTREAM_PORT LITELLM_URL=http://127.0.0.1:$port LITELLM_MASTER_KEY=sk-peers-$RANDOM$RANDOM

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "pytest<9" httpx tavern
"$gatecrash" config litellm --upstream "http://127.0.0.1:$UPSTREAM_PORT" >"$folder/config.yaml"
docker create --quiet --name "$name-postgres" --network host --env POSTGRES_PASSWORD=peers postgres:15 \
  -c listen_addresses=127.0.0.1 -c port="$database_port" >/dev/null
docker start "$name-postgres" >/dev/null
until docker exec "$name-postgres" pg_isready --quiet --host 127.0.0.1 --port "$database_port"; do sleep 0.2; done
docker create --name "$name-litellm" --network host --env LITELLM_MASTER_KEY --env LITELLM_LOCAL_MODEL_COST_MAP=True \
  --env DATABASE_URL="postgresql://postgres:peers@127.0.0.1:$database_port/postgres" \
  "ghcr.io/berriai/litellm:v$version" --config /app/config.yaml --host 127.0.0.1 --port "$port" >/dev/null
docker cp --quiet "$folder/config.yaml" "$name-litellm:/app/config.yaml"
docker start "$name-litellm" >/dev/null
for ((waited = 0; waited < 180; waited++)); do
  curl --silent --fail --noproxy '*' "$LITELLM_URL/health/readiness" | grep --quiet connected && break
  sleep 1
done

cat >"$folder/harness.toml" <<TOML
[target.peer]
gateway = "litellm"
url = "$LITELLM_URL"
admin_key_env = "LITELLM_MASTER_KEY"
upstream = "127.0.0.1:$UPSTREAM_PORT"
$(sed -n '/^\[\[known_deviation\]\]/,$p' harness.toml)
TOML
# timed NAME COMMAND...: what its last line says, and in `took` how long it took.
timed() {
  # Not `name`: what cleans up would see this one, if this ends the script.
  local what=$1 began ended; shift
  began=$(date +%s%N)
  "$@" >"$folder/said" || { cat "$folder/said"; exit 1; }
  ended=$(date +%s%N)
  took=$(((ended - began) / 1000000))
  echo "$what: $((took / 1000)).$((took % 1000 / 100)) s: $(sed '/^$/d' "$folder/said" | tail -1)"
}
ours() {
  local files=("${@/#/scenarios/budget/}")
  timed gatecrash "$gatecrash" run --target peer --config "$folder/harness.toml" --quiet "${files[@]/%/.yaml}"
}
ratio() { python3 -c "print(f'{$2 / $1:.1f} times as long')"; }

ours key user team-with-two-keys key-and-user-no-team
us=$took
timed pytest "$folder/venv/bin/pytest" --quiet -p no:cacheprovider benches/pytest/test_budgets.py
ratio "$us" "$took"

ours key user key-and-user-no-team
us=$took
python3 benches/pytest/upstream.py "$UPSTREAM_PORT" & provider=$!
timed tavern "$folder/venv/bin/pytest" --quiet -p no:cacheprovider benches/pytest/test_budgets.tavern.yaml
ratio "$us" "$took"
