# shellcheck shell=sh disable=SC2154 # http.sh, json.sh, keep.sh and connect.sh stand before it
# Keeps one connector in Kafka Connect as a claim asks for it, or none: Connect itself never starts a task again that has
# failed. It looks at what Connect and the Schema Registry say, not at their ports.
#
# CONNECTOR_NAME, CONNECTOR_CLASS, CONNECTOR_CONFIG: the connector that is wanted; none without a name. UNWANTED: names of
# ours that are not. SCHEMA_REGISTRY_URL: has to answer, too. SUBJECTS: whose schemas may change in any way.

connector=$CONNECT_URL/connectors/${CONNECTOR_NAME-}
# Remembers for as long as the pod lives that the connector was put, and what it reads read anew.
put_file=$ready_file.put
# How often a state may be seen that is from before what was just asked for.
patience=0

# A device that sends 98 where it sent 98.6 changes the schema that is inferred for it: that must not stop the flow.
accept_any_schema() {
  for subject in ${SUBJECTS-}; do
    while :; do
      request PUT "${SCHEMA_REGISTRY_URL:?}/config/$subject" '{"compatibility":"NONE"}'
      case $code in
        200) break ;;
        4??) fail "set the compatibility of subject $subject (the Schema Registry answers $code): $(member message)" ;;
      esac
      waiting "the Schema Registry at $SCHEMA_REGISTRY_URL to answer (now: $code)"
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

# What Connect refuses may be a credential that has not reached the worker yet (an unresolved placeholder is passed on as
# it stands): the next run asks again.
put_connector() {
  : "${CONNECTOR_CLASS:?}" "${CONNECTOR_CONFIG:?}"
  wait_for_plugin
  while :; do
    request PUT "$connector/config" "$CONNECTOR_CONFIG"
    case $code in
      200 | 201) break ;;
      400 | 422) fail "put connector $CONNECTOR_NAME (Connect answers $code): $(member message)" ;;
    esac
    waiting "Kafka Connect to take connector $CONNECTOR_NAME (now: $code $(member message))"
  done
  waiting_since=
  echo "connector $CONNECTOR_NAME: configuration taken"
  if [ "$code" = 200 ]; then
    # An unchanged configuration starts nothing again: not what has failed, and not what reads credentials that changed.
    if [ -e "$put_file" ]; then
      restart '&onlyFailed=true'
    else
      restart ''
    fi
  fi
  : >"$put_file"
  steady=
}

# A restart that is refused (409 while Connect rebalances) leaves what has failed, which the next run finds.
restart() {
  request POST "$connector/restart?includeTasks=true$1"
  patience=3
}

# Sets $reason to what a failed connector or task says: the last cause in its trace, which is the first in time.
reason() {
  reason=$(member trace | sed -e 's/.*Caused by: //' -e 's/\\[nrt].*//')
}

look_at_connector() {
  request GET "$connector/status"
  # The connector's own state first, then its tasks'.
  states=$(texts | awk -F "$tab" '$1 ~ /(^connector|^tasks\.[0-9]+)\.state$/ { printf "%s ", $2 }')
  case $code:$states in
    404:*) put_connector && return ;;
    200:*FAILED*)
      reason
      if [ "$patience" -le 0 ]; then
        fail "run connector $CONNECTOR_NAME: ${reason:-$states}"
      fi
      patience=$((patience - 1))
      ;;
    200:*PAUSED* | 200:*STOPPED*)
      fail "run connector $CONNECTOR_NAME: it is paused; to resume it, run: curl -X PUT $connector/resume"
      ;;
    200:*UNASSIGNED* | 200:*RESTARTING*) ;;
    200:RUNNING\ RUNNING*)
      patience=0
      # Running once is not enough: a task may fail on its first poll.
      if [ -n "$steady" ]; then
        all_is_well "connector $CONNECTOR_NAME: running with its tasks"
        return
      fi
      steady=yes
      waiting "connector $CONNECTOR_NAME to keep running"
      return
      ;;
  esac
  steady=
  waiting "connector $CONNECTOR_NAME and its tasks to run (now: ${states:-$code})"
}

accept_any_schema
if [ -n "${CONNECTOR_NAME-}" ]; then
  put_connector
fi
while :; do
  if [ -n "${SCHEMA_REGISTRY_URL-}" ]; then
    request GET "$SCHEMA_REGISTRY_URL/subjects"
    if [ "$code" != 200 ]; then
      waiting "the Schema Registry at $SCHEMA_REGISTRY_URL to answer (now: $code)"
      continue
    fi
  fi
  remove_unwanted
  if [ "$code" != 200 ]; then
    waiting "Kafka Connect at $CONNECT_URL to answer (now: $code)"
  elif [ -n "${CONNECTOR_NAME-}" ]; then
    look_at_connector
  else
    all_is_well "Kafka Connect answers"
  fi
done
