# shellcheck shell=sh disable=SC2154 # http.sh and hq.sh stand before it
# Gives the agent its place in Lenses HQ: makes the environment there and stores the key that HQ shows only once in a
# Secret, at once. HQ and the Secret are looked at together, because either may be older than the other: a key is worth
# something only to the HQ that still has its environment.

: "${HQ_URL:?}" "${HQ_USERNAME:?}" "${HQ_PASSWORD:?}" "${ENVIRONMENT:?}" "${SECRET_NAME:?}" "${SECRET_KEY:?}"
tier=${TIER:-development}

account=${SERVICE_ACCOUNT_DIR:-/var/run/secrets/kubernetes.io/serviceaccount}
namespace=$(cat "$account/namespace")
case $KUBERNETES_SERVICE_HOST in
  *:*) api_host="[$KUBERNETES_SERVICE_HOST]" ;;
  *) api_host=$KUBERNETES_SERVICE_HOST ;;
esac
secrets=https://$api_host:$KUBERNETES_SERVICE_PORT_HTTPS/api/v1/namespaces/$namespace/secrets
export CURL_CA_BUNDLE="$account/ca.crt"

# A request to the API server with the pod's own token, which is read anew each time because it is rotated.
api_server() {
  session=$authorization
  authorization="Authorization: Bearer $(cat "$account/token")"
  request "$@"
  authorization=$session
  case $code in
    401 | 403) fail "reach Secret $SECRET_NAME in namespace $namespace (the API server answers $code): let this Job's ServiceAccount create secrets, and get and patch this one" ;;
  esac
}

# Sets $stored to yes when the Secret holds a key, to no when it does not; makes sure that the Secret exists.
look_at_secret() {
  while :; do
    api_server GET "$secrets/$SECRET_NAME?pretty=false"
    case $code in
      200)
        stored=no
        if [ -n "$(member "$SECRET_KEY")" ]; then
          stored=yes
        fi
        return
        ;;
      404)
        api_server POST "$secrets?pretty=false" "$(
          printf '{"apiVersion":"v1","kind":"Secret","type":"Opaque","metadata":{"name":"%s","labels":{"app.kubernetes.io/managed-by":"agent-key"}}}' "$SECRET_NAME"
        )"
        ;;
      *) waiting "the API server to show Secret $SECRET_NAME (now: $code)" ;;
    esac
  done
}

# Sets $known to yes when HQ has the environment, to no when it does not.
look_at_hq() {
  while :; do
    request GET "$HQ_URL/api/v1/environments/$ENVIRONMENT"
    case $code in
      200) known=yes && return ;;
      404) known=no && return ;;
      401) hq_login ;;
      403) fail "look at environment $ENVIRONMENT in HQ (it answers 403): let $HQ_USERNAME be one of HQ's administrators" ;;
    esac
    waiting "HQ to say whether it has environment $ENVIRONMENT (now: $code)"
  done
}

# Whether the key could be stored is asked before HQ is asked for it.
may_store() {
  while :; do
    api_server PATCH "$secrets/$SECRET_NAME?pretty=false&dryRun=All" '{}' application/merge-patch+json
    case $code in
      200) return ;;
    esac
    waiting "the API server to take a change of Secret $SECRET_NAME (now: $code)"
  done
}

store() {
  while :; do
    api_server PATCH "$secrets/$SECRET_NAME?pretty=false" \
      "$(printf '{"stringData":{"%s":"%s"}}' "$SECRET_KEY" "$1")" application/merge-patch+json
    case $code in
      200) return ;;
    esac
    waiting "the API server to store the agent key in Secret $SECRET_NAME (now: $code)"
  done
}

key_is_lost() {
  cat >&2 <<EOF
HQ shows an agent key only once. To get a new one, delete environment $ENVIRONMENT in HQ; nothing in Kafka is lost by that:
  - in HQ's page: Environments, $ENVIRONMENT, delete; or
  - curl -u $HQ_USERNAME -X DELETE $HQ_URL/api/v1/environments/$ENVIRONMENT
This Job tries again by itself; once it has failed for good, have it made again:
  - kubectl -n $namespace delete job ${JOB_NAME:-<this job>}
EOF
  fail "recover the agent key of environment $ENVIRONMENT: HQ has the environment, and Secret $SECRET_NAME in namespace $namespace has no key"
}

create_environment() {
  request POST "$HQ_URL/api/v1/environments" "$(printf '{"name":"%s","tier":"%s"}' "$ENVIRONMENT" "$tier")"
  case $code in
    200 | 201)
      key=$(member agent_key)
      if [ -z "$key" ]; then
        fail "find agent_key in HQ's answer to the new environment $ENVIRONMENT"
      fi
      store "$key"
      echo "environment $ENVIRONMENT is new in HQ; its agent key is in Secret $SECRET_NAME, key $SECRET_KEY"
      exit 0
      ;;
    400 | 402 | 403 | 422) fail "create environment $ENVIRONMENT in HQ (it answers $code): $(member title)" ;;
    401) hq_login ;;
  esac
  waiting "HQ to create environment $ENVIRONMENT (now: $code)"
}

hq_login
while :; do
  look_at_hq
  look_at_secret
  case $known-$stored in
    yes-yes)
      echo "environment $ENVIRONMENT is in HQ and its agent key in Secret $SECRET_NAME: nothing to do"
      exit 0
      ;;
    yes-no) key_is_lost ;;
  esac
  may_store
  create_environment
done
