# shellcheck shell=sh disable=SC2154 # http.sh, json.sh, keep.sh, hq.sh and processors.sh stand before it
# Keeps the SQL processors of a claim as it asks for them: a missing one is made, a stopped one started, one with other SQL
# replaced, one that the claim does not ask for any more removed. What is wrong with one does not keep the others back.
#
# PROCESSORS: one in each line, as the agent's interface takes it. SCHEMAS: what Lenses checks their SQL against, which the
# first record would bring. Each line is a topic, the format of its values, and whether its schema is for a topic that has
# none yet (first) or for every topic (always). SCHEMA_DIRECTORY has a file for each of these topics.

: "${PROCESSORS:?}"

# The topics that are described, and the processors that were started: once in each run, so that the time between two runs
# is the time between two starts.
described=,
started=,
troubles=0

# Registers the schema of topic $1 of format $2, and tells Lenses its formats. $3 says when.
describe() {
  case $described in
    *",$1,"*) return ;;
  esac
  subject=$SCHEMA_REGISTRY_URL/subjects/$1-value/versions
  code=404
  if [ "$3" = first ]; then
    request GET "$subject/latest"
  fi
  if [ "$code" = 404 ]; then
    kind=
    if [ "$2" != AVRO ]; then
      kind="\"schemaType\":\"$2\","
    fi
    request POST "$subject" "{$kind\"schema\":\"$(quoted "$(cat "$SCHEMA_DIRECTORY/$1")")\"}"
  fi
  if [ "$code" != 200 ]; then
    trouble="register the schema of topic $1 (the Schema Registry answers $code): $(member message)"
    return
  fi
  ask POST api/v1/metadata/topics "$(printf '{"topicName":"%s","keyType":"STRING","valueType":"%s"}' "$1" "$2")"
  echo "topic $1: has a schema; Lenses answers $code to its formats"
  described=$described$1,
}

# create NAME BODY OFFSETS: makes a processor. Its offsets are kept under a name of their own, so that it goes on at them
# when it is made again.
create() {
  ask POST api/v2/streams "${2%?},\"processorId\":\"$3\",\"tags\":[\"$mark\",\"$version\"]}"
  case $code in
    200 | 201) echo "processor $1: made" && return ;;
  esac
  # A topic or a schema that is new is not known to the agent at once.
  trouble="make processor $1 (Lenses answers $code): $(printf '%s' "$answer" | tr -d '\r\n')"
}

# Brings the processor of body $1 to what is wanted.
look_at() {
  answer=$1
  name=$(member name)
  sql=$(member sql)
  version=sql-$(printf '%s' "$1" | sha256sum | cut -c 1-8)
  line=$(printf '%s\n' "$found" | awk -F "$between" -v name="$name" '$2 == name { print; exit }')
  if [ -z "$line" ]; then
    create "$name" "$1" "$mark.$name"
    return
  fi
  IFS=$between read -r id _ offsets state told tags present <<EOF
$line
EOF
  case $tags,$present in
    *",$version,"*) ;;
    # One that somebody made by hand has no such tag.
    *",sql-"*)
      replace "$name" "$1"
      return
      ;;
    *)
      if [ "$present" != "$sql" ]; then
        replace "$name" "$1"
        return
      fi
      ;;
  esac
  case $state in
    RUNNING) return ;;
    NOT_RUNNING | STOPPED | FAILED)
      case $started in
        *",$id,"*) ;;
        *)
          ask PUT "api/v1/streams/$id/start"
          echo "processor $name: is $state; starting it (Lenses answers $code)"
          started=$started$id,
          ;;
      esac
      ;;
  esac
  trouble="run processor $name: Lenses reports ${state:-no state}${told:+: $told}"
}

replace() {
  if remove "$1" "$id"; then
    echo "processor $1: has other SQL and is replaced"
    create "$1" "$2" "${offsets:-$mark.$1}"
  fi
}

# Brings everything to what is wanted. Sets $wrong to what is not.
look() {
  wrong=
  list
  remove_unwanted
  while read -r topic format when; do
    if [ -n "$topic" ]; then
      describe "$topic" "$format" "$when"
      note_trouble
    fi
  done <<EOF
${SCHEMAS-}
EOF
  while IFS= read -r body; do
    look_at "$body"
    note_trouble
  done <<EOF
$PROCESSORS
EOF
}

names=$(
  while IFS= read -r answer; do
    printf '%s\n' "$(member name)"
  done <<EOF
$PROCESSORS
EOF
)
hq_login
while :; do
  wait_for_agent
  look
  if [ -z "$wrong" ]; then
    troubles=0
    all_is_well "all processors run"
    continue
  fi
  troubles=$((troubles + 1))
  # About a minute.
  if [ "$troubles" -gt 12 ]; then
    fail "${wrong#; }"
  fi
  waiting "what is under way (cannot ${wrong#; })"
done
