"""The composed topics Job and what keeps connectors on a real Kafka and a real Connect, and a device's message on its way
there.

The two connectors are in no registry: stand-ins of the same names check the settings and do their work.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

import cluster
import mosquitto
from cluster import VERSION, Cluster
from composed import Composed, moved, seed
from mosquitto import READING
from support import Case, end as stop, find, free_port, need, prove, said, until

need("mosquitto", "mosquitto_passwd", "mosquitto_pub", "openssl", "promtool")

MQTT = seed().container("StatefulSet", "mqtt-source-connector")
SYSTEM = seed().container("StatefulSet", "kafka-connect")
PRESENT = {"mqtt-credentials": {"username": "-", "password": "-"}, "snowflake-kafka-credentials": {"private_key": "-"}}
BRIDGE = "kafka-bridge"
SEEDS_MAPPINGS = """\
            - mqttTopic: health/device_data
              kafkaTopic: device_data
              keyField: deviceId
"""
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
    """A test that keeps connectors: in one Connect, which forgets them afterwards."""

    def keep(self, container):
        """The script, its variables and its path, with this machine's ports and paths."""
        self.own = self.directory()
        given = container.env(PRESENT) | {"POLL_SECONDS": "0.5", "GIVE_UP_SECONDS": "60", "READY_FILE": str(self.own / "ready")}
        given["CONNECT_URL"] = f"http://127.0.0.1:{KAFKA.ports['connect']}"
        registry = f"127.0.0.1:{KAFKA.ports['registry']}"
        if "SCHEMA_REGISTRY_URL" in given:
            given["SCHEMA_REGISTRY_URL"] = f"http://{registry}"
        places = {"/mnt/secrets": str(KAFKA.secrets)}
        if "AvroConverter" in given["CONNECTOR_CONFIG"]:
            places["127.0.0.1:8081"] = registry
        if "connect.mqtt.hosts" in given["CONNECTOR_CONFIG"]:
            places[":1883"] = f":{self.port}"
        given["CONNECTOR_CONFIG"] = moved(given["CONNECTOR_CONFIG"], places)
        self.addCleanup(self.forget, given["CONNECTOR_NAME"])
        self.kept = container.script(), given, self.alpine_path("curl")
        return given["CONNECTOR_NAME"]

    def begin(self):
        return self.start(*self.kept, [self.own])

    def run_once(self, code=1, **env):
        """One run that ends, with its last line."""
        script, given, path = self.kept
        return self.run_script(script, given | env, path, code=code, timeout=300, writable=[self.own]).splitlines()[-1]

    def is_ready(self):
        return (self.own / "ready").exists()

    def pod(self, seconds=120):
        """Starts the script again each time it ends, as the kubelet does, but a second later, until all is well. The run
        that goes on, and the last lines of those before it."""
        ends, deadline = [], time.monotonic() + seconds
        process = self.begin()
        while not self.is_ready():
            self.assertLess(time.monotonic(), deadline, ends)
            if process.poll() is not None:
                ends.append(process.stdout.read().splitlines()[-1])
                time.sleep(1)
                process = self.begin()
            time.sleep(0.05)
        return process, ends

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{KAFKA.ports['connect']}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")

    def forget(self, name):
        if name in self.ask("GET", "/connectors"):
            self.ask("DELETE", f"/connectors/{name}")
            until(lambda: name not in self.ask("GET", "/connectors"), 30)

    def states(self, name):
        status = self.ask("GET", f"/connectors/{name}/status")
        return [status["connector"]["state"], *(task["state"] for task in status["tasks"])]

    def private_key(self):
        command = [find("openssl"), "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def credentials(self, password=None):
        KAFKA.mount("mqtt", {"username": BRIDGE, "password": password or self.password(BRIDGE)})


class Source(Connector):
    def setUp(self):
        self.mosquitto = self.broker()

    def test_worker_is_the_composed_one_and_has_both_plugins(self):
        self.assertEqual(self.ask("GET", "/")["version"], VERSION)
        self.assertEqual(cluster.worker_settings()["config.providers.dir.param.allowed.paths"], "/mnt/secrets")
        classes = {plugin["class"] for plugin in self.ask("GET", "/connector-plugins")}
        self.assertLessEqual({json.loads(kept.env(PRESENT)["CONNECTOR_CONFIG"])["connector.class"] for kept in (MQTT, SYSTEM)}, classes)

    def test_a_devices_message_arrives_in_its_topic(self):
        self.credentials()
        name = self.keep(MQTT)
        KAFKA.asked.clear()
        self.assertEqual(self.pod()[1], [])
        self.assertEqual([asked for asked in KAFKA.asked if asked[0] == "PUT"], [("PUT", "/config/device_data-value", '{"compatibility":"NONE"}')])
        self.assertEqual(self.publish("health-user", message=READING), "")
        until(lambda: KAFKA.size("device_data"), 30)
        ((key, value),) = KAFKA.avro_records("device_data", 1)
        self.assertEqual((key, value), ("test001", json.loads(READING)))
        # Connect keeps the placeholder, and not what it stands for.
        config = json.dumps(self.ask("GET", f"/connectors/{name}/config"))
        self.assertIn("${dir:", config)
        self.assertNotIn(self.password(BRIDGE), config)
        # Readers of the schema that is registered before the processors can read what the converter writes.
        registered = seed().file("topic-schemas", "device_data")
        written = KAFKA.registry.subjects["device_data-value"]
        self.assertEqual(KAFKA.compatible(registered, written), ["COMPATIBLE"] * len(written))
        renamed = moved(registered, {'"health_device_data"': '"device_data"'})
        self.assertEqual(KAFKA.compatible(renamed, written), ["INCOMPATIBLE"] * len(written))

    def test_credential_that_comes_late_and_changes(self):
        (KAFKA.secrets / "mqtt").mkdir(exist_ok=True)
        for file in (KAFKA.secrets / "mqtt").iterdir():
            file.unlink()
        name = self.keep(MQTT)
        # The placeholder is handed to the task as it stands, and the broker refuses it.
        self.assertRegex(self.run_once(), "^cannot run connector mqtt-source-connector: .*Not authorized")
        self.credentials()
        process, ends = self.pod()
        self.assertEqual(ends, [])
        self.assertEqual(self.states(name), ["RUNNING", "RUNNING"])
        process.terminate()
        process.wait()
        # The same configuration from a new pod: the task reads the credential anew, which is wrong by now.
        self.credentials("changed")
        self.keep(MQTT)
        self.assertRegex(self.run_once(), "^cannot run connector mqtt-source-connector: .*Not authorized")

    def test_a_task_that_fails_later_comes_back_by_itself(self):
        self.credentials()
        name = self.keep(MQTT)
        process, _ = self.pod()
        stop(self.mosquitto)
        said, _ = process.communicate(timeout=60)
        self.assertEqual((process.returncode, self.is_ready()), (1, False), said)
        self.assertRegex(said.splitlines()[-1], "^cannot run connector mqtt-source-connector: .*the broker is gone")
        # While it is away, each run says why.
        self.assertRegex(self.run_once(), "^cannot run connector mqtt-source-connector: .*Connection refused")
        self.assertEqual(self.states(name), ["RUNNING", "FAILED"])
        self.mosquitto = self.serve()
        self.pod()
        self.assertEqual(self.states(name), ["RUNNING", "RUNNING"])
        self.assertEqual(self.publish("health-user", message=READING), "")

    def test_a_connect_that_was_killed_comes_back_by_itself(self):
        self.credentials()
        name = self.keep(MQTT)
        process, _ = self.pod()
        KAFKA.signal("connect", signal.SIGKILL)
        until(lambda: not self.is_ready(), 30)
        until(self.is_ready, 120)
        self.assertIsNone(process.poll(), "it gave up before Connect was back")
        self.assertEqual(self.states(name), ["RUNNING", "RUNNING"])

    def test_a_connector_that_nobody_asks_for_is_removed(self):
        self.credentials()
        name = self.keep(MQTT)
        bytes_connector = "mqtt-source-bytes-connector"
        config = json.loads(self.kept[1]["CONNECTOR_CONFIG"]) | {"connect.mqtt.client.id": bytes_connector}
        for other in (bytes_connector, "somebodys"):
            self.addCleanup(self.forget, other)
            self.ask("PUT", f"/connectors/{other}/config", config)
        until(lambda: bytes_connector in self.ask("GET", "/connectors"), 30)
        self.pod()
        self.assertEqual(sorted(self.ask("GET", "/connectors")), [name, "somebodys"])

    def test_setting_that_is_refused_is_told(self):
        self.credentials()
        self.keep(MQTT)
        for old, new, reason in (
            ("connect.mqtt.clean", "connect.mqtt.cleen", "the connector has no setting connect.mqtt.cleen"),
            ("INSERT INTO", "UPSERT INTO", "not in the form that this stand-in knows"),
        ):
            said = self.run_once(CONNECTOR_CONFIG=moved(self.kept[1]["CONNECTOR_CONFIG"], {old: new}))
            self.assertIn("cannot put connector mqtt-source-connector (Connect answers 400)", said)
            self.assertIn(reason, said)


class Mappings(Connector):
    """Topics and messages as people have them, through the converter of the image, with both connectors of one broker."""

    # The broker's claim, with what one user may publish and what is carried where, each topic into one of its own.
    FILTERS = {"devices/+/telemetry": "telemetry", "3/#": "wards", "home/x@y/vitals": "vitals", "a.b/c~d": "dots"}

    def setUp(self):
        mappings = "".join(
            f"            - mqttTopic: {filter}\n              kafkaTopic: {topic}{converter}\n"
            for filter, name in self.FILTERS.items()
            for topic, converter in ((name, "\n              keyField: device.id"), (f"{name}-raw", "\n              converter: Bytes"))
        )
        everything = {SEEDS_MAPPINGS: mappings, "                - health/#\n": '                - "#"\n'}
        self.composed = Composed(everything)
        self.broker(self.composed)
        self.credentials()
        self.json, self.bytes = (self.composed.container("StatefulSet", name) for name in ("mqtt-source-connector", "mqtt-source-bytes-connector"))

    def carry(self, *containers):
        """Keeps these connectors until the test ends."""
        for container in containers:
            self.keep(container)
            self.assertEqual(self.pod()[1], [])

    def send(self, topic, message):
        self.assertEqual(self.publish("health-user", topic, message), "")

    def test_every_legal_topic_and_field_arrives(self):
        self.carry(self.json)
        topics = ["devices/sensor-01/telemetry", "devices/6f1c2d3e-0000-4000-8000-000000000001/telemetry", "devices/alpha/telemetry"]
        topics += ["3/ward", "3/a b\u00fc/1", "home/x@y/vitals", "a.b/c~d"]
        sent = {}
        for topic in topics:
            message = {"device": {"id": topic}, "heart-rate": 75, "1st": {"a b": [1, None]}, "\u00e4": "x", "_": None, "more": [{"x-y": 1.5}]}
            self.send(topic, json.dumps(message))
            sent[topic] = {"device": {"id": topic}, "heart_rate": 75, "more": [{"x_y": 1.5}]}

        def arrived():
            records = [record for kafka in self.FILTERS.values() if KAFKA.size(kafka) for record in KAFKA.avro_records(kafka, KAFKA.size(kafka))]
            # Others of these tests fill the same topics.
            return {key: {name: value.get(name) for name in ("device", "heart_rate", "more")} for key, value in records if key in sent}

        until(lambda: len(arrived()) == len(sent), 60)
        self.assertEqual(arrived(), sent)
        schemas = [json.loads(schema) for name in self.FILTERS.values() for schema in KAFKA.registry.subjects[f"{name}-value"]]
        self.assertEqual({schema["name"] for schema in schemas}, {"health_device_data"})
        self.assertEqual(KAFKA.skipped("mqtt-source-connector"), 0)

    def test_what_is_no_object_of_fields_is_kept_as_bytes(self):
        self.carry(self.json, self.bytes)
        # The connector itself cannot read these; Connect can do nothing with the others, and counts them.
        unread = ['{"device":{"id":"a"},"alerts":[]}', '{"device":{"id":"a"},"mixed":[1,"x"]}', '{"device":{}}', "on", ""]
        uncounted = len(unread)
        unread += ["72", '"on"', '{"device":{"id":"a"},"a-b":1,"a_b":2}']
        last = '{"device":{"id":"last"}}'
        for message in [*unread, last]:
            self.send("devices/alpha/telemetry", message)
        until(lambda: KAFKA.size("telemetry-raw") == len(unread) + 1, 30)
        raw = [value for _, value in KAFKA.records("telemetry-raw", len(unread) + 1)]
        self.assertEqual(sorted(raw), sorted([*unread, last]))
        until(lambda: KAFKA.avro_records("telemetry", KAFKA.size("telemetry"))[-1:] and self.arrived("last"), 30)
        self.assertEqual(KAFKA.skipped("mqtt-source-connector"), len(unread) - uncounted)

    def arrived(self, key):
        return key in [found for found, _ in KAFKA.avro_records("telemetry", KAFKA.size("telemetry"))]

    def test_a_key_without_backquotes_is_refused(self):
        self.keep(self.json)
        said = self.run_once(CONNECTOR_CONFIG=moved(self.kept[1]["CONNECTOR_CONFIG"], {"`device.id`": "device.id"}))
        self.assertIn("not in the form", said)

    def test_when_connect_is_killed_what_it_had_acknowledged_is_lost_and_nothing_else(self):
        self.carry(self.json)
        # The broker stands still for the last second before, as it does when it starts again: Connect goes on acknowledging.
        sent, stopped, killed, each_second = 5000, 2000, 3000, 1000
        self.addCleanup(KAFKA.signal, "broker", signal.SIGCONT)
        publish = self.client("mosquitto_pub", "health-user", "-t", "3/ward", "-q", "1", "-l")
        with subprocess.Popen(publish, stdin=subprocess.PIPE, text=True) as process:
            for number in range(sent):
                process.stdin.write(json.dumps({"device": {"id": f"k{number}"}}) + "\n")
                process.stdin.flush()
                time.sleep(1 / each_second)
                if number == stopped:
                    KAFKA.signal("broker", signal.SIGSTOP)
                if number == killed:
                    KAFKA.signal("connect", signal.SIGKILL)
                    KAFKA.signal("broker", signal.SIGCONT)
        until(lambda: f"k{sent - 1}" in self.keys(), 120)
        missing = {f"k{number}" for number in range(sent)} - set(self.keys())
        # What came while Connect was away was in the broker's queue.
        self.assertLessEqual(max((int(key[1:]) for key in missing), default=0), killed)
        print(f"proof: measured: {len(missing)} of {sent} messages are lost with a Connect that is killed, {killed - stopped} after Kafka stopped", flush=True)

    def keys(self):
        return [key for key, _ in KAFKA.avro_records("wards", KAFKA.size("wards"))]


class Sink(Connector):
    def test_a_processed_reading_arrives_in_its_table_and_what_cannot_is_kept(self):
        KAFKA.mount("snowflake", {"private_key": self.private_key()})
        self.keep(SYSTEM)
        reading = '{"deviceId":"test001","value":75}'
        KAFKA.tool("kafka-console-producer", "--topic", "heart_rate_device_topic", input=f"!no row\n{reading}\n")
        self.assertEqual(self.pod()[1], [])
        table = KAFKA.tables / "HEART_RATE_DEVICE_TOPIC"
        until(table.exists, 30)
        self.assertEqual(until(table.read_text), reading + "\n")
        letters = "connect-snowflake-dead-letters"
        until(lambda: KAFKA.size(letters), 30)
        # The reason is of many lines.
        one = ("--from-beginning", "--max-messages", "1", "--timeout-ms", "30000", "--property", "print.headers=true")
        letter = KAFKA.tool("kafka-console-consumer", "--topic", letters, *one)
        self.assertEqual(letter.split("\t")[-1], "!no row\n")
        self.assertIn("__connect.errors.topic:heart_rate_device_topic", letter)
        self.assertIn("__connect.errors.exception.message:not a row", letter)

    def test_an_encrypted_key_is_opened_by_its_passphrase(self):
        phrase = {"            remoteKey: snowflake-credentials\n": "            remoteKey: snowflake-credentials\n            passphraseProperty: phrase\n"}
        self.keep(Composed(phrase).container("StatefulSet", "kafka-connect"))
        # The passphrase of a key for a test, which is thrown away with it.
        encrypted = subprocess.run(
            [find("openssl"), "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", "pass:of a test"],
            input=self.private_key(), capture_output=True, text=True, check=True,
        ).stdout
        KAFKA.mount("snowflake", {"private_key": encrypted, "private_key_passphrase": "of a test"})
        process, ends = self.pod()
        self.assertEqual(ends, [])
        process.terminate()
        process.wait()
        KAFKA.mount("snowflake", {"private_key": encrypted, "private_key_passphrase": "another"})
        self.assertIn("that this passphrase opens", self.run_once())

    def test_key_that_is_none_is_told(self):
        KAFKA.mount("snowflake", {"private_key": "no key"})
        self.keep(SYSTEM)
        said = self.run_once()
        self.assertIn("cannot put connector snowflake-sink-connector (Connect answers 400)", said)
        self.assertIn("not an RSA key in PKCS#8", said)


class Counts(Connector):
    """What Connect counts, as Prometheus gets it from the pod that asks."""

    def setUp(self):
        self.ask_container, serve = (seed().container("Deployment", "kafka-connect-metrics", name) for name in ("ask", "serve"))
        self.answers, self.tmp, self.http = self.directory(), self.directory(), free_port()
        self.answer = moved(serve.env()["ANSWER"], {"/answers": str(self.answers)})
        python, *arguments = serve.spec["command"]
        self.assertEqual((python, arguments[0]), ("python3", "-c"))
        env = serve.env() | {"PORT": str(self.http), "ANSWER": self.answer, "HTTP_ADDRESS": "127.0.0.1"}
        self.server([sys.executable, *arguments], self.http, env=env)

    def asks(self):
        """The composed script, with this machine's port and tools."""
        env = self.ask_container.env()
        env["CONNECT_JMX"] = moved(env["CONNECT_JMX"], {"kafka-service:9584": f"127.0.0.1:{KAFKA.ports['jmx']}"})
        self.assertEqual(env["ANSWER"].replace("/answers", str(self.answers)), self.answer)
        env |= {"ANSWER": self.answer, "POLL_SECONDS": "0.2", "TIMEOUT_SECONDS": "20"}
        script = moved(self.ask_container.script(), {"/tmp/said": f"{self.tmp}/said"})
        return self.start(script, env, f"{KAFKA.place / 'bin'}:{os.environ['PATH']}", [self.answers, self.tmp])

    def scrape(self, path="/metrics"):
        """The status and the numbers: a series, as Prometheus writes it, → its value."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=60) as answer:
                self.assertEqual(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, {}
        checked = subprocess.run([find("promtool"), "check", "metrics"], input=text, capture_output=True, text=True)
        self.assertEqual((checked.returncode, checked.stderr), (0, ""), text)
        lines = [line.rsplit(" ", 1) for line in text.split("\n") if line and not line.startswith("#")]
        return 200, {series: float(value) for series, value in lines}

    def count(self, name, connector):
        return self.scrape()[1].get(f'kafka_connect_task_{name}_total{{connector="{connector}",task="0"}}')

    def code(self):
        return self.scrape()[0]

    def test_a_record_that_the_converter_cannot_take_is_counted(self):
        self.broker()
        self.credentials()
        name = self.keep(MQTT)
        self.pod()
        self.assertEqual(self.code(), 503)
        self.asks()
        until(lambda: self.count("skipped_records", name) == 0, 60)
        for message in ('"on"', READING):
            self.assertEqual(self.publish("health-user", message=message), "")
        until(lambda: self.count("skipped_records", name) == 1, 60)
        self.assertEqual(self.states(name), ["RUNNING", "RUNNING"])
        self.assertEqual((self.count("dead_letters", name), self.count("dead_letter_failures", name)), (0, 0))
        self.assertEqual(self.scrape()[1]["kafka_connect_tasks"], 1)

    def test_a_dead_letter_is_counted(self):
        KAFKA.mount("snowflake", {"private_key": self.private_key()})
        name = self.keep(SYSTEM)
        self.pod()
        self.asks()
        KAFKA.tool("kafka-console-producer", "--topic", "heart_rate_device_topic", input="!no row\n")
        until(lambda: self.count("dead_letters", name), 60)
        self.assertEqual(self.count("skipped_records", name), self.count("dead_letters", name))
        self.assertEqual(self.count("dead_letter_failures", name), 0)

    def test_names_of_connectors_are_only_ever_names(self):
        self.broker()
        self.credentials()
        self.keep(MQTT)
        config = json.loads(self.kept[1]["CONNECTOR_CONFIG"])
        names = ['a,task=7:"b', "back\\slash*?", "\u00fc"]
        for name in names:
            self.addCleanup(self.forget_quoted, name)
            self.ask("POST", "/connectors", {"name": name, "config": config | {"name": name, "connect.mqtt.client.id": f"client{names.index(name)}"}})
        self.asks()
        labels = [name.replace("\\", "\\\\").replace('"', '\\"') for name in names]
        wanted = {f'kafka_connect_task_skipped_records_total{{connector="{label}",task="0"}}' for label in labels}
        until(lambda: wanted <= set(self.scrape()[1]), 60)

    def forget_quoted(self, name):
        self.ask("DELETE", f"/connectors/{urllib.parse.quote(name, safe='')}")

    def test_a_connect_without_connectors_has_nothing_to_count(self):
        self.asks()
        until(lambda: self.code() == 200, 60)
        self.assertEqual(self.scrape(), (200, {"kafka_connect_tasks": 0}))
        self.assertEqual(self.scrape("/")[0], 404)

    def test_while_connect_does_not_answer_nothing_is_told(self):
        process = self.asks()
        until(lambda: self.code() == 200, 60)
        KAFKA.signal("connect", signal.SIGKILL)
        until(lambda: self.code() == 503, 60)
        until(lambda: self.code() == 200, 120)
        process.terminate()
        said, _ = process.communicate(timeout=10)
        self.assertEqual(process.returncode, 0)
        self.assertEqual([line.partition(":")[0] for line in said.splitlines()], ["Connect answers", "Connect does not answer", "Connect answers"])

    def test_a_connect_that_stands_still_is_not_waited_for(self):
        self.asks()
        until(lambda: self.code() == 200, 60)
        self.addCleanup(KAFKA.signal, "connect", signal.SIGCONT)
        KAFKA.signal("connect", signal.SIGSTOP)
        until(lambda: self.code() == 503, 60)
        KAFKA.signal("connect", signal.SIGCONT)
        until(lambda: self.code() == 200, 60)

    def test_an_old_or_broken_answer_is_none(self):
        worker = "kafka.connect:type=connect-worker-metrics:task-count\t1.0\n"
        task = "kafka.connect:type=task-error-metrics,connector=c,task=0:total-records-skipped\t"
        answer = pathlib.Path(self.answer)
        for text, code in ((f"{worker}{task}2.0\n", 200), (worker, 200), ("", 503), (f"{task}2.0\n", 503), (f"{worker}{task}null\n", 503), ("no tab\n", 503)):
            with self.subTest(text):
                answer.write_text(text)
                self.assertEqual(self.code(), code)
        named = task.replace("connector=c", 'connector="new\\nline, \u2028\\"\\\\"')
        answer.write_text(f"{worker}{named}2.0\n", encoding="utf-8")
        self.assertEqual(self.count("skipped_records", 'new\\nline, \u2028\\"\\\\'), 2)
        answer.write_text(worker)
        for age, code in ((100, 200), (130, 503)):
            os.utime(answer, (time.time() - age,) * 2)
            self.assertEqual(self.code(), code)
        answer.unlink()
        self.assertEqual(self.code(), 503)


if __name__ == "__main__":
    prove(f"Apache Kafka and Connect {VERSION} with {mosquitto.version()}, connectors stood in for", cluster.POD.version)
