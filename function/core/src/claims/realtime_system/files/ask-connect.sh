# shellcheck shell=sh
# What Kafka Connect counts of records that it leaves out, written down for the server beside it. Connect shows these
# counts by Java's own interface only, and Kafka's tool for that is in this image. Where Connect does not answer, nothing is
# written down, and what was is taken away: the server then says that it knows nothing.
set -eu

: "${CONNECT_JMX:?}"
: "${ANSWER:?}"

# The first process of a container is ended by no signal that it does not handle.
trap 'exit 0' TERM INT

# A Connect that stands still takes the question and never answers. There is a worker with its counts as soon as Connect is
# up, and one task at least where a connector runs.
ask() {
  timeout "${TIMEOUT_SECONDS:-30}" kafka-run-class org.apache.kafka.tools.JmxTool \
    --jmx-url "service:jmx:rmi:///jndi/rmi://$CONNECT_JMX/jmxrmi" --one-time --report-format tsv \
    --object-name kafka.connect:type=connect-worker-metrics \
    --object-name 'kafka.connect:type=task-error-metrics,connector=*,task=*' \
    --attributes task-count,total-records-skipped,deadletterqueue-produce-requests,deadletterqueue-produce-failures
}

was=
while :; do
  if ask >"$ANSWER.new" 2>/tmp/said; then
    mv "$ANSWER.new" "$ANSWER"
    now='Connect answers'
  else
    rm -f "$ANSWER"
    now="Connect does not answer: $(tail -n 1 /tmp/said)"
  fi
  if [ "$now" != "$was" ]; then
    echo "$now"
    was=$now
  fi
  sleep "${POLL_SECONDS:-30}" &
  wait $!
done
