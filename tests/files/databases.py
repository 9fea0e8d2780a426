"""create-databases.sh on a real PostgreSQL: the first run, the second, a rotation, and what must not be possible."""

import os
import pathlib
import pwd
import shutil
import subprocess
import unittest

from support import Case, find, free_port, need, text

need("postgres", "initdb", "psql", "pg_isready")

SCRIPT = text("realtime_system/files/create-databases.sh")
BIN = str(pathlib.Path(find("postgres")).resolve().parent)
DATABASES = ["hq", "agent1", "agent2", "metabaseappdb"]


class Databases(Case):
    def setUp(self):
        self.port = free_port()
        self.data = self.directory()
        # PostgreSQL refuses to run as root.
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            shutil.chown(self.data, self.user)
        password = self.data / "superuser"
        password.write_text("first of all")
        password.chmod(0o644)
        self.as_user(
            [find("initdb"), "-D", self.data / "data", "-U", "postgres", "-A", "scram-sha-256", "--pwfile", password, "--no-sync"],
            stdout=subprocess.DEVNULL,
            check=True,
        )
        self.log = self.data / "log"
        self.env = {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": "postgres",
            "PGPASSWORD": "first of all",
            "PGDATABASE": "postgres",
            "DATABASES": " ".join(DATABASES),
        }
        self.path = os.pathsep.join([BIN, os.environ["PATH"]])
        for database in DATABASES:
            self.env[f"{database.upper()}_USERNAME"] = f"{database}-user"
            self.env[f"{database.upper()}_PASSWORD"] = f"{database} ' \" \\ $HOME `x` \u00fc"

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
        command = [find("postgres"), "-D", self.data / "data"] + [word for setting in settings for word in ("-c", setting)]
        with open(self.log, "w") as log:
            return self.server(command, self.port, stdout=log, stderr=log, **options)

    def query(self, sql, database="postgres", user="postgres", password="first of all"):
        return subprocess.run(
            [find("psql"), "-XAtq", "-h", "127.0.0.1", "-p", str(self.port), "-U", user, "-d", database, "-c", sql],
            env={"PGPASSWORD": password, "PATH": self.path},
            text=True,
            capture_output=True,
        )

    def test_first_run_second_run_and_rotation(self):
        # Started before the server, so that it has to wait.
        process = self.start(SCRIPT, self.env, self.path)
        self.assertIn("waiting for PostgreSQL", process.stdout.readline())
        self.serve()
        said, _ = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 0, said)
        for database in DATABASES:
            self.assertIn(f"database {database}: ready", said)
            user, password = self.env[f"{database.upper()}_USERNAME"], self.env[f"{database.upper()}_PASSWORD"]
            # An owner may create in schema public; nobody else may even connect.
            self.assertEqual(self.query("CREATE TABLE t (n int)", database, user, password).stderr, "")
        refused = self.query("SELECT 1", "hq", "agent1-user", self.env["AGENT1_PASSWORD"])
        self.assertIn("permission denied for database", refused.stderr)

        self.run_script(SCRIPT, self.env, self.path)
        kept = self.query("SELECT count(*) FROM t", "hq", "hq-user", self.env["HQ_PASSWORD"])
        self.assertEqual(kept.stdout.strip(), "0", kept.stderr)

        old = self.env["HQ_PASSWORD"]
        self.env["HQ_PASSWORD"] = "another"
        said = self.run_script(SCRIPT, self.env, self.path)
        self.assertIn("authentication failed", self.query("SELECT 1", "hq", "hq-user", old).stderr)
        self.assertEqual(self.query("SELECT 1", "hq", "hq-user", "another").stdout.strip(), "1")

        # Neither the script nor a server that logs every statement tells a password.
        log = self.log.read_text()
        self.assertIn("statement: CREATE TABLE", log)
        for secret in (old, "another", self.env["AGENT2_PASSWORD"]):
            self.assertNotIn(secret, said)
        self.assertNotIn("ALTER ROLE", log)

    def test_another_owner_is_put_right(self):
        self.serve()
        self.assertEqual(self.query("CREATE DATABASE hq").stderr, "")
        self.run_script(SCRIPT, self.env, self.path)
        owner = self.query("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'hq'")
        self.assertEqual(owner.stdout.strip(), "hq-user")

    def test_wrong_superuser_password_fails(self):
        self.serve()
        said = self.run_script(SCRIPT, self.env | {"PGPASSWORD": "wrong"}, self.path, code=2)
        self.assertIn("password authentication failed", said)

    def test_missing_password_is_named(self):
        self.serve()
        del self.env["AGENT2_PASSWORD"]
        said = self.run_script(SCRIPT, self.env, self.path, code=1)
        self.assertIn("cannot create database agent2: set AGENT2_PASSWORD", said)


if __name__ == "__main__":
    unittest.main()
