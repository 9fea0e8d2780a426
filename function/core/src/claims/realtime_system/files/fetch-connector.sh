#!/bin/sh
# Fetches a connector's archive into the directory where Connect looks for it, and refuses one that is not the archive it
# should be.
#
# URL: a .jar, or a .zip with jars in it. SHA256: its checksum. DIRECTORY: where the jars go.
set -eu

mkdir -p "$DIRECTORY"
cd "$DIRECTORY"
# A name that begins with a hyphen would be an option to what reads it.
file="./${URL##*/}"

echo "fetching $URL"
# A server that sends nothing for a minute is one that fails, and is asked again.
curl --fail --silent --show-error --location --connect-timeout 20 --speed-limit 1 --speed-time 60 \
  --retry 10 --retry-all-errors --retry-delay 5 --output "$file" "$URL"

actual="$(sha256sum "$file")"
actual="${actual%% *}"
if [ "$actual" != "$SHA256" ]; then
  rm -f "$file"
  echo "cannot use $URL: its checksum is $actual, not $SHA256 as in the claim" >&2
  exit 1
fi

case "$file" in
  *.zip)
    unzip -q -o -j "$file" '*.jar'
    rm -f "$file"
    ;;
esac
echo "ready: $(ls -1)"
