# shellcheck shell=sh disable=SC2154 # http.sh stands before it
# What the scripts share that keep something as it is wanted, for as long as it is wanted. Each run is one attempt: it
# brings everything to what is wanted, and then looks again and again. While all is well there is a file, which the pod's
# readiness looks for. The first thing that is wrong ends the run, with the reason in its last line. The kubelet shows that
# line in the pod's status and starts the next run: at once, after 10 s, after 20 s, and so on up to 5 minutes.

ready_file=${READY_FILE:-/tmp/ready}
give_up_seconds=${GIVE_UP_SECONDS:-300}
waiting_since=
rm -f "$ready_file"
# The first process of a container is ended by no signal that it does not handle.
trap 'exit 0' TERM INT
trap 'rm -f "$ready_file"' EXIT

# One line of progress, then a pause. What is waited for too long is what is wrong.
waiting() {
  rm -f "$ready_file"
  now=$(date +%s)
  waiting_since=${waiting_since:-$now}
  if [ "$((now - waiting_since))" -ge "$give_up_seconds" ]; then
    fail "go on: waited $give_up_seconds s for $1"
  fi
  echo "waiting for $1"
  sleep "${POLL_SECONDS:-5}"
}

# All is as it should be; $1 says so, once.
all_is_well() {
  waiting_since=
  if ! [ -e "$ready_file" ]; then
    echo "$1"
    : >"$ready_file"
  fi
  sleep "${POLL_SECONDS:-5}"
}
