# shellcheck shell=sh disable=SC2154 # http.sh and connect.sh stand before it
# Removes the connectors of ours from Kafka Connect where a claim asks for none. Whoever kept one of them until now may
# still be ending, and put it back once more: so it looks for a while.

: "${UNWANTED:?}"

# A name that leads nowhere: there is no Kafka here that could run a connector.
is_absent() {
  curl --silent --max-time 30 --output /dev/null "$CONNECT_URL" || [ "$?" -ne 6 ] || return 0
  return 1
}

looks=0
while [ "$looks" -lt 6 ]; do
  if is_absent; then
    echo "there is no Kafka Connect at $CONNECT_URL: nothing to remove"
    exit 0
  fi
  remove_unwanted
  if [ "$code" = 200 ]; then
    looks=$((looks + 1))
  fi
  waiting "Kafka Connect at $CONNECT_URL to have none of: $UNWANTED (now: $code)"
done
echo "Kafka Connect has none of: $UNWANTED"
