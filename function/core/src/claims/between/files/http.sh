# shellcheck shell=sh
# What the scripts that talk HTTP share: one request, one wait, one way to quote. It is put before each of them and
# knows no service. Whatever may be secret reaches curl on standard input, never in its arguments, and nothing is
# written to disk, so that a read-only container will do.
set -eu

newline='
'
tab=$(printf '\t')

fail() {
  echo "cannot $1" >&2
  exit 1
}

# One line of progress, then a pause. Nothing here gives up by itself: the Job has a deadline.
waiting() {
  echo "waiting for $1"
  sleep "${POLL_SECONDS:-5}"
}

# The inside of a double-quoted string, for JSON and for curl's configuration alike.
quoted() {
  printf '%s' "$1" | sed -e ':a' -e '$!{N;ba' -e '}' -e 's/[\\"]/\\&/g' -e "s/$tab/\\\\t/g" -e 's/\n/\\n/g'
}

# request METHOD URL [BODY [CONTENT-TYPE]]
# Sets $code (000 when nothing answered) and $answer. $authorization is one header line to send along; with
# $include_headers the answer starts with the response's headers.
authorization=
include_headers=
request() {
  answer=$(
    {
      printf 'request = "%s"\nurl = "%s"\n' "$1" "$(quoted "$2")"
      if [ -n "$authorization" ]; then
        printf 'header = "%s"\n' "$(quoted "$authorization")"
      fi
      if [ -n "${3-}" ]; then
        printf 'header = "Content-Type: %s"\ndata-raw = "%s"\n' "${4:-application/json}" "$(quoted "$3")"
      fi
      if [ -n "$include_headers" ]; then
        echo include
      fi
    } | curl --config - --silent --globoff --max-time 30 --write-out '\n%{http_code}'
  ) || true
  code=${answer##*"$newline"}
  code=${code:-000}
  answer=${answer%"$newline"*}
}

# member NAME: the first string value of that name in $answer, as JSON has it; empty when there is none.
member() {
  printf '%s' "$answer" | tr -d '\r\n' | sed -n -E 's/"'"$1"'": *"(([^"\\]|\\.)*)"/\n\1\n/; s/^[^\n]*\n([^\n]*)\n.*$/\1/p'
}
