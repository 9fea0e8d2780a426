# shellcheck shell=sh
# Brings the topics to what is asked for, one direction only: a missing topic is created, partitions are added, retention
# is set. Nothing is deleted and no partition taken away, because records would go with them.
set -eu

fail() {
  echo "cannot $1" >&2
  exit 1
}

: "${BOOTSTRAP:?}" "${TOPICS:?}"

echo "asking Kafka at $BOOTSTRAP for its topics"
# The tool warns twice a second while it finds nobody: only its last word is passed on.
until topics=$(kafka-topics --bootstrap-server "$BOOTSTRAP" --describe 2>&1); do
  echo "waiting for Kafka at $BOOTSTRAP ($(printf '%s\n' "$topics" | grep '^Error' | tail -n 1))"
  sleep "${POLL_SECONDS:-5}"
done

# described TOPIC FIELD: one field of the line that describes a topic as a whole, empty when there is no such topic.
described() {
  printf '%s\n' "$topics" | tr '\t' '\n' | sed 's/^ *//' | awk -v topic="$1" -v field="$2" '
    /^Topic: / { here = ($2 == topic) }
    here && index($0, field ": ") == 1 { print $2; exit }'
}

