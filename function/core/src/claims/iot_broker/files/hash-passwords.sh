# shellcheck shell=sh
# Makes Mosquitto's password file from Secrets mounted as CREDENTIALS_DIR/<secret>/{username,password}. mosquitto_passwd
# gets each password on its standard input: -b would show it in the arguments, and -U cuts it at the first colon. The
# file is put in place only once it is whole. ACL_FILE, where it is given, is copied beside it: Mosquitto wants both files
# to be its own, and 2.1 takes no links, which is what a mounted ConfigMap is made of.
set -eu
umask 077

fail() {
  echo "cannot $1" >&2
  exit 1
}

credentials=${CREDENTIALS_DIR:-/credentials}
target=${PASSWORD_FILE:-/mosquitto/auth/passwd}
newline='
'

# one_line FILE: its text; a trailing newline counts, because every other reader of the Secret would send it along.
one_line() {
  text=$(cat "$1" && echo .) || fail "read $1"
  text=${text%.}
  case $text in
    '') fail "use $1: it is empty" ;;
    *"$newline"*) fail "use $1: it holds a newline; make the Secret again without one (printf, not echo)" ;;
  esac
}

rm -f "$target.new"
: >"$target.new"
names=
for directory in "$credentials"/*; do
  if ! [ -e "$directory/username" ]; then
    fail "find a user name in $directory"
  fi
  one_line "$directory/username"
  username=$text
  case $username in
    *:* | '#'* | ' '* | *' ') fail "use the user name in $directory: it has a colon, starts with # or has blanks around it" ;;
  esac
  case $newline$names in
    *"$newline$username$newline"*) fail "use the user name in $directory: another Secret has the same" ;;
  esac
  names=$names$username$newline
  one_line "$directory/password"
  if ! printf '%s\n%s\n' "$text" "$text" | mosquitto_passwd "$target.new" "$username" >/dev/null; then
    fail "hash the password of user $username"
  fi
  echo "user $username: password hashed"
done
mv "$target.new" "$target"

if [ -n "${ACL_FILE-}" ]; then
  cat "$ACL_FILE" >"${target%/*}/acl"
  echo "access control list copied"
fi
