# shellcheck shell=sh disable=SC2154 # http.sh, json.sh and hq.sh stand before it
# Lenses' SQL processors, through HQ, which passes everything on to the environment's agent. What is ours carries the tag
# realtime-platform, and beside it one with a checksum of its SQL. Nobody else's processor is touched.

: "${HQ_URL:?}" "${HQ_USERNAME:?}" "${HQ_PASSWORD:?}" "${ENVIRONMENT:?}"
agent=$HQ_URL/api/v1/environments/$ENVIRONMENT/proxy
mark=realtime-platform
# Stands between fields that may be empty, which a tab cannot.
between=$(printf '\003')

# What could not be done just now, and all that is wrong, each part after a semicolon.
trouble=
wrong=

note_trouble() {
  wrong=$wrong${trouble:+; $trouble}
  trouble=
}

wait_for_agent() {
  until request GET "$HQ_URL/api/v1/environments/$ENVIRONMENT" && [ "$code" = 200 ] &&
    printf '%s' "$answer" | tr -d '\r\n' | grep -q '"agent_connected": *true'; do
    if [ "$code" = 401 ]; then
      hq_login
    fi
    waiting "the agent of environment $ENVIRONMENT to connect to HQ (now: $code)"
  done
}

# ask METHOD PATH [BODY]: a request to the agent, in a session that may have ended meanwhile.
ask() {
  request "$1" "$agent/$2" "${3-}"
  if [ "$code" = 401 ]; then
    hq_login
    request "$1" "$agent/$2" "${3-}"
  fi
}

# Sets $found to one line for each processor that Lenses has: its id, its name, the id that its offsets are kept under, its
# state, what it says of it, its tags with commas around each, and its SQL as JSON has it.
list() {
  while :; do
    ask GET api/v2/streams
    case $code in
      200) break ;;
    esac
    waiting "the agent of environment $ENVIRONMENT to list its processors (now: $code)"
  done
  found=$(texts | awk -F "$tab" -v OFS="$between" '
    {
      split($1, step, ".")
      here = step[2]
      field = substr($1, length("processors." here ".") + 1)
      if (!(here in tags)) {
        order[++count] = here
        tags[here] = ","
      }
      if (field ~ /^metadata\.tags\.[0-9]+$/) tags[here] = tags[here] $2 ","
      else value[here, field] = substr($0, length($1) + 2)
    }
    END {
      for (at = 1; at <= count; at++) {
        here = order[at]
        print value[here, "id"], value[here, "application.name"], value[here, "application.processorId"], \
          value[here, "deployment.status.level"], value[here, "deployment.status.replicas.0.msg"], tags[here], \
          value[here, "application.sql"]
      }
    }')
}

# remove NAME ID: stops a processor and takes it away. Its topics and their records stay.
remove() {
  ask PUT "api/v1/streams/$2/stop"
  ask DELETE "api/v1/streams/$2"
  case $code in
    2?? | 404) return 0 ;;
  esac
  trouble="remove processor $1 (Lenses answers $code): $(member title)"
  return 1
}

# Removes what is ours of $found and not in $names, which has one name in each line. Sets $unwanted to what there was of it.
remove_unwanted() {
  unwanted=
  while IFS=$between read -r id name _ _ _ tags _; do
    case $tags in
      *",$mark,"*) ;;
      *) continue ;;
    esac
    if printf '%s\n' "$names" | grep -qxFe "$name"; then
      continue
    fi
    unwanted=$unwanted$name,
    if remove "$name" "$id"; then
      echo "processor $name: removed, because the claim does not ask for it"
    fi
    note_trouble
  done <<EOF
$found
EOF
}
