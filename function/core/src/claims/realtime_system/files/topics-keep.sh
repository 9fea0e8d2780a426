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
