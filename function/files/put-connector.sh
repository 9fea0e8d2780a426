# shellcheck shell=sh disable=SC2154 # http.sh stands before it
# Puts one connector into Kafka Connect and stays until it runs. What Connect refuses or a task fails on may be a
# credential that has not reached the worker yet (an unresolved placeholder is passed on as it stands), so both are
# tried again for a while before they count as failures.

: "${CONNECT_URL:?}" "${CONNECTOR_NAME:?}" "${CONNECTOR_CLASS:?}" "${CONNECTOR_CONFIG:?}"
connector=$CONNECT_URL/connectors/$CONNECTOR_NAME
give_up_seconds=${GIVE_UP_SECONDS:-300}
trouble_since=

# Ends the script once trouble has lasted for too long: $1 says what is wrong.
give_up_in_time() {
  now=$(date +%s)
  trouble_since=${trouble_since:-$now}
  if [ "$((now - trouble_since))" -ge "$give_up_seconds" ]; then
    fail "$1"
  fi
}

# A device that sends 98 where it sent 98.6 changes the schema that is inferred for it: that must not stop the flow.
accept_any_schema() {
  for subject in ${SUBJECTS-}; do
    while :; do
      request PUT "${SCHEMA_REGISTRY_URL:?}/config/$subject" '{"compatibility":"NONE"}'
      case $code in
        200) break ;;
        4??) fail "set the compatibility of subject $subject (the Schema Registry answers $code): $(member message)" ;;
      esac
      waiting "the Schema Registry at $SCHEMA_REGISTRY_URL (now: $code)"
    done
    echo "subject $subject: compatibility NONE"
  done
}

wait_for_plugin() {
  while :; do
    request GET "$CONNECT_URL/connector-plugins"
    case $code$answer in
      200*"\"$CONNECTOR_CLASS\""*) return ;;
    esac
    waiting "Kafka Connect at $CONNECT_URL to list plug-in $CONNECTOR_CLASS (now: $code)"
  done
}

put_config() {
  while :; do
    request PUT "$connector/config" "$CONNECTOR_CONFIG"
    case $code in
      200 | 201) break ;;
      400 | 422) give_up_in_time "put connector $CONNECTOR_NAME (Connect answers $code): $(member message)" ;;
    esac
    waiting "Kafka Connect to take connector $CONNECTOR_NAME (now: $code $(member message))"
  done
  trouble_since=
  if [ "$code" = 200 ]; then
    # An unchanged configuration does not restart tasks, but the credentials that it names may have changed.
    restart ''
  fi
  echo "connector $CONNECTOR_NAME: configuration taken"
}

# A refused restart (409 while Connect rebalances) is asked for again by whoever waits for the state.
restart() {
  request POST "$connector/restart?includeTasks=true$1"
}

# Running once is not enough: a task may fail on its first poll.
wait_until_running() {
  steady=
  while :; do
    request GET "$connector/status"
    status=$(printf '%s' "$answer" | tr -d '\r\n')
    states=$(printf '%s' "$status" | grep -o '"state": *"[A-Z_]*"' | sed 's/.*"\([A-Z_]*\)"$/\1/' | tr '\n' ' ') || true
    case $code:$states in
      200:*FAILED*)
        reason=$(member trace | sed 's/\\[nrt].*//')
        give_up_in_time "run connector $CONNECTOR_NAME: $reason"
        echo "connector $CONNECTOR_NAME: $reason; starting what failed again"
        restart '&onlyFailed=true'
        ;;
      200:*PAUSED* | 200:*STOPPED*)
        echo "connector $CONNECTOR_NAME: somebody has paused it; it is left so"
        return
        ;;
      200:*UNASSIGNED* | 200:*RESTARTING*) ;;
      200:RUNNING\ RUNNING*)
        if [ -n "$steady" ]; then
          echo "connector $CONNECTOR_NAME: running with its tasks"
          return
        fi
        steady=yes
        waiting "connector $CONNECTOR_NAME to keep running"
        continue
        ;;
    esac
    steady=
    waiting "connector $CONNECTOR_NAME and its tasks to run (now: ${states:-nothing})"
  done
}

accept_any_schema
wait_for_plugin
put_config
wait_until_running
