# shellcheck shell=sh disable=SC2154 # http.sh stands before it
# Removing from Kafka Connect the connectors of ours that nobody asks for any more. Their names are fixed, and nobody else's
# connector is touched.

: "${CONNECT_URL:?}"

# Sets $code to what Connect answers to whoever asks for its connectors, and removes those.
remove_unwanted() {
  request GET "$CONNECT_URL/connectors"
  for unwanted in ${UNWANTED-}; do
    case $code$answer in
      200*"\"$unwanted\""*) ;;
      *) continue ;;
    esac
    request DELETE "$CONNECT_URL/connectors/$unwanted"
    case $code in
      204) echo "connector $unwanted: removed, because the claim does not ask for it" ;;
    esac
    request GET "$CONNECT_URL/connectors"
  done
}
