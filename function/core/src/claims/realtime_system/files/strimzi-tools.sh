# shellcheck shell=sh
# Kafka's tools under the names that the rest of the script calls, in Strimzi's image and as the user of CLIENT_CONFIG.
set -eu

: "${CLIENT_CONFIG:?}"

printf '%s\n' "$CLIENT_CONFIG" >/tmp/client.properties
mkdir -p /tmp/bin
for tool in kafka-topics kafka-configs; do
  printf '#!/bin/sh\nexec /opt/kafka/bin/%s.sh "$@" --command-config /tmp/client.properties\n' "$tool" >"/tmp/bin/$tool"
  chmod +x "/tmp/bin/$tool"
done
PATH=/tmp/bin:$PATH

