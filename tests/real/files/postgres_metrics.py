"""What the composed alerts on PostgreSQL ask for, as CloudNativePG's own exporter shows it of a real PostgreSQL with a standby."""

import os
import pathlib
import pwd
import shutil
import subprocess
import sys

import rules
from databases import BIN
from support import SKIPPED, Case, end, find, free_port, need, prove, said, until

need("psql")

EXPORTER = os.environ.get("POSTGRES_METRICS", "none")
QUERIES = pathlib.Path(os.environ.get("PUBLISHED", "none")) / "cloudnative-pg/queries/default-monitoring.yaml"
if not pathlib.Path(EXPORTER).exists() or not QUERIES.exists():
    print("run by `make proof`, which knows where the exporter and its queries are")
    sys.exit(SKIPPED)

RULES = rules.composed("restored-database", "lenses-backend-postgres")


class Metrics(Case):
    def setUp(self):
        self.place = self.directory()
        self.place.chmod(0o755)
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            shutil.chown(self.place, self.user)
        # Nobody listens on TCP: the number is a part of the socket's name.
        self.ports = {"primary": free_port(), "standby": free_port()}
        self.processes = {}
        self.as_user([BIN / "initdb", "-D", self.place / "primary", "-U", "postgres", "-A", "trust", "--no-sync"])
        shutil.copytree(self.place / "primary", self.place / "standby")
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", self.user, self.place / "standby"], check=True)
        (self.place / "standby").chmod(0o700)
        (self.place / "standby/standby.signal").touch()
        self.serve("primary", archive_mode="on", archive_command="false")
        # The exporter's role is made at the primary.
        self.assertEqual(self.value("primary", "cnpg_collector_up"), 1)
        self.serve("standby", primary_conninfo=f"host={self.place} port={self.ports['primary']} user=postgres")
        until(lambda: self.value("standby", "cnpg_pg_replication_is_wal_receiver_up") == 1, 60)

    def options(self):
        return {"user": self.user, "group": self.user} if os.geteuid() == 0 else {}

    def as_user(self, command):
        subprocess.run(list(map(str, command)), cwd="/", check=True, stdout=subprocess.DEVNULL, timeout=60, **self.options())

    def serve(self, name, **settings):
        settings |= {"port": self.ports[name], "listen_addresses": "", "unix_socket_directories": self.place, "fsync": "off", "hot_standby": "on"}
        command = [BIN / "postgres", "-D", self.place / name] + [word for pair in settings.items() for word in ("-c", "=".join(map(str, pair)))]
        with open(self.place / f"{name}.log", "w") as log:
            self.processes[name] = subprocess.Popen(list(map(str, command)), cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self.options())
        self.addCleanup(end, self.processes[name])
        until(lambda: self.query(name, "SELECT 1") == "1", 60)

    def query(self, name, sql):
        command = [find("psql"), "-XAtq", "-h", self.place, "-p", str(self.ports[name]), "-U", "postgres", "-c", sql]
        return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.strip()

    def page(self, name):
        env = {"PGHOST": str(self.place), "PGPORT": str(self.ports[name]), "PATH": os.environ["PATH"]}
        done = subprocess.run([EXPORTER, self.place / name, QUERIES], env=env, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def value(self, name, metric):
        """The metric's value; none when the exporter does not show it."""
        (value,) = [value for _, value in rules.shown(self.page(name)).get(metric, [])] or [None]
        return value

    def values(self, metric):
        return [self.value(name, metric) for name in ("primary", "standby")]

    def test_everything_that_the_rules_ask_for_is_shown(self):
        self.assertEqual(rules.unshown(RULES, self.page("primary"), "cnpg_"), [])
        # A standby shows no archive.
        lacking = {metric for metric, _, _ in rules.unshown(RULES, self.page("standby"), "cnpg_")}
        self.assertEqual(lacking, {metric for metric in rules.asked(RULES) if "archiver" in metric})
        # What was read in the source of the plugin for backups alone, and what was seen here.
        others = {metric for metric in rules.asked(RULES) if not metric.startswith("cnpg_")}
        self.assertEqual(others, {f"barman_cloud_cloudnative_pg_io_last_{end}_backup_timestamp" for end in ("available", "failed")})

        # Primary and standby tell which they are.
        self.assertEqual(self.values("cnpg_collector_up"), [1, 1])
        self.assertEqual(self.values("cnpg_pg_replication_in_recovery"), [0, 1])
        self.assertEqual(self.values("cnpg_pg_replication_is_wal_receiver_up"), [0, 1])
        self.assertEqual(self.values("cnpg_pg_replication_lag"), [0, 0])

    def test_a_standby_that_stands_still_is_behind(self):
        self.query("primary", "CREATE TABLE t (n int)")
        until(lambda: self.query("standby", "SELECT count(*) FROM t") == "0", 60)
        self.query("standby", "SELECT pg_wal_replay_pause()")
        self.query("primary", "INSERT INTO t VALUES (1)")
        until(lambda: (self.value("standby", "cnpg_pg_replication_lag") or 0) > 1, 60)
        self.assertEqual(self.value("primary", "cnpg_pg_replication_lag"), 0)
        self.query("standby", "SELECT pg_wal_replay_resume()")
        until(lambda: self.value("standby", "cnpg_pg_replication_lag") == 0, 60)

    def test_a_standby_without_its_primary_says_so(self):
        end(self.processes["primary"])
        until(lambda: self.value("standby", "cnpg_pg_replication_is_wal_receiver_up") == 0, 60)
        self.assertEqual(self.value("standby", "cnpg_pg_replication_in_recovery"), 1)
        # It has no lag: nothing was received that it has not applied.
        self.assertEqual(self.value("standby", "cnpg_pg_replication_lag"), 0)

    def test_a_log_that_is_not_archived_is_told_by_the_primary(self):
        times = [f"cnpg_pg_stat_archiver_last_{end}_time" for end in ("archived", "failed")]
        self.assertEqual([self.value("primary", name) for name in times], [-1, -1])
        self.query("primary", "CREATE TABLE t (n int)")
        self.query("primary", "SELECT pg_switch_wal()")
        until(lambda: self.value("primary", times[1]) > 0, 60)
        self.assertEqual(self.value("primary", times[0]), -1)


if __name__ == "__main__":
    prove(f"PostgreSQL {said(str(BIN / 'postgres'), '--version')} with CloudNativePG's exporter")
