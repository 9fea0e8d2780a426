# shellcheck shell=sh disable=SC2154 # http.sh and json.sh stand before it
# Gives RabbitMQ its users as the claim lists them, each with its password and rights, and takes away the users that an
# earlier claim listed. Everything may exist already, so that the script serves a new cluster, an old one and rotated
# passwords alike; RabbitMQ applies what changes to open connections at once. The rules for queues come first: no client
# has a queue before them. User N of USERS has PASSWORD_N, NAMES_N and TOPICS_N, the last two as JSON.

: "${MANAGEMENT_URL:?}" "${ADMIN_USERNAME:?}" "${ADMIN_PASSWORD:?}" "${QUEUES:?}" "${TAG:?}"
authorization="Authorization: Basic $(printf '%s' "$ADMIN_USERNAME:$ADMIN_PASSWORD" | base64 | tr -d '\n')"

# management METHOD PATH [BODY]: until RabbitMQ does it. A cluster without a majority answers, too, once it has one.
management() {
  while :; do
    request "$1" "$MANAGEMENT_URL/api/$2" "${3-}"
    case $code in
      200 | 201 | 204) return ;;
      # What is to be deleted may be gone.
      404) if [ "$1" = DELETE ]; then return; fi ;;
      # The answer repeats what it refuses, and a password may be in it.
      400) fail "${1} $2 at RabbitMQ (it answers 400): it does not take the values" ;;
      401) fail "log in to RabbitMQ at $MANAGEMENT_URL (it answers 401): it does not take the password of its first user" ;;
    esac
    waiting "RabbitMQ at $MANAGEMENT_URL to take $2 (now: $code)"
  done
}

# value NAME: sets $value to the variable's value. Every other reader of a Secret would send its newline along.
value() {
  value=
  eval "value=\${$1-}"
  case $value in
    '') fail "use $1: it is empty" ;;
    *"$newline"*) fail "use $1: it holds a newline; make the Secret again without one (printf, not echo)" ;;
  esac
}

management PUT policies/%2F/queues "$QUEUES"

number=0
for user in ${USERS-}; do
  number=$((number + 1))
  value "PASSWORD_$number"
  management PUT "users/$user" "$(printf '{"password":"%s","tags":"%s"}' "$(quoted "$value")" "$TAG")"
  # Without rights to topics, a user would have all of them: they come before what lets the user in.
  value "TOPICS_$number"
  management PUT "topic-permissions/%2F/$user" "$value"
  value "NAMES_$number"
  management PUT "permissions/%2F/$user" "$value"
  echo "user $user: ready, with its password and rights"
done

management GET 'users?columns=name,tags'
listed=$(texts | awk -F '\t' -v tag="$TAG" '
  { split($1, step, ".") }
  step[2] == "name" { name[step[1]] = $2 }
  step[2] == "tags" && $2 == tag { tagged[step[1]] }
  END { for (at in tagged) print name[at] }')
for user in $listed; do
  case " ${USERS-} " in
    *" $user "*) ;;
    *)
      management DELETE "users/$user"
      echo "user $user: deleted, because the claim does not list it"
      ;;
  esac
done
