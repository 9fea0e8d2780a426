"""The composed database Job on a real PostgreSQL: the first run, the second, a rotation, and what must not be possible.

The server is of the version in the platform's image where Maven has it, and Debian's otherwise; psql is Debian's.
"""

import os
import pathlib
import platform
import pwd
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile

from composed import seed
from support import SKIPPED, Case, find, free_port, from_maven, need, prove, said

need("mvn", "psql", "pg_isready")

JOB = seed().container("Job", "lenses-config-generator")
IMAGE = seed().releases["postgres"]["values"]["image"]
SECRET = "lenses-backend-postgres-credentials"
PASSWORDS = {
    key: f"{key} ' \" \\ $HOME `x` \u00fc"
    for key in ("password", "hq-password", "agent1-password", "agent2-password", "metabase-password")
}
DATABASES = ["hq", "agent1", "agent2", "metabaseappdb"]


def unpacked(directory):
    """The folder of the server's programs; None when Maven has none for this machine."""
    machine = {"x86_64": "amd64", "aarch64": "arm64v8"}.get(platform.machine())
    for jar in from_maven("postgresql/pom.xml", f"-Dpostgresql.machine={machine}") if machine else []:
        with zipfile.ZipFile(jar) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(".txz"))
            with archive.open(name) as packed, tarfile.open(fileobj=packed, mode="r:xz") as files:
                files.extractall(directory)
        return directory / "bin"
    return None


PLACE = pathlib.Path(tempfile.mkdtemp())
PLACE.chmod(0o755)
unittest.addModuleCleanup(shutil.rmtree, PLACE, ignore_errors=True)
BIN = unpacked(PLACE) or find("postgres") and pathlib.Path(find("postgres")).resolve().parent
if BIN is None:
    print("not installed here: postgres, and Maven cannot get it")
    sys.exit(SKIPPED)


class Databases(Case):
    def setUp(self):
        self.port = free_port()
        self.data = self.directory()
        # PostgreSQL refuses to run as root.
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            shutil.chown(self.data, self.user)
        password = self.data / "superuser"
        password.write_text(PASSWORDS["password"])
        password.chmod(0o644)
        self.as_user(
            [BIN / "initdb", "-D", self.data / "data", "-U", "postgres", "-A", "scram-sha-256", "--pwfile", password, "--no-sync"],
            stdout=subprocess.DEVNULL,
            check=True,
        )
        self.log = self.data / "log"
        self.secrets = {SECRET: {"username": "postgres", **PASSWORDS}}

    def environment(self):
        """The Job's own, with loopback in the place of the Service."""
        return JOB.env(self.secrets) | {"PGHOST": "127.0.0.1", "PGPORT": str(self.port)}

    def as_user(self, command, **options):
        options["cwd"] = "/"
        if os.geteuid() == 0:
            options["user"] = options["group"] = self.user
        return subprocess.run(command, **options)

    def serve(self):
        options = {"cwd": "/"}
        if os.geteuid() == 0:
            options |= {"user": self.user, "group": self.user}
        settings = [f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "log_statement=all"]
        command = [BIN / "postgres", "-D", self.data / "data"] + [word for setting in settings for word in ("-c", setting)]
        with open(self.log, "w") as log:
            return self.server(command, self.port, stdout=log, stderr=log, **options)

    def run_job(self, code=0, **env):
        return self.run_script(JOB.script(), self.environment() | env, code=code)

    def query(self, sql, database="postgres", user="postgres", password=PASSWORDS["password"]):
        return subprocess.run(
            [find("psql"), "-XAtq", "-h", "127.0.0.1", "-p", str(self.port), "-U", user, "-d", database, "-c", sql],
            env={"PGPASSWORD": password, "PATH": os.environ["PATH"]},
            text=True,
            capture_output=True,
        )

    def consumers(self):
        """Program → (database, user, password), as its own composed settings have them."""
        file = seed().file("lenses-hq-config", "config.yaml")
        section = re.search(r"^database:\n((?: +.*\n)+)", file, re.MULTILINE)[1]
        given = dict(line.strip().split(": ") for line in section.splitlines())
        hashed = {"lenses-hq-admin": {"password-bcrypt": "-"}, "lenses-license": {"license": "-"}}
        hq = seed().container("Deployment", "lenses-hq").env(self.secrets | hashed)
        agent = seed().container("Deployment", "lenses-agent").env(self.secrets | {"lenses-agent-key": {"agent-key": "-"}})
        secrets = {SECRET: {"metabase-encryption-key": "-", **self.secrets[SECRET]}}
        metabase = seed().container("Deployment", "metabase-dashboard").env(secrets)
        return {
            "HQ": (given["database"], given["username"], hq[given["password"].strip("$()")]),
            "agent": tuple(agent[f"LENSES_STORAGE_POSTGRES_{part}"] for part in ("DATABASE", "USERNAME", "PASSWORD")),
            "Metabase": tuple(metabase[f"MB_DB_{part}"] for part in ("DBNAME", "USER", "PASS")),
        }

    def test_it_waits_for_the_server_and_makes_four_databases_with_their_owners(self):
        process = self.start(JOB.script(), self.environment())
        self.assertIn("waiting for PostgreSQL", process.stdout.readline())
        self.serve()
        said, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, said)
        made = self.query("SELECT datname, pg_get_userbyid(datdba) FROM pg_database WHERE datname !~ 'template|postgres' ORDER BY oid")
        env = self.environment()
        self.assertEqual(made.stdout.split(), [f"{name}|{env[f'{name.upper()}_USERNAME']}" for name in DATABASES])

    def test_each_consumers_credentials_open_exactly_its_own_database(self):
        self.serve()
        self.query("CREATE DATABASE lenses_system")
        self.run_job()
        everything = self.query("SELECT datname FROM pg_database WHERE datallowconn").stdout.split()
        self.assertEqual(len(everything), 7, everything)
        for consumer, (own, user, password) in self.consumers().items():
            # Since PostgreSQL 15 nobody but an owner may create in schema public.
            self.assertEqual(self.query("CREATE TABLE t (n int)", own, user, password).stderr, "", consumer)
            for database in set(everything) - {own}:
                refused = self.query("SELECT 1", database, user, password)
                self.assertIn("permission denied for database", refused.stderr, (consumer, database))
        self.assertEqual({own for own, _, _ in self.consumers().values()}, set(DATABASES) - {"agent2"})

    def test_the_second_run_changes_nothing(self):
        self.serve()
        said = self.run_job()
        # A server that listens may still have to wake up.
        said = "".join(line for line in said.splitlines(keepends=True) if not line.startswith("waiting"))
        _, user, password = self.consumers()["HQ"]
        self.query("CREATE TABLE t (n int)", "hq", user, password)
        self.assertEqual(self.run_job(), said)
        self.assertEqual(self.query("SELECT count(*) FROM t", "hq", user, password).stdout.strip(), "0")

    def test_a_changed_password_reaches_its_role_on_the_next_run(self):
        self.serve()
        self.run_job()
        old = self.consumers()
        self.secrets[SECRET] |= {"hq-password": "another", "metabase-password": "one more"}
        said = self.run_job()
        for consumer in ("HQ", "Metabase"):
            self.assertIn("authentication failed", self.query("SELECT 1", *old[consumer]).stderr)
            self.assertEqual(self.query("SELECT 1", *self.consumers()[consumer]).stdout.strip(), "1")
        self.assertEqual(self.query("SELECT 1", *self.consumers()["agent"]).stdout.strip(), "1")
        # Neither the script nor a server that logs every statement tells a password.
        log = self.log.read_text()
        self.assertIn("statement: SELECT 1", log)
        for secret in ("another", "one more", *PASSWORDS.values()):
            self.assertNotIn(secret, said + log)
        self.assertNotIn("ALTER ROLE", log)

    def test_another_owner_is_put_right(self):
        self.serve()
        self.assertEqual(self.query("CREATE DATABASE hq").stderr, "")
        self.run_job()
        owner = self.query("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'hq'")
        self.assertEqual(owner.stdout.strip(), self.environment()["HQ_USERNAME"])

    def test_a_wrong_superusers_password_fails(self):
        self.serve()
        said = self.run_job(PGPASSWORD="wrong", code=2)
        self.assertIn("password authentication failed", said.splitlines()[-1])

    def test_a_missing_password_is_named(self):
        self.serve()
        said = self.run_job(AGENT2_PASSWORD="", code=1)
        self.assertEqual(said.splitlines()[-1], "cannot create database agent2: set AGENT2_PASSWORD")


if __name__ == "__main__":
    server = subprocess.run([BIN / "postgres", "--version"], capture_output=True, text=True, check=True).stdout.split()[2]
    prove(f"PostgreSQL {server} with psql {said('psql', '--version')}", IMAGE["tag"])
