# shellcheck shell=sh disable=SC2154 # http.sh, json.sh, hq.sh and processors.sh stand before it
# Removes the processors of ours where a claim asks for none. Whoever kept them until now may still be ending, and make one
# once more: so it looks for a while.

hq_login
looks=0
while [ "$looks" -lt 6 ]; do
  wait_for_agent
  list
  looks=$((looks + 1))
  while IFS=$between read -r id name _ _ _ tags _; do
    case $tags in
      *",$mark,"*) ;;
      *) continue ;;
    esac
    looks=0
    if remove "$name" "$id"; then
      echo "processor $name: removed, because the claim does not ask for it"
    else
      echo "cannot $trouble"
    fi
  done <<EOF
$found
EOF
  waiting "the agent of environment $ENVIRONMENT to have no processor of ours"
done
echo "Lenses has no processor of ours"
