# shellcheck shell=sh disable=SC2154 # http.sh, json.sh, hq.sh and processors.sh stand before it
# Removes the processors of ours where a claim asks for none. Whoever kept them until now may still be ending, and make one
# once more: so it looks for a while.

names=
hq_login
looks=0
while [ "$looks" -lt 6 ]; do
  wait_for_agent
  list
  looks=$((looks + 1))
  wrong=
  remove_unwanted
  if [ -n "$unwanted" ]; then
    looks=0
  fi
  if [ -n "$wrong" ]; then
    echo "cannot ${wrong#; }"
  fi
  waiting "the agent of environment $ENVIRONMENT to have no processor of ours"
done
echo "Lenses has no processor of ours"
