"""Backups and restores of PostgreSQL by Barman's own programs, with the composed place of backups, on a real PostgreSQL and
an S3 server on loopback.

The programs are those of the plugin's sidecar, of the same release, and are called as the plugin calls them. Only the
address of the object store is another: the server's on loopback.
"""

import json
import os
import pathlib
import pwd
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from composed import CHECKOUT, Composed
from databases import BIN
from support import SKIPPED, Case, find, free_port, heavy, need, peak, prove, serving, until

need("psql")

APPLICATION = "examples/variants/restored-database.yaml"
TOOLS = os.environ.get("BARMAN") or subprocess.run(
    [CHECKOUT / "tools/build", "--path", "barman"], capture_output=True, text=True, check=True
).stdout.strip()
# That of the system, because PostgreSQL's user must be able to run it.
PYTHON = "/usr/bin/python3"
ROWS = 10_000
ENDPOINT = "https://s3.eu-central-1.amazonaws.com"
PROGRAMS = {
    "backup": "cloud_backup",
    "backup-delete": "cloud_backup_delete",
    "backup-list": "cloud_backup_list",
    "check-wal-archive": "cloud_check_wal_archive",
    "restore": "cloud_restore",
    "wal-archive": "cloud_walarchive",
    "wal-restore": "cloud_walrestore",
}


def usable():
    """Whether the packages are for the system's Python."""
    asked = subprocess.run([PYTHON, "-c", "import psycopg2, moto.server, barman"], env={"PYTHONPATH": TOOLS}, capture_output=True, text=True)
    return asked.returncode == 0 or print(f"{PYTHON} cannot use the packages of tools/barman: {asked.stderr[-200:]}")


if not pathlib.Path(PYTHON).exists() or not usable():
    sys.exit(SKIPPED)


class Store:
    """A composed place of backups, at a server on loopback."""

    def __init__(self, composed, name, port):
        spec = composed.one("ObjectStore", name)["spec"]
        self.configuration = spec["configuration"]
        self.retention = spec.get("retentionPolicy")
        if self.configuration["endpointURL"] != ENDPOINT:
            raise AssertionError(f"the object store is {self.configuration['endpointURL']}")
        self.endpoint = ["--endpoint-url", f"http://127.0.0.1:{port}"]
        self.provider = ["--cloud-provider", "aws-s3"]

    def place(self, server):
        return [self.configuration["destinationPath"], server]

    def compression(self, of):
        return [f"--{self.configuration[of]['compression']}"]


class Backups(Case):
    @classmethod
    def setUpClass(cls):
        heavy(cls.addClassCleanup)
        cls.root = pathlib.Path(tempfile.mkdtemp())
        cls.root.chmod(0o755)
        cls.addClassCleanup(shutil.rmtree, cls.root, ignore_errors=True)
        # The cache of tools can be a folder that PostgreSQL's user must not read.
        cls.packages = cls.root / "packages"
        shutil.copytree(TOOLS, cls.packages)
        cls.s3 = free_port()
        environment = {"PYTHONPATH": str(cls.packages), "PATH": os.environ["PATH"]}
        log = open(cls.root / "s3.log", "w")
        cls.addClassCleanup(log.close)
        command = [PYTHON, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(cls.s3)]
        cls.server_of_s3 = serving(cls.addClassCleanup, command, cls.s3, env=environment, stdout=log, stderr=log)
        cls.composed = Composed(application=APPLICATION)
        (cls.plugin,) = cls.composed.one("Cluster", "lenses-backend-postgres")["spec"]["plugins"]
        cls.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name

    def setUp(self):
        self.port = free_port()
        self.place = self.directory()
        if os.geteuid() == 0:
            shutil.chown(self.place, self.user)
        made = Composed(application=APPLICATION)
        self.server_name = self.plugin["parameters"]["serverName"]
        self.store = Store(made, self.plugin["parameters"]["barmanObjectName"], self.s3)
        bucket = self.store.configuration["destinationPath"].removeprefix("s3://").split("/")[0]
        self.barman("import boto3, sys; boto3.client('s3', endpoint_url=sys.argv[1]).create_bucket(Bucket=sys.argv[2],"
                    " CreateBucketConfiguration={'LocationConstraint': 'eu-central-1'})",
                    self.store.endpoint[1], bucket, code=True)

    def environment(self):
        return {
            "AWS_ACCESS_KEY_ID": "made-up",
            "AWS_SECRET_ACCESS_KEY": "made-up",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "PYTHONPATH": str(self.packages),
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "TMPDIR": str(self.place),
        }

    def as_user(self, command, **options):
        if os.geteuid() == 0:
            options["user"] = options["group"] = self.user
        return subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=60, **options)

    def barman(self, program, *arguments, code=False, fails=False):
        """One of Barman's programs, as PostgreSQL's user."""
        what = ["-c", program] if code else ["-m", f"barman.clients.{PROGRAMS[program]}"]
        done = self.as_user([PYTHON, *what, *arguments], env=self.environment())
        self.assertEqual(done.returncode != 0, fails, f"{program}: {done.stdout}{done.stderr}")
        return done.stdout

    def command(self, program, *arguments):
        """The text of a command for PostgreSQL's own settings."""
        words = [PYTHON, "-m", f"barman.clients.{PROGRAMS[program]}", *arguments]
        return " ".join(words)

    def serve(self, data, **settings):
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "wal_level": "replica",
        } | settings
        command = [BIN / "postgres", "-D", data]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        options = {"cwd": "/", "env": self.environment()}
        if os.geteuid() == 0:
            options |= {"user": self.user, "group": self.user}
        log = open(self.place / "log", "a")
        self.addCleanup(log.close)
        try:
            server = self.server(command, self.port, stdout=log, stderr=log, **options)
        except AssertionError as error:
            raise AssertionError(f"{error}: {(self.place / 'log').read_text()[-1000:]}") from error
        until(lambda: self.query("SELECT 1") == "1")
        return server

    def query(self, sql):
        done = subprocess.run(
            [find("psql"), "-XAtq", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", "postgres", "-c", sql],
            env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=60,
        )
        return done.stdout.strip()

    def archived(self):
        """Waits until all that was written so far is in the object store."""
        segment = self.query("SELECT pg_walfile_name(pg_switch_wal())")
        until(lambda: self.query("SELECT last_archived_wal FROM pg_stat_archiver") >= segment)

    def backups(self, store):
        listed = self.barman("backup-list", "--format", "json", *store.endpoint, *store.provider, *store.place(self.server_name))
        return json.loads(listed)["backups_list"]

    def test_after_the_volume_is_gone_10000_rows_are_back_as_they_were_at_the_moment_asked_for(self):
        store, name = self.store, self.server_name
        data = self.place / "data"
        made = self.as_user([BIN / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"])
        self.assertEqual(made.returncode, 0, made.stderr)
        self.barman("check-wal-archive", *store.endpoint, *store.provider, *store.place(name))
        archive = self.command("wal-archive", *store.compression("wal"), *store.endpoint, *store.provider, *store.place(name), "%p")
        server = self.serve(data, archive_mode="on", archive_command=archive)
        self.query("CREATE TABLE readings (id int PRIMARY KEY, value text)")
        insert = "INSERT INTO readings SELECT n, md5(n::text) FROM generate_series({}, {}) n"
        self.query(insert.format(1, 2000))
        self.barman("backup", "--user", "postgres", "--name", "backup-1", *store.compression("data"),
                    *store.endpoint, *store.provider, *store.place(name))
        for first in range(2001, ROWS, 1000):
            self.query(insert.format(first, first + 999))
        self.assertEqual(self.query("SELECT count(*) FROM readings"), str(ROWS))
        checksum = self.query("SELECT md5(string_agg(id || value, ',' ORDER BY id)) FROM readings")
        time.sleep(0.2)
        moment = self.query("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
        time.sleep(0.2)
        # What comes after the moment: more rows, and a mistake.
        self.query(insert.format(ROWS + 1, ROWS + 5000))
        self.query("DELETE FROM readings WHERE id <= 3000")
        self.archived()
        memory = peak([server, self.server_of_s3])

        server.send_signal(signal.SIGKILL)
        server.wait()
        until(lambda: subprocess.run([find("psql"), "-h", "127.0.0.1", "-p", str(self.port), "-c", ""], capture_output=True).returncode)
        time.sleep(1)
        shutil.rmtree(data)

        # The claim of a new system names the place, and the moment in the form that the claim takes.
        former = store.configuration["destinationPath"].removeprefix("s3://")
        written = {former: "streaming-backups/lenses-3", "streaming-backups/lenses\n": former + "\n", "2026-11-30T06:00:00Z": moment}
        restored = Composed(written.items(), application=APPLICATION)
        cluster = restored.one("Cluster", "lenses-backend-postgres")["spec"]
        (source,) = cluster["externalClusters"]
        recovery = cluster["bootstrap"]["recovery"]
        self.assertEqual((recovery["source"], source["plugin"]["parameters"]["serverName"]), (source["name"], name))
        former = Store(restored, source["plugin"]["parameters"]["barmanObjectName"], self.s3)
        # As the operator writes it into PostgreSQL's settings, which take no Z.
        target = recovery["recoveryTarget"]["targetTime"].replace("T", " ").removesuffix("Z") + "+00:00"
        (backup,) = self.backups(former)
        self.assertEqual(backup["backup_name"], "backup-1")
        data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(data, self.user, self.user)
        self.barman("restore", *former.endpoint, *former.provider, *former.place(name), backup["backup_id"], str(data))
        (data / "recovery.signal").touch()
        if os.geteuid() == 0:
            shutil.chown(data / "recovery.signal", self.user)
        fetch = self.command("wal-restore", *former.endpoint, *former.provider, *former.place(name), "%f", "%p")
        self.serve(data, archive_mode="off", restore_command=fetch, recovery_target_time=target, recovery_target_action="promote")
        until(lambda: self.query("SELECT pg_is_in_recovery()") == "f")
        found = self.query("SELECT count(*), min(id), max(id), count(DISTINCT id) FROM readings")
        self.assertEqual(found, f"{ROWS}|1|{ROWS}|{ROWS}", "0 rows are missing, and none is too many")
        self.assertEqual(self.query("SELECT md5(string_agg(id || value, ',' ORDER BY id)) FROM readings"), checksum)

        # The restored database must not archive to the place of the former one, which check and settings keep it from.
        self.barman("check-wal-archive", *former.endpoint, *former.provider, *former.place(name), fails=True)
        new = Store(restored, self.plugin["parameters"]["barmanObjectName"], self.s3)
        self.barman("check-wal-archive", *new.endpoint, *new.provider, *new.place(name))
        # The retention keeps what is younger than its days.
        window = f"RECOVERY WINDOW OF {store.retention.removesuffix('d')} DAYS"
        self.barman("backup-delete", *store.endpoint, *store.provider, "--retention-policy", window, *store.place(name))
        self.assertEqual(len(self.backups(store)), 1)
        # Each request names the server itself, and no host of the bucket: what a network policy is made for.
        asked = (self.root / "s3.log").read_text()
        self.assertIn(f'"PUT /{new.configuration["destinationPath"].removeprefix("s3://").split("/")[0]}', asked)
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
        print(f"memory: PostgreSQL and the S3 server {memory} MiB, the largest program {largest} MiB", file=sys.stderr)
        type(self).memory = f"{memory} MiB, and {largest} MiB for a program of Barman's"


if __name__ == "__main__":
    server = subprocess.run([BIN / "postgres", "--version"], capture_output=True, text=True, check=True).stdout.split()[2]
    barman = subprocess.run([PYTHON, "-m", "barman.clients.cloud_backup", "--version"], env={"PYTHONPATH": TOOLS}, capture_output=True, text=True).stdout.split()[-1]
    prove(f"Barman {barman} with PostgreSQL {server}")
