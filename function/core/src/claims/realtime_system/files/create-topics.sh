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

create() {
  if [ "$3" = - ]; then
    kafka-topics --bootstrap-server "$BOOTSTRAP" --create --if-not-exists --topic "$1" --partitions "$2" --replication-factor 1
  else
    kafka-topics --bootstrap-server "$BOOTSTRAP" --create --if-not-exists --topic "$1" --partitions "$2" --replication-factor 1 \
      --config "retention.ms=$3"
  fi
  echo "topic $1: created with $2 partitions"
}

raise_partitions() {
  present=$(described "$1" PartitionCount)
  if [ "$present" -lt "$2" ]; then
    kafka-topics --bootstrap-server "$BOOTSTRAP" --alter --topic "$1" --partitions "$2"
    echo "topic $1: raised from $present to $2 partitions"
  elif [ "$present" -gt "$2" ]; then
    echo "topic $1: keeps its $present partitions, more than the $2 asked for, because partitions cannot be taken away"
  fi
}

set_retention() {
  if [ "$2" = - ]; then
    return
  fi
  case ,$(described "$1" Configs), in
    *",retention.ms=$2,"*) return ;;
  esac
  kafka-configs --bootstrap-server "$BOOTSTRAP" --alter --entity-type topics --entity-name "$1" --add-config "retention.ms=$2"
  echo "topic $1: retention set to $2 ms"
}

while read -r topic partitions retention rest; do
  if [ -z "$topic" ]; then
    continue
  fi
  retention=${retention:--}
  case $topic:$partitions:$retention:$rest in
    *[!a-zA-Z0-9._-]*:*:*: | *:*[!0-9]*:*: | *::*: | *:*:*[!0-9-]*: | *:*:*:?*)
      fail "read a topic from '$topic $partitions $retention $rest': write name, partitions and retention in ms or -"
      ;;
  esac
  if [ -z "$(described "$topic" PartitionCount)" ]; then
    create "$topic" "$partitions" "$retention"
  else
    raise_partitions "$topic" "$partitions"
    set_retention "$topic" "$retention"
  fi
done <<EOF
$TOPICS
EOF
echo "all topics are as asked for"
