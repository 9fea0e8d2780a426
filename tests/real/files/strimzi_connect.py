"""Kafka Connect by Strimzi: two real workers with the composed settings, user and rights at three real nodes of Kafka, with
the composed connectors, Apicurio Registry on PostgreSQL and Mosquitto. A worker is killed under load, credentials change,
and whatever the composed rights do not have is refused.

The two connectors are in no registry: stand-ins of the same names check the settings and do their work.
"""

import json
import os
import signal
import subprocess
import threading
import time
import unittest
import urllib.parse

import apicurio
import mosquitto
import strimzi
from brokers import COMPOSED, VERSION, Brokers
from mosquitto import READING
from support import Case, end, find, need, peak, prove, until
from workers import CONNECTORS, REPLICAS, SPEC, Operator, Workers

need("javac", "mosquitto", "mosquitto_passwd", "mosquitto_pub")

BRIDGE, BYTES, SINK = "mqtt-source-connector", "mqtt-source-bytes-connector", "snowflake-sink-connector"
OWN = {SPEC[f"{kind}StorageTopic"]: partitions for kind, partitions in (("config", "1"), ("offset", "25"), ("status", "5"))}
LETTERS = CONNECTORS[SINK]["spec"]["config"]["errors.deadletterqueue.topic.name"]
CLUSTER = WORKERS = OPERATOR = MQTT = READER = None


def setUpModule():
    global CLUSTER, WORKERS, OPERATOR, MQTT, READER
    # The first alone: Connect reaches any of them by their Service, and apicurio.py proves that they are one.
    apicurio.begin([0])
    CLUSTER = strimzi.CLUSTER = Brokers(unittest.addModuleCleanup)
    addresses = (CONNECTORS[BRIDGE]["spec"]["config"][url] for url in ("value.converter.schema.registry.url", "connect.mqtt.hosts"))
    WORKERS = Workers(unittest.addModuleCleanup, CLUSTER, [urllib.parse.urlsplit(address).hostname for address in addresses])
    topics = strimzi.Topics()
    unittest.addModuleCleanup(topics.doCleanups)
    topics.create(COMPOSED)
    MQTT = Device()
    unittest.addModuleCleanup(MQTT.doCleanups)
    MQTT.process = MQTT.broker(COMPOSED)
    apicurio.wait_for(0)
    WORKERS.wait()
    OPERATOR = Operator(WORKERS, {"mqtt": MQTT.port, "registry": apicurio.PORTS[0][0]})
    credentials()
    command = [find("openssl"), "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
    WORKERS.mount("snowflake", {"private_key": subprocess.run(command, capture_output=True, text=True, check=True).stdout})
    for name in (BRIDGE, BYTES, SINK):
        OPERATOR.reconcile(name, OPERATOR.wanted(name))
    until(lambda: all(OPERATOR.runs(name) for name in CONNECTORS), 120)
    READER = Reader()


def tearDownModule():
    most = weigh()
    print(f"proof: ok      Kafka Connect {VERSION} of Strimzi: everything had {most} MiB at most, together", flush=True)


def weigh():
    """Memory that all programs of Java, which are nearly all of it, have had at most, together."""
    CLUSTER.weigh()
    others = [*WORKERS.running.values(), *apicurio.REGISTRIES.values(), READER.process]
    WORKERS.most = max(WORKERS.most, peak(process for process in others if process.poll() is None))
    return CLUSTER.most + WORKERS.most


def credentials(password=None):
    WORKERS.mount("mqtt", {"username": "kafka-bridge", "password": password or MQTT.password("kafka-bridge")})


class Device(mosquitto.Broker):
    """The composed broker, with what devices publish."""

    def send(self, message, topic="health/device_data"):
        if complaint := self.publish("health-user", topic, message):
            raise AssertionError(complaint)


class Reader:
    """All records of `device_data`, as a reader of Avro has them from the registry."""

    def __init__(self):
        self.said = CLUSTER.place / "read"
        reader = {
            "print.key": "true", "value.deserializer": "io.confluent.kafka.serializers.KafkaAvroDeserializer",
            "value.deserializer.schema.registry.url": apicurio.url(0),
        }
        java = [*CLUSTER.java[:-1], os.pathsep.join([*WORKERS.jars, str(WORKERS.avro)])]
        command = [
            *java, "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", CLUSTER.bootstrap(),
            "--topic", "device_data", "--from-beginning", "--command-config", CLUSTER.client("lenses-agent"),
        ]
        command += [word for name, value in reader.items() for word in ("--formatter-property", f"{name}={value}")]
        with open(self.said, "w") as said:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=CLUSTER.log)
        unittest.addModuleCleanup(end, self.process)

    def records(self):
        """(key, value) of each."""
        lines = self.said.read_text().splitlines(keepends=True)
        return [(key, json.loads(value)) for key, value in (line.split("\t", 1) for line in lines if line.endswith("\n"))]

    def of(self, key):
        return [value for found, value in self.records() if found == key]


def rows():
    """Of the table of `alarms`, which the stand-in for Snowflake's sink keeps in a file."""
    table = WORKERS.tables / "ALARMS"
    return table.read_text().splitlines() if table.exists() else []


class Connectors(Case):
    def described(self):
        """Topic → its fields, asked with Kafka's own tool."""
        lines = CLUSTER.tool("kafka-topics", *CLUSTER.operator, "--describe").splitlines()
        found = [dict(field.split(": ", 1) for field in line.split("\t")) for line in lines if line.startswith("Topic: ")]
        return {fields["Topic"]: fields for fields in found if "PartitionCount" in fields}

    def as_agent(self, tool, *words, **options):
        client = CLUSTER.client("lenses-agent")
        return CLUSTER.tool(tool, "--bootstrap-server", CLUSTER.bootstrap(), "--command-config", client, *words, **options)

    def first(self, topic, *more):
        """The first record of a topic, as Kafka's own tool shows it."""
        one = ("--from-beginning", "--max-messages", "1", "--timeout-ms", "30000")
        return self.as_agent("kafka-console-consumer", "--topic", topic, *one, *more)

    def as_connect(self, tool, *words):
        """What one of Kafka's tools says to the user of Connect."""
        command = [CLUSTER.place / f"bin/{tool}.sh", "--bootstrap-server", CLUSTER.bootstrap(), "--command-config", CLUSTER.client(SPEC["groupId"])]
        done = subprocess.run([*command, *words], capture_output=True, text=True, timeout=120)
        return done.stdout + done.stderr

    def test_two_workers_share_the_connectors_and_have_made_their_own_topics_by_the_composed_rights(self):
        self.assertEqual(set(REPLICAS), {number for name in CONNECTORS for number in OPERATOR.hosts(name)})
        self.assertEqual({WORKERS.ask("GET", "/", number=number)[1]["version"] for number in REPLICAS}, {VERSION})
        topics = self.described()
        self.assertEqual(set(topics), {"alarms", "device_data", "raw", "__consumer_offsets", LETTERS, *OWN})
        self.assertEqual({topic: fields["ReplicationFactor"] for topic, fields in topics.items()}, dict.fromkeys(topics, "3"))
        self.assertEqual({topic: topics[topic]["PartitionCount"] for topic in OWN}, OWN)
        for topic in OWN:
            self.assertIn("cleanup.policy=compact", topics[topic]["Configs"])

    def test_a_reading_arrives_in_avro_and_anything_as_bytes(self):
        MQTT.send(READING)
        (value,) = until(lambda: READER.of("test001"), 30)
        self.assertEqual(value, json.loads(READING))
        MQTT.send("\u00fcnd no JSON", "health/raw/1")
        self.assertEqual(self.first("raw"), "\u00fcnd no JSON\n")
        # Connect keeps the placeholder, and not what it stands for.
        config = json.dumps(WORKERS.ask("GET", f"/connectors/{BRIDGE}/config")[1])
        self.assertIn("${dir:", config)
        self.assertNotIn(MQTT.password("kafka-bridge"), config)

    def test_the_schema_of_a_subject_changes_in_any_way_though_nobody_lifts_a_rule(self):
        self.assertEqual(apicurio.ask(0, "GET", "/config")[1]["compatibilityLevel"], "NONE")
        values = [75, "high", [True], {"least": 60}]
        for value in values:
            MQTT.send(json.dumps({"deviceId": "changing", "heartRate": value}))
        until(lambda: len(READER.of("changing")) == len(values), 60)
        self.assertEqual([value["heartRate"] for value in READER.of("changing")], values)
        _, versions = apicurio.ask(0, "GET", "/subjects/device_data-value/versions")
        self.assertGreaterEqual(len(versions), len(values))

    def test_an_alarm_arrives_in_its_table_and_what_cannot_is_kept(self):
        self.as_agent("kafka-console-producer", "--topic", "alarms", input="!no row\na row\n")
        until(lambda: "a row" in rows(), 60)
        self.assertNotIn("!no row", rows())
        letter = self.first(LETTERS, "--formatter-property", "print.headers=true")
        self.assertEqual(letter.split("\t")[-1], "!no row\n")
        self.assertIn("__connect.errors.exception.message:not a row", letter)

    def test_whatever_the_claim_does_not_list_is_refused_to_the_user_of_connect(self):
        for words in (("--create", "--topic", "others"), ("--delete", "--topic", "device_data")):
            self.assertIn("TopicAuthorizationException", self.as_connect("kafka-topics", *words))
        said = self.as_connect("kafka-console-consumer", "--topic", "device_data", "--group", "others", "--timeout-ms", "20000")
        self.assertIn("GroupAuthorizationException", said)
        topics = set(self.described())
        self.assertIn("device_data", topics)
        self.assertNotIn("others", topics)

    def other(self, tolerance):
        """A connector of nobody, from the composed one for bytes, into a topic that the claim does not list."""
        name = f"into-others-{tolerance}"
        config = OPERATOR.wanted(BYTES, **{"errors.tolerance": tolerance, "connect.mqtt.client.id": name})
        config["connect.mqtt.kcql"] = config["connect.mqtt.kcql"].replace("INTO `raw`", "INTO `others`")
        self.addCleanup(WORKERS.ask, "DELETE", f"/connectors/{name}")
        OPERATOR.reconcile(name, config)
        until(lambda: OPERATOR.runs(name), 60)
        return name

    def test_a_task_that_writes_into_a_topic_that_the_claim_does_not_list_fails_or_leaves_the_record_out(self):
        strict, tolerant = self.other("none"), self.other("all")
        MQTT.send("anything", "health/raw/2")
        self.assertEqual(until(lambda: OPERATOR.failed(strict), 60), "The following tasks have failed: 0, see connectorStatus for more details.")
        self.assertIn("TopicAuthorizationException", OPERATOR.status(strict)["tasks"][0]["trace"])
        # Composed connectors tolerate what cannot be written: Connect counts it as failed, though not as skipped. An alert is
        # raised by that count, and a preview says that there is no such topic.
        self.assertEqual(CONNECTORS[BYTES]["spec"]["config"]["errors.tolerance"], "all")
        until(lambda: self.counted("total_record_failures", tolerant), 60)
        self.assertTrue(OPERATOR.runs(tolerant), OPERATOR.status(tolerant))
        self.assertEqual(self.counted("total_records_skipped", tolerant), 0)
        self.assertEqual(self.counted("total_record_failures", BYTES), 0)

    def counted(self, what, connector):
        """A count of errors of a connector's task, from whichever worker has it, as Prometheus reads it."""
        name, label = f"kafka_connect_task_error_metrics_{what}", f'connector="{connector}"'
        return sum(value for series, value in WORKERS.series().items() if series.startswith(name) and label in series)

    def test_a_broker_that_is_away_is_a_failed_task_which_the_operators_restart_brings_back(self):
        self.assertEqual(OPERATOR.failed(BRIDGE), "")
        end(MQTT.process)
        words = "The following tasks have failed: 0, see connectorStatus for more details."
        until(lambda: OPERATOR.failed(BRIDGE) == words and OPERATOR.failed(BYTES) == words, 60)
        self.assertIn("the broker is gone", OPERATOR.status(BRIDGE)["tasks"][0]["trace"])
        MQTT.process = MQTT.serve()
        for name in (BRIDGE, BYTES):
            self.assertEqual(OPERATOR.auto_restart(name), 202)
        until(lambda: OPERATOR.runs(BRIDGE) and OPERATOR.runs(BYTES), 60)
        MQTT.send('{"deviceId":"back again"}')
        until(lambda: READER.of("back again"), 30)

    def test_another_generation_of_credentials_starts_the_connector_with_what_the_secret_has_now(self):
        self.addCleanup(until, lambda: OPERATOR.runs(BRIDGE), 60)
        self.addCleanup(OPERATOR.reconcile, BRIDGE, OPERATOR.wanted(BRIDGE))
        self.addCleanup(credentials)
        credentials("changed")
        self.assertEqual(OPERATOR.reconcile(BRIDGE, OPERATOR.wanted(BRIDGE)), "as it is")
        MQTT.send('{"deviceId":"before"}')
        until(lambda: READER.of("before"), 30)
        generation = "platform.credentials.generation"
        following = str(int(CONNECTORS[BRIDGE]["spec"]["config"][generation]) + 1)
        self.assertEqual(OPERATOR.reconcile(BRIDGE, OPERATOR.wanted(BRIDGE, **{generation: following})), "changed")
        until(lambda: OPERATOR.failed(BRIDGE), 60)
        self.assertIn("Not authorized", OPERATOR.status(BRIDGE)["tasks"][0]["trace"])


class Load(threading.Thread):
    """Readings of a device at a steady rate, and alarms of an agent at the same one, which go on until they are ended."""

    COUNT, EACH_SECOND = 3000, 500

    def __init__(self, name):
        super().__init__(daemon=True)
        self.mark, self.sent, self.said = f"{name}-", 0, CLUSTER.place / f"alarms-{name}"
        command = [
            CLUSTER.place / "bin/kafka-verifiable-producer.sh", "--bootstrap-server", CLUSTER.bootstrap(), "--topic", "alarms",
            "--throughput", str(self.EACH_SECOND), "--acks", "-1",
            "--value-prefix", str(time.monotonic_ns() % 10**6), "--command-config", CLUSTER.client("lenses-agent"),
        ]
        with open(self.said, "w") as said:
            self.alarms = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=CLUSTER.log)
        unittest.addModuleCleanup(end, self.alarms)
        until(self.acknowledged, 60)
        self.start()

    def run(self):
        publish = MQTT.client("mosquitto_pub", "health-user", "-t", "health/device_data", "-q", "1", "-l")
        with subprocess.Popen(publish, stdin=subprocess.PIPE, text=True) as process:
            for number in range(self.COUNT):
                process.stdin.write(json.dumps({"deviceId": f"{self.mark}{number}"}) + "\n")
                process.stdin.flush()
                self.sent = number + 1
                time.sleep(1 / self.EACH_SECOND)

    def acknowledged(self):
        """The alarms that Kafka has acknowledged."""
        return {line["value"] for line in self.lines() if line["name"] == "producer_send_success"}

    def lines(self):
        for line in self.said.read_text().splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue

    def arrived(self):
        """Numbers of the readings that are in Kafka."""
        return {int(key.removeprefix(self.mark)) for key, _ in READER.records() if key.startswith(self.mark)}


class Killed(Case):
    def test_a_worker_killed_under_load(self):
        proven, told = set(), []
        for name in (BRIDGE, SINK):
            if name not in proven:
                victim = OPERATOR.hosts(name)[-1]
                proven |= {each for each in (BRIDGE, SINK) if OPERATOR.hosts(each)[-1] == victim}
                told.append(self.kill(victim, name))
        self.assertEqual(proven, {BRIDGE, SINK})
        self._testMethodDoc = f"a worker killed with -9 under load, whose connectors go on in the other: {'; '.join(told)}"

    def kill(self, victim, name):
        load = Load(name)
        until(lambda: load.sent > load.COUNT / 2, 60)
        weigh()
        lost = [each for each in (BRIDGE, SINK) if OPERATOR.hosts(each)[-1] == victim]
        WORKERS.stop(victim, signal.SIGKILL)
        killed, before, alarmed = time.monotonic(), load.sent, len(load.acknowledged())
        (other,) = set(REPLICAS) - {victim}
        until(lambda: all(OPERATOR.runs(each) and OPERATOR.hosts(each) == [other, other] for each in CONNECTORS), 120)
        taken_over = time.monotonic() - killed
        # A reader that is back has what was written while it was away.
        alarms = load.acknowledged()
        self.assertGreater(len(alarms), alarmed)
        until(lambda: alarms <= set(rows()), 120)
        delivered = time.monotonic() - killed
        load.join(60)
        end(load.alarms)
        until(lambda: load.COUNT - 1 in load.arrived(), 60)
        alarms = load.acknowledged()
        until(lambda: alarms <= set(rows()), 60)
        missing = set(range(load.COUNT)) - load.arrived()
        # The bridge acknowledges what it has in memory, however little Kafka takes of it just then. Whatever came while no worker
        # read was in the broker's queue.
        self.assertLess(max(missing, default=0), before)
        WORKERS.start(victim)
        WORKERS.wait()
        until(lambda: {number for each in CONNECTORS for number in OPERATOR.hosts(each)} == set(REPLICAS), 60)
        return (
            f"{' and '.join(lost)} run again after {taken_over:.0f} s and deliver after {delivered:.0f} s, all {len(alarms)} alarms that "
            f"Kafka acknowledged are in the table, {len(missing)} of {load.COUNT} readings that the broker acknowledged are lost"
        )


if __name__ == "__main__":
    prove(f"Kafka Connect {VERSION} of Strimzi, two workers", SPEC["version"])
