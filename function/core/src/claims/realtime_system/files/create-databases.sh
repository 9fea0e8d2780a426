# shellcheck shell=sh
# Gives each database its own role, which owns it. Everything may exist already, so that the script serves a new volume,
# an old one and rotated passwords alike. psql reads names and passwords from the environment by itself (\getenv): they
# stand neither in arguments nor in this script's output, and the server is told not to log the statements.
set -eu

fail() {
  echo "cannot $1" >&2
  exit 1
}

: "${PGHOST:?}" "${PGPORT:?}" "${PGUSER:?}" "${PGPASSWORD:?}" "${PGDATABASE:?}" "${DATABASES:?}"

until pg_isready --quiet --timeout=3; do
  echo "waiting for PostgreSQL at $PGHOST:$PGPORT"
  sleep "${POLL_SECONDS:-5}"
done

for database in $DATABASES; do
  case $database in
    [!a-z]* | *[!a-z0-9_]*) fail "create database $database: a name is lower-case letters, digits and underscores" ;;
  esac
  prefix=$(printf '%s' "$database" | tr '[:lower:]' '[:upper:]')
  for variable in "${prefix}_USERNAME" "${prefix}_PASSWORD"; do
    if [ -z "$(printenv "$variable")" ]; then
      fail "create database $database: set $variable"
    fi
  done

  psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --set VERBOSITY=terse <<EOF
\\set database $database
\\getenv role ${prefix}_USERNAME
\\getenv password ${prefix}_PASSWORD
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
SELECT format('CREATE ROLE %I', :'role') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \\gexec
ALTER ROLE :"role" LOGIN PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'role') WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \\gexec
ALTER DATABASE :"database" OWNER TO :"role";
REVOKE CONNECT, TEMPORARY ON DATABASE :"database" FROM PUBLIC;
EOF
  echo "database $database: ready, with its role and password"
done

# What belongs to the superuser is open to every role until it is closed.
psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --set VERBOSITY=terse <<'EOF'
SELECT format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', datname) FROM pg_database
  WHERE datallowconn AND datdba = current_user::regrole \gexec
EOF
