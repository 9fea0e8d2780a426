# shellcheck shell=sh disable=SC2154 # http.sh stands before it
# Makes Metabase's first administrator, so that nobody who finds the page first can. Metabase gives its set-up token to
# anyone until then; afterwards there is nothing to do here, whoever did it.

: "${METABASE_URL:?}" "${ADMIN_EMAIL:?}" "${ADMIN_PASSWORD:?}"

until request GET "$METABASE_URL/api/health" && [ "$code" = 200 ]; do
  waiting "Metabase at $METABASE_URL to be healthy (now: $code)"
done

# Sets $token to the set-up token; ends the script when Metabase has a user.
look_at_metabase() {
  while :; do
    request GET "$METABASE_URL/api/session/properties"
    if [ "$code" = 200 ]; then
      if printf '%s' "$answer" | tr -d '\r\n' | grep -q '"has-user-setup": *true'; then
        echo "Metabase has its administrator: nothing to do"
        exit 0
      fi
      token=$(member setup-token)
      if [ -n "$token" ]; then
        return
      fi
    fi
    waiting "Metabase to show its properties (now: $code)"
  done
}

setup=$(
  printf '"user":{"email":"%s","password":"%s","first_name":"%s","last_name":"%s"},"prefs":{"site_name":"%s","site_locale":"%s"}' \
    "$(quoted "$ADMIN_EMAIL")" "$(quoted "$ADMIN_PASSWORD")" \
    "$(quoted "${ADMIN_FIRST_NAME:-Platform}")" "$(quoted "${ADMIN_LAST_NAME:-Administrator}")" \
    "$(quoted "${SITE_NAME:-Health Streaming}")" "$(quoted "${SITE_LOCALE:-en}")"
)
while :; do
  look_at_metabase
  request POST "$METABASE_URL/api/setup" "{\"token\":\"$token\",$setup}"
  case $code in
    200)
      echo "Metabase: administrator $ADMIN_EMAIL is set up"
      exit 0
      ;;
    # Metabase's answer repeats the values that it refuses, and one of them is the password.
    400) fail "set up Metabase's administrator (it answers 400): its password is too common or too short for Metabase, or its address is none" ;;
  esac
  waiting "Metabase to take its administrator (now: $code)"
done
