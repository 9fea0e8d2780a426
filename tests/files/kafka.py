"""The composed topics and connector Jobs on a real Kafka and a real Connect, and a device's message on its way there.

The two connectors are in no registry: stand-ins of the same names check the settings and do their work.
"""

import json
import os
import subprocess
import time
import unittest
import urllib.request

import cluster
import mosquitto
from cluster import VERSION, Cluster
from composed import Composed, moved, seed
from mosquitto import READING
from support import Case, find, need, prove, said, until

need("mosquitto", "mosquitto_passwd", "mosquitto_pub", "openssl")

MQTT = seed().container("Job", "mqtt-source-connector")
SNOWFLAKE = seed().container("Job", "snowflake-sink-connector")
PRESENT = {"mqtt-credentials": {"username": "-", "password": "-"}, "snowflake-kafka-credentials": {"private_key": "-"}}
BRIDGE = "kafka-bridge"
KAFKA = CREATED = None


def setUpModule():
    global KAFKA, CREATED
    KAFKA = Cluster(unittest.addModuleCleanup)
    # As in the platform, the topics come before whatever uses them.
    CREATED = Case().run_script(*topics_job(seed()), timeout=300)


def topics_job(composed):
    """The Job's script, its variables and its path, with this machine's port and tools."""
    job = composed.container("Job", "kafka-topics")
    env = job.env()
    env["BOOTSTRAP"] = moved(env["BOOTSTRAP"], {":9092": f":{KAFKA.ports['broker']}"})
    return job.script(), env, f"{KAFKA.place / 'bin'}:{os.environ['PATH']}"


class Topics(Case):
    def create(self, composed):
        return self.run_script(*topics_job(composed), timeout=300)

    def described(self):
        """Topic → (partitions, retention), asked with Kafka's own tool."""
        topics = {}
        for line in KAFKA.tool("kafka-topics", "--describe").splitlines():
            if line.startswith("Topic: "):
                fields = dict(field.split(": ", 1) for field in line.split("\t"))
                configs = dict(config.split("=") for config in fields["Configs"].split(",") if config)
                topics[fields["Topic"]] = (int(fields["PartitionCount"]), configs.get("retention.ms"))
        return {topic: found for topic, found in topics.items() if topic.startswith("device") or topic.endswith("device_topic")}

    def test_they_are_made_once_and_follow_the_claim(self):
        vital = ["blood_pressure", "heart_rate", "oxygen_saturation", "temperature"]
        wanted = {"device_data": (3, "604800000")} | {f"{sign}_device_topic": (3, "604800000") for sign in vital}
        self.assertEqual(CREATED.count(": created with 3 partitions"), 5)
        self.assertEqual(self.described(), wanted)
        said = self.create(seed())
        self.assertEqual(said.splitlines()[1:], ["all topics are as asked for"])
        self.assertEqual(self.described(), wanted)
        said = self.create(Composed({"partitions: 3": "partitions: 4", "retentionMs: 604800000": "retentionMs: 86400000"}))
        self.assertIn("topic device_data: raised from 3 to 4 partitions", said)
        self.assertIn("topic device_data: retention set to 86400000 ms", said)
        self.assertEqual(self.described(), wanted | {"device_data": (4, "86400000")})
        self.assertIn("topic device_data: keeps its 4 partitions", self.create(seed()))
        self.assertEqual(self.described()["device_data"], (4, "604800000"))


class Connector(mosquitto.Broker):
    """A test that puts connectors: into one Connect, which forgets them afterwards."""

    def put(self, job, **env):
        """The Job's script, its variables and its path, with this machine's ports and paths."""
        _, self.registry = port, asked = self.stand_in(lambda method, path, headers, body: (200, body))
        given = job.env(PRESENT) | {"POLL_SECONDS": "0.5", "GIVE_UP_SECONDS": "60"}
        given["CONNECT_URL"] = f"http://127.0.0.1:{KAFKA.ports['connect']}"
        if "SCHEMA_REGISTRY_URL" in given:
            given["SCHEMA_REGISTRY_URL"] = f"http://127.0.0.1:{port}"
        places = {"/mnt/secrets": str(KAFKA.secrets)}
        if job is MQTT:
            places[":1883"] = f":{self.port}"
        given["CONNECTOR_CONFIG"] = moved(given["CONNECTOR_CONFIG"], places)
        self.addCleanup(self.forget, given["CONNECTOR_NAME"])
        return job.script(), given | env, self.alpine_path("curl")

    def ask(self, method, path):
        request = urllib.request.Request(f"http://127.0.0.1:{KAFKA.ports['connect']}{path}", method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")

    def forget(self, name):
        if name in self.ask("GET", "/connectors"):
            self.ask("DELETE", f"/connectors/{name}")
            until(lambda: name not in self.ask("GET", "/connectors"), 30)

    def states(self, name):
        status = self.ask("GET", f"/connectors/{name}/status")
        return [status["connector"]["state"], *(task["state"] for task in status["tasks"])]

    def credentials(self, password=None):
        KAFKA.mount("mqtt", {"username": BRIDGE, "password": password or self.password(BRIDGE)})


class Source(Connector):
    def setUp(self):
        self.broker()

    def test_worker_is_the_composed_one_and_has_both_plugins(self):
        self.assertEqual(self.ask("GET", "/")["version"], VERSION)
        self.assertEqual(cluster.worker_settings()["config.providers.dir.param.allowed.paths"], "/mnt/secrets")
        classes = {plugin["class"] for plugin in self.ask("GET", "/connector-plugins")}
        self.assertLessEqual({json.loads(job.env(PRESENT)["CONNECTOR_CONFIG"])["connector.class"] for job in (MQTT, SNOWFLAKE)}, classes)

    def test_a_devices_message_arrives_in_its_topic(self):
        self.credentials()
        script, env, path = self.put(MQTT)
        said = self.run_script(script, env, path, timeout=300)
        self.assertIn("running with its tasks", said.splitlines()[-1])
        self.assertEqual(self.registry, [("PUT", "/config/device_data-value", '{"compatibility":"NONE"}')])
        self.assertEqual(self.publish("health-user", message=READING), "")
        until(lambda: self.ask("GET", f"/connectors/{env['CONNECTOR_NAME']}/topics")[env["CONNECTOR_NAME"]]["topics"], 30)
        ((key, value),) = KAFKA.records("device_data", 1)
        self.assertEqual((key, json.loads(value)), ("test001", json.loads(READING)))
        # Connect keeps the placeholder, and not what it stands for.
        self.assertIn("${dir:", json.dumps(self.ask("GET", f"/connectors/{env['CONNECTOR_NAME']}/config")))
        self.assertNotIn(self.password(BRIDGE), json.dumps(self.ask("GET", f"/connectors/{env['CONNECTOR_NAME']}/config")))

    def test_credential_that_comes_late_and_changes(self):
        (KAFKA.secrets / "mqtt").mkdir(exist_ok=True)
        for file in (KAFKA.secrets / "mqtt").iterdir():
            file.unlink()
        script, env, path = self.put(MQTT)
        process = self.start(script, env, path)
        # The placeholder is handed to the task as it stands, and the broker refuses it.
        until(lambda: next((line for line in process.stdout if "starting what failed again" in line), None), 60)
        self.credentials()
        said, _ = process.communicate(timeout=300)
        self.assertEqual(process.returncode, 0, said)
        self.assertEqual(self.states(env["CONNECTOR_NAME"]), ["RUNNING", "RUNNING"])
        # The same configuration once more: the task reads the credential anew, which is wrong by now.
        self.credentials("changed")
        said = self.run_script(script, env | {"GIVE_UP_SECONDS": "1"}, path, code=1, timeout=300)
        self.assertRegex(said.splitlines()[-1], "^cannot run connector mqtt-source-connector: .*Not authorized")

    def test_task_that_keeps_failing_fails_the_job(self):
        self.credentials("wrong")
        script, env, path = self.put(MQTT, GIVE_UP_SECONDS="5")
        started = time.monotonic()
        said = self.run_script(script, env, path, code=1, timeout=300)
        self.assertIn("starting what failed again", said)
        self.assertRegex(said.splitlines()[-1], "^cannot run connector mqtt-source-connector: .*Not authorized")
        self.assertGreater(time.monotonic() - started, 5)

    def test_setting_that_is_refused_fails_the_job(self):
        self.credentials()
        script, env, path = self.put(MQTT, GIVE_UP_SECONDS="1")
        for old, new, reason in (
            ("connect.mqtt.clean", "connect.mqtt.cleen", "the connector has no setting connect.mqtt.cleen"),
            ("INSERT INTO", "UPSERT INTO", "not in the form that this stand-in knows"),
        ):
            given = env | {"CONNECTOR_CONFIG": moved(env["CONNECTOR_CONFIG"], {old: new})}
            said = self.run_script(script, given, path, code=1, timeout=300)
            self.assertIn("cannot put connector mqtt-source-connector (Connect answers 400)", said.splitlines()[-1])
            self.assertIn(reason, said)


class Sink(Connector):
    def test_a_processed_reading_arrives_in_its_table(self):
        key = subprocess.run(
            [find("openssl"), "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], capture_output=True, text=True, check=True
        ).stdout
        KAFKA.mount("snowflake", {"private_key": key})
        script, env, path = self.put(SNOWFLAKE)
        reading = '{"deviceId":"test001","value":75}'
        KAFKA.tool("kafka-console-producer", "--topic", "heart_rate_device_topic", input=reading + "\n")
        self.assertIn("running with its tasks", self.run_script(script, env, path, timeout=300).splitlines()[-1])
        table = KAFKA.tables / "HEART_RATE_DEVICE_TOPIC"
        until(table.exists, 30)
        self.assertEqual(until(table.read_text), reading + "\n")

    def test_key_that_is_none_fails_the_job(self):
        KAFKA.mount("snowflake", {"private_key": "no key"})
        script, env, path = self.put(SNOWFLAKE, GIVE_UP_SECONDS="1")
        said = self.run_script(script, env, path, code=1, timeout=300)
        self.assertIn("cannot put connector snowflake-sink-connector (Connect answers 400)", said.splitlines()[-1])
        self.assertIn("not an RSA key in PKCS#8", said)


if __name__ == "__main__":
    prove(f"Apache Kafka and Connect {VERSION} with {mosquitto.version()}, connectors stood in for", cluster.POD.version)
