# shellcheck shell=sh disable=SC2154 # http.sh and hq.sh stand before it
# Makes the SQL processors that are missing, through HQ, which passes it on to the environment's agent. A processor that
# is there is left alone, even with other SQL: its state and offsets belong to what runs, and only a person may drop them.
# Lenses checks SQL against the schema of the topic it reads, which the first record would bring: so that nothing waits
# for a device, the schema is registered before.

: "${HQ_URL:?}" "${HQ_USERNAME:?}" "${HQ_PASSWORD:?}" "${ENVIRONMENT:?}" "${PROCESSORS:?}"
streams=$HQ_URL/api/v1/environments/$ENVIRONMENT/proxy/api/v2/streams
give_up_seconds=${GIVE_UP_SECONDS:-900}
started=$(date +%s)

# Registers the schema of the topic that the processors read, unless it has one, and tells Lenses the topic's formats.
describe_source() {
  subject=$SCHEMA_REGISTRY_URL/subjects/$SOURCE_TOPIC-value/versions
  while :; do
    request GET "$subject/latest"
    case $code in
      200) break ;;
      404)
        request POST "$subject" "$(printf '{"schema":"%s"}' "$(quoted "$SOURCE_SCHEMA")")"
        case $code in
          200) break ;;
          4??) fail "register the schema of topic $SOURCE_TOPIC (the Schema Registry answers $code): $(member message)" ;;
        esac
        ;;
    esac
    waiting "the Schema Registry at $SCHEMA_REGISTRY_URL (now: $code)"
  done
  request POST "$HQ_URL/api/v1/environments/$ENVIRONMENT/proxy/api/v1/metadata/topics" \
    "$(printf '{"topicName":"%s","keyType":"STRING","valueType":"AVRO"}' "$SOURCE_TOPIC")"
  echo "topic $SOURCE_TOPIC: has a schema; Lenses answers $code to its formats"
}

# Sets $processors to one line for each processor that Lenses has.
list() {
  while :; do
    request GET "$streams"
    case $code in
      200)
        processors=$(printf '%s' "$answer" | tr -d '\r\n' | sed 's/"application":/\n/g' | sed 1d)
        return
        ;;
      401) hq_login ;;
    esac
    waiting "the agent of environment $ENVIRONMENT to list its processors (now: $code)"
  done
}

# Sets $found to the SQL of processor $1, as JSON has it; false when Lenses has no such processor.
find_processor() {
  while IFS= read -r line; do
    answer=$line
    if [ "$(member name)" = "$1" ]; then
      found=$(member sql)
      return 0
    fi
  done <<EOF
$processors
EOF
  return 1
}

create() {
  while :; do
    request POST "$streams" "$2"
    case $code in
      200 | 201) echo "processor $1: created" && return ;;
      409) echo "processor $1: already there" && return ;;
      401) hq_login ;;
      400 | 404 | 422)
        # A topic or a schema that is new is not known to the agent at once.
        if [ "$(($(date +%s) - started))" -ge "$give_up_seconds" ]; then
          fail "create processor $1 (Lenses answers $code): $answer"
        fi
        ;;
    esac
    waiting "Lenses to take processor $1 (now: $code $answer)"
  done
}

hq_login
until request GET "$HQ_URL/api/v1/environments/$ENVIRONMENT" && [ "$code" = 200 ] &&
  printf '%s' "$answer" | tr -d '\r\n' | grep -q '"agent_connected": *true'; do
  if [ "$code" = 401 ]; then
    hq_login
  fi
  waiting "the agent of environment $ENVIRONMENT to connect to HQ (now: $code)"
done

if [ -n "${SOURCE_SCHEMA-}" ]; then
  : "${SOURCE_TOPIC:?}" "${SCHEMA_REGISTRY_URL:?}"
  describe_source
fi
list
while IFS= read -r body; do
  if [ -z "$body" ]; then
    continue
  fi
  answer=$body
  name=$(member name)
  sql=$(member sql)
  if ! find_processor "$name"; then
    create "$name" "$body"
  elif [ "$found" = "$sql" ]; then
    echo "processor $name: already there"
  else
    echo "processor $name: kept with other SQL than asked for; delete it in Lenses and run this Job again to have it replaced"
  fi
done <<EOF
$PROCESSORS
EOF
