# shellcheck shell=sh disable=SC2034,SC2154 # it stands between http.sh and a script
# Logging in to Lenses HQ, for the scripts that talk to it. HQ keeps the session in a cookie; it is carried by hand,
# because a cookie that HQ marks as secure would otherwise not be sent over the plain HTTP of the cluster's inside.

hq_login() {
  login=$(printf '{"username":"%s","password":"%s"}' "$(quoted "$HQ_USERNAME")" "$(quoted "$HQ_PASSWORD")")
  authorization=
  include_headers=yes
  while :; do
    request POST "$HQ_URL/api/v1/login" "$login"
    case $code in
      200 | 204) break ;;
      400 | 401 | 403)
        fail "log in to HQ at $HQ_URL as $HQ_USERNAME (it answers $code): give it the password whose hash HQ was started with"
        ;;
    esac
    waiting "HQ at $HQ_URL to take a login (now: $code)"
  done
  include_headers=
  login=
  cookie=$(printf '%s\n' "$answer" | tr -d '\r' | sed -n 's/^[Ss]et-[Cc]ookie: *\([^;]*\).*/\1/p' | tr '\n' ';')
  if [ -z "$cookie" ]; then
    fail "find a session cookie in HQ's answer to the login"
  fi
  authorization="Cookie: $cookie"
}
