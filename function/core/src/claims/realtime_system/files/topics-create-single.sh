create() {
  if [ "$3" = - ]; then
    kafka-topics --bootstrap-server "$BOOTSTRAP" --create --if-not-exists --topic "$1" --partitions "$2" --replication-factor 1
  else
    kafka-topics --bootstrap-server "$BOOTSTRAP" --create --if-not-exists --topic "$1" --partitions "$2" --replication-factor 1 \
      --config "retention.ms=$3"
  fi
  echo "topic $1: created with $2 partitions"
}

