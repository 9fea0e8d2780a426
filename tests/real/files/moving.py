"""The move from one engine to another, by the commands and manifests of docs/moving-to-an-engine.md themselves: databases
between two servers of PostgreSQL, schemas from a Schema Registry into Apicurio Registry with their ids.

What the commands reach is this machine's; nothing else of a command is changed. The mirror of topics has a program of its
own, mirror.py, which takes longer than each check may.
"""

import json
import os
import pathlib
import re
import subprocess
import unittest

import apicurio
import databases
from composed import CHECKOUT, Composed, moved, seed
from registry import Registry
from support import Case, end, find, free_port, need, prove, said, stand_in

need("bash", "curl", "jq", "pg_dump", "postgres", "python3")

PAGE = "docs/moving-to-an-engine.md"
NEW = Composed(application="examples/variants/replicated-kafka.yaml")


def block(name):
    """The block of code below the mark of this name in the page."""
    text = (CHECKOUT / PAGE).read_text()
    return re.search(rf"^<!-- {name}: [^\n]*-->\n```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1]


class Page(Case):
    def bash(self, name, places, env=None):
        """Runs a block as a person would, in a folder of its own, with this machine's addresses."""
        env = {"PATH": f"{databases.BIN}:{os.environ['PATH']}", "HOME": str(self.directory())} | (env or {})
        done = subprocess.run(
            [find("bash"), "-euo", "pipefail", "-c", moved(block(name), places)],
            cwd=self.directory(), env=env, capture_output=True, text=True, timeout=120,
        )
        return done.returncode, done.stdout + done.stderr


def server(composed):
    """A server of PostgreSQL with what a claim's Job makes in it."""
    made = databases.Databases()
    made.setUp()
    made.serve()
    job = composed.container("Job", "lenses-config-generator")
    made.run_script(job.script(), job.env(apicurio.SECRETS) | {"PGHOST": "127.0.0.1", "PGPORT": str(made.port)})
    return made


def asked(made, database, sql):
    """What the database's own role is told."""
    answer = made.query(sql, database, database, databases.PASSWORDS[f"{ROLES[database]}-password"])
    return answer.stdout.strip() or answer.stderr.strip()


ROLES = {"hq": "hq", "metabaseappdb": "metabase", "agent1": "agent1"}
FILLED = """
CREATE TABLE dashboards (id bigserial PRIMARY KEY, name text NOT NULL UNIQUE, body jsonb, changed timestamptz DEFAULT now());
INSERT INTO dashboards (name, body) SELECT 'd' || n, jsonb_build_object('n', n, 'text', 'ü''"\\') FROM generate_series(1, 5000) n;
CREATE VIEW latest AS SELECT max(id) AS id FROM dashboards;
CREATE FUNCTION twice(n bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 2 * n';
"""
CONTENT = "SELECT count(*), sum(id), md5(string_agg(dashboards::text, '' ORDER BY id)), (SELECT twice(id) FROM latest) FROM dashboards"


class Databases(Page):
    @classmethod
    def setUpClass(cls):
        cls.old, cls.new = (server(composed) for composed in (seed(), NEW))
        cls.addClassCleanup(cls.old.doCleanups)
        cls.addClassCleanup(cls.new.doCleanups)
        for database in ("hq", "metabaseappdb"):
            assert asked(cls.old, database, FILLED) == "", database

    def move(self, **env):
        ports = {"--port 5432": f"--port {self.old.port}", "--port 5433": f"--port {self.new.port}"}
        return self.bash("databases", ports, {"PGPASSWORD": databases.PASSWORDS["password"]} | env)

    def test_what_both_programs_had_is_theirs_on_the_other_server(self):
        # The programs have started there once before.
        self.assertEqual(asked(self.new, "hq", "CREATE TABLE dashboards (n int); CREATE TABLE other (n int)"), "")
        code, told = self.move()
        self.assertEqual(code, 0, told)
        for database in ("hq", "metabaseappdb"):
            content = asked(self.old, database, CONTENT)
            self.assertRegex(content, r"^5000\|12502500\|[0-9a-f]{32}\|10000$")
            self.assertEqual(asked(self.new, database, CONTENT), content)
            # It owns what it has, and its numbers go on.
            self.assertEqual(asked(self.new, database, "ALTER TABLE dashboards ADD seen bool; INSERT INTO dashboards (name) VALUES ('next') RETURNING id"), "5001")
            for other in set(ROLES) - {database}:
                password = databases.PASSWORDS[f"{ROLES[other]}-password"]
                self.assertIn("permission denied for database", self.new.query("SELECT 1", database, other, password).stderr)
        self.assertIn("does not exist", asked(self.new, "hq", "SELECT * FROM other"))

    def test_a_wrong_password_changes_nothing(self):
        before = asked(self.new, "metabaseappdb", "SELECT count(*) FROM pg_class")
        code, told = self.move(PGPASSWORD="wrong")
        self.assertNotEqual(code, 0)
        self.assertIn("password authentication failed", told)
        self.assertEqual(asked(self.new, "metabaseappdb", "SELECT count(*) FROM pg_class"), before)


FIRST = '{"type": "record", "name": "reading", "fields": [{"name": "value", "type": "long"}]}'
SECOND = '{"type":"record","name":"reading","fields":[{"name":"value","type":"long"},{"name":"unit","type":["null","string"],"default":null}]}'


class Schemas(Page):
    @classmethod
    def setUpClass(cls):
        cls.registry = Registry()
        # Ids with gaps, one for two subjects, and a subject with a slash.
        for subject, schema in (("gone", '"string"'), ("device_data-value", FIRST), ("gone", '"int"'), ("a/b-value", FIRST), ("device_data-value", SECOND)):
            cls.registry.compatibility[subject] = "NONE"
            cls.registry.register(subject, schema)
        del cls.registry.subjects["gone"]
        cls.old, _ = stand_in(cls.addClassCleanup, cls.registry.answer)
        made = server(NEW)
        cls.addClassCleanup(made.doCleanups)
        apicurio.DATABASE, apicurio.PORTS, apicurio.REGISTRIES, apicurio.PLACE = made, [(free_port(), free_port())], {}, PLACE
        apicurio.start(0)
        apicurio.wait_for(0)
        # It is empty only once.
        cls.moved = cls("runTest").move()

    def runTest(self):
        """Nothing: for what begins them all."""

    def move(self, **changed):
        http = apicurio.PORTS[0][0]
        return self.bash("schemas", changed | {"localhost:8081": f"localhost:{self.old}", "localhost:8082": f"localhost:{http}"})

    def register(self, subject, schema):
        return apicurio.ask(0, "POST", f"/subjects/{subject}/versions", {"schema": schema})[1]

    def test_each_schema_keeps_its_id_and_new_ones_get_others(self):
        code, told = self.moved
        self.assertEqual((code, told.splitlines()[-1]), (0, "all schemas are there, with their ids"), told)
        for number, schema in ((2, FIRST), (4, SECOND)):
            code, found = apicurio.ask(0, "GET", f"/schemas/ids/{number}")
            self.assertEqual((code, json.loads(found["schema"])), (200, json.loads(schema)))
        # What registers them again, as the bridge does, gets the same ids.
        apicurio.ask(0, "PUT", "/config/device_data-value", {"compatibility": "NONE"})
        self.assertEqual([self.register("device_data-value", schema) for schema in (FIRST, SECOND)], [{"id": 2}, {"id": 4}])
        self.assertGreater(self.register("device_data-value", '"boolean"')["id"], 4)
        self.assertEqual(apicurio.ask(0, "GET", "/subjects/device_data-value/versions"), (200, [1, 2, 3]))

    def test_a_registry_that_has_schemas_is_refused_and_what_is_missing_is_shown(self):
        self.registry.register("late-value", '"double"')
        self.addCleanup(self.registry.subjects.pop, "late-value")
        code, told = self.move()
        self.assertNotEqual(code, 0)
        self.assertIn("Registry is not empty", told)
        # As where the registry says success and takes nothing.
        code, told = self.move(**{"curl -sS --fail-with-body -H": "true -H"})
        self.assertNotEqual(code, 0)
        self.assertIn('< late-value\t5\t"double"', told)

    def test_the_mode_import_keeps_no_id(self):
        self.assertEqual(apicurio.ask(0, "PUT", "/mode", {"mode": "IMPORT"})[0], 200)
        code, answer = apicurio.ask(0, "POST", "/subjects/x-value/versions", {"schema": '"bytes"', "id": 77, "version": 1})
        self.assertEqual(code, 200)
        self.assertNotEqual(answer["id"], 77)


def setUpModule():
    global PLACE
    PLACE = apicurio.unpacked(unittest.addModuleCleanup)
    # Its dump programs are of its version, and Maven's server has none.
    databases.BIN = pathlib.Path(find("postgres")).resolve().parent


if __name__ == "__main__":
    prove(f"PostgreSQL {said('postgres', '--version')}, Apicurio Registry {apicurio.VERSION}", databases.IMAGE["tag"])
