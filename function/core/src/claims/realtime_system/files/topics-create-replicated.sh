create() {
  if [ "$3" = - ]; then
    kafka-topics --bootstrap-server "$BOOTSTRAP" --create --if-not-exists --topic "$1" --partitions "$2"
  else
    kafka-topics --bootstrap-server "$BOOTSTRAP" --create --if-not-exists --topic "$1" --partitions "$2" --config "retention.ms=$3"
  fi
  echo "topic $1: created with $2 partitions"
}

