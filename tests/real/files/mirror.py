"""The mirror of docs/moving-to-an-engine.md: from a real Kafka of the version that one pod runs into three real nodes as
Strimzi runs them, through MirrorMaker 2's own classes, with the page's user, rights and settings.

What Strimzi makes of a KafkaMirrorMaker2 is done here: settings of a worker of Connect, and one configuration for each
connector. It takes minutes, so `make moving` runs it, and writes what it measured into the page.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import unittest
import urllib.parse
import urllib.request

import brokers
import cluster
import moving
from composed import CHECKOUT
from support import Case, end, SKIPPED, end, find, free_port, from_maven, prove, until

try:
    import yaml
except ImportError:
    print("not installed here: Debian's python3-yaml")
    sys.exit(SKIPPED)

MANIFESTS = {manifest["kind"]: manifest for manifest in yaml.safe_load_all(moving.block("mirror"))}
MIRROR, USER = MANIFESTS["KafkaMirrorMaker2"]["spec"], MANIFESTS["KafkaUser"]
(FLOW,) = MIRROR["mirrors"]
SOURCE, TARGET = FLOW["source"], MIRROR["target"]
NAME = USER["metadata"]["name"]
RECORDS, LATER, PARTITIONS, GONE = 6000, 600, 3, 100
KEPT = RECORDS - GONE * PARTITIONS
READY = "connect-snowflake-sink-connector"
# How many records each group has read in the old Kafka before the mirror starts; the first is the Snowflake connector's,
# the second a processor's.
GROUPS = {READY: KEPT, "realtime-platform.alarms": 4000, "behind": 500}
WORKER = """\
group.id={groupId}
config.storage.topic={configStorageTopic}
offset.storage.topic={offsetStorageTopic}
status.storage.topic={statusStorageTopic}
key.converter=org.apache.kafka.connect.converters.ByteArrayConverter
value.converter=org.apache.kafka.connect.converters.ByteArrayConverter
header.converter=org.apache.kafka.connect.converters.ByteArrayConverter
offset.flush.interval.ms=2000
"""
OLD = NEW = None


class Old(cluster.Cluster):
    """Kafka of the version that one pod runs, without Connect."""

    def plugins(self):
        """It runs no connectors."""

    def start(self):
        broker = self.configuration("broker.properties", cluster.BROKER)
        command = [*self.java, "kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c", broker]
        subprocess.run(command, check=True, stdout=self.log, stderr=self.log, timeout=60)
        self.serve("broker", self.java, "kafka.Kafka", broker)


class Connect:
    """A worker of Connect with the two connectors, as Strimzi starts them."""

    def __init__(self, add_cleanup):
        self.port, self.place, self.add_cleanup = free_port(), NEW.place, add_cleanup
        self.jars = from_maven("mirror/pom.xml")
        if not self.jars:
            sys.exit(SKIPPED)
        self.log = open(self.place / "mirror.log", "a")
        add_cleanup(self.log.close)
        known = f"127.0.0.1 {cluster.POD.env()['ADV_HOST']}\n127.0.0.1 {socket.gethostname()}\n"
        (self.place / "mirror-hosts").write_text((self.place / "hosts").read_text() + known)
        self.target = {"bootstrap.servers": NEW.bootstrap()} | dict(line.split("=", 1) for line in NEW.client(NAME).read_text().splitlines())
        # The operator's settings name no provider.
        self.target = {name: value for name, value in self.target.items() if not name.startswith("config.providers")}
        login = {name: value for name, value in self.target.items() if name != "bootstrap.servers"}
        settings = dict(line.split("=") for line in WORKER.format(**TARGET).splitlines()) | {name: str(value) for name, value in TARGET["config"].items()}
        settings |= self.target | {"listeners": f"http://127.0.0.1:{self.port}"}
        settings |= {f"{role}.{name}": value for role in ("producer", "consumer", "admin") for name, value in login.items()}
        (self.place / "mirror.properties").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        self.begin()

    def begin(self):
        java = [find("java"), *brokers.QUICK, f"-Djdk.net.hosts.file={self.place}/mirror-hosts", f"-Dlog4j2.configurationFile={self.place}/none"]
        command = [*java, "-cp", os.pathsep.join(self.jars), "org.apache.kafka.connect.cli.ConnectDistributed", self.place / "mirror.properties"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.add_cleanup(end, self.process)
        until(lambda: self.process.poll() is not None or self.ask("GET", "/connectors") is not None, 120)

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or "null")
        except OSError:
            return None

    def connectors(self):
        """Name → configuration."""
        common = {
            "source.cluster.alias": SOURCE["alias"],
            "source.cluster.bootstrap.servers": f"127.0.0.1:{OLD.ports['broker']}",
            "target.cluster.alias": TARGET["alias"],
            **{f"target.cluster.{name}": value for name, value in self.target.items()},
            "topics": FLOW["topicsPattern"], "topics.exclude": FLOW["topicsExcludePattern"],
            "groups": FLOW["groupsPattern"], "groups.exclude": FLOW["groupsExcludePattern"],
        }
        made = {}
        for field, kind in (("sourceConnector", "MirrorSourceConnector"), ("checkpointConnector", "MirrorCheckpointConnector")):
            written = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in FLOW[field]["config"].items()}
            made[f"{SOURCE['alias']}->{TARGET['alias']}.{kind}"] = common | written | {
                "connector.class": f"org.apache.kafka.connect.mirror.{kind}", "tasks.max": str(FLOW[field]["tasksMax"]),
            }
        return made

    def put(self):
        for name, config in self.connectors().items():
            path = f"/connectors/{urllib.parse.quote(name, safe='')}"
            until(lambda: self.ask("PUT", f"{path}/config", config), 60)
            until(lambda: self.states(path) == {"RUNNING"}, 120)

    def states(self, path):
        status = self.ask("GET", f"{path}/status") or {"connector": {"state": "?"}, "tasks": []}
        failed = [task["trace"] for task in status["tasks"] if task["state"] == "FAILED"]
        if failed:
            raise AssertionError(failed[0])
        return {status["connector"]["state"], *(task["state"] for task in status["tasks"] or [{"state": "none"}])}


def consume(kafka, topic, count, *options):
    """(time, partition, offset, key, value) of so many records, by the console consumer of that Kafka."""
    if not count:
        return []
    printed = [word for name in ("partition", "offset", "timestamp", "key") for word in ("--property", f"print.{name}=true")]
    said = kafka("kafka-console-consumer", "--topic", topic, "--timeout-ms", "60000", "--max-messages", str(count), *printed, *options)
    return [tuple(line.split("\t")) for line in said.splitlines() if line.startswith("CreateTime:")]


def ends(kafka):
    """How many records the topic has ever had."""
    said = kafka("kafka-get-offsets", "--topic", "device_data", check=False)
    return sum(int(line.rsplit(":", 1)[1]) for line in said.splitlines() if line.startswith("device_data:"))


def flat(records):
    """(time, key, value) of records."""
    return [(at, *rest) for at, _, _, *rest in records]


def by_partition(records):
    """Partition → (time, key, value) of its records, by their offsets."""
    found = {}
    for at, partition, offset, *rest in sorted(records, key=lambda record: int(record[2].partition(":")[2])):
        found.setdefault(partition, []).append((at, *rest))
    return found


def old(name, *words, **options):
    return OLD.tool(name, *words, **{key: value for key, value in options.items() if key != "check"})


def new(name, *words, **options):
    return NEW.tool(name, "--bootstrap-server", NEW.bootstrap(), "--command-config", NEW.client("lenses-agent"), *words, **options)


def write(topic, numbers):
    lines = "".join(f"k{number % 50}\tv{number}\n" for number in numbers)
    old("kafka-console-producer", "--topic", topic, "--property", "parse.key=true", input=lines)


def groups(kafka):
    """Group → partition → its offset in the topic."""
    said = kafka("kafka-consumer-groups", "--describe", "--all-groups", check=False)
    found = {}
    for words in map(str.split, said.splitlines()):
        if len(words) > 4 and words[1] == "device_data" and words[3].isdigit():
            found.setdefault(words[0], {})[f"Partition:{words[2]}"] = int(words[3])
    return found


def setUpModule():
    global OLD, NEW
    brokers.USERS.append(USER)
    brokers.PASSWORDS[NAME] = "OfTheMirror1"
    for tools in (brokers.TOOLS, cluster.TOOLS):
        tools["kafka-consumer-groups"] = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
        tools["kafka-get-offsets"] = "org.apache.kafka.tools.GetOffsetShell"
    cluster.TOOLS |= {"kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand"}
    NEW = brokers.Brokers(unittest.addModuleCleanup)
    OLD = Old(unittest.addModuleCleanup)


class Mirror(Case):
    def test_records_settings_and_offsets_arrive(self):
        """records, their order, settings of topics and offsets of groups arrive, with a kill -9 on the way; the old Kafka stays as it was"""
        old("kafka-topics", "--create", "--topic", "device_data", "--partitions", str(PARTITIONS), "--config", "retention.ms=604800000")
        old("kafka-topics", "--create", "--topic", "by-hand", "--partitions", "2", "--config", "cleanup.policy=compact", "--config", "max.message.bytes=2000000")
        old("kafka-topics", "--create", "--topic", "connect-configs", "--partitions", "1")
        write("device_data", range(RECORDS))
        write("by-hand", range(10))
        # The first records are gone, as by retention: nothing has its old offset in the new Kafka.
        deleted = {"partitions": [{"topic": "device_data", "partition": number, "offset": GONE} for number in range(PARTITIONS)], "version": 1}
        (OLD.place / "deleted.json").write_text(json.dumps(deleted))
        old("kafka-delete-records", "--offset-json-file", OLD.place / "deleted.json")
        for group, count in GROUPS.items():
            consume(old, "device_data", count, "--group", group, "--from-beginning")
        before = old("kafka-topics", "--describe")
        connect, begun = Connect(self.addCleanup), time.monotonic()
        connect.put()
        until(lambda: ends(new) == KEPT, 120)
        took = time.monotonic() - begun
        until(lambda: READY in groups(new), 120)
        # A mirror that is killed goes on where it was.
        write("device_data", range(RECORDS, RECORDS + LATER // 2))
        connect.process.send_signal(signal.SIGKILL)
        connect.process.wait()
        write("device_data", range(RECORDS + LATER // 2, RECORDS + LATER))
        connect.begin()
        until(lambda: ends(new) >= KEPT + LATER, 120)
        # The last of them reads everything before it moves.
        consume(old, "device_data", LATER, "--group", READY)
        until(lambda: sum(groups(new)[READY].values()) == ends(new), 120)
        connect.process.terminate()
        connect.process.wait()
        again = ends(new) - KEPT - LATER
        seen, wanted = (by_partition(consume(kafka, "device_data", ends(kafka) - gone, "--from-beginning")) for kafka, gone in ((new, 0), (old, GONE * PARTITIONS)))
        self.assertEqual(sum(map(len, wanted.values())), KEPT + LATER)
        for partition, records in wanted.items():
            # What comes again after the kill comes behind.
            self.assertEqual(list(dict.fromkeys(seen[partition])), records, "keys, values, times or their order differ")
        rows, stands = [], {kafka: groups(kafka) for kafka in (old, new)}
        for group, count in GROUPS.items():
            unknown, more = [], 0
            for partition, records in wanted.items():
                unread = records[stands[old][group][partition] - GONE :]
                offset = stands[new].get(group, {}).get(partition)
                if offset is None:
                    unknown.append(partition)
                    continue
                goes_on = set(seen[partition][offset:])
                self.assertEqual(set(unread) - goes_on, set(), f"{group} misses records")
                more += len(goes_on - set(unread))
            read = KEPT + LATER if group == READY else count
            of = f"in {PARTITIONS - len(unknown)} of {PARTITIONS} partitions it has an offset"
            rows.append(f"a group that has read {read} of {KEPT + LATER} records | {of}; there it misses none, and reads {more} again")
        self.assertIn(f"in {PARTITIONS} of {PARTITIONS} partitions it has an offset; there it misses none, and reads 0 again", rows[0])
        self.settings()
        self.assertEqual(old("kafka-topics", "--describe"), before)
        rows[:0] = [
            f"{KEPT} records that were there before | all arrive, {took:.0f} s after the mirror's start",
            f"{LATER} records, and the mirror killed with -9 among them | all arrive, in their order; {again} of them twice",
        ]
        report(rows)

    def settings(self):
        said = new("kafka-topics", "--describe")
        about = {line.split("\t")[0].removeprefix("Topic: ").strip(): line for line in said.splitlines() if line.startswith("Topic: ")}
        wanted = {"device_data": (PARTITIONS, ["retention.ms=604800000"]), "by-hand": (2, ["cleanup.policy=compact", "max.message.bytes=2000000"])}
        for topic, (partitions, configs) in wanted.items():
            self.assertRegex(about[topic], rf"PartitionCount: {partitions}\s+ReplicationFactor: 3")
            for config in configs:
                self.assertIn(config, about[topic])
        # Of Connect's own there are those of the mirror alone.
        own = {topic for topic in about if topic.startswith(("connect-", "mm2-")) or topic.endswith(".internal")}
        self.assertEqual(own, {"connect-mirror-configs", "connect-mirror-offsets", "connect-mirror-statuses", "mm2-offset-syncs.streaming.internal", "streaming.checkpoints.internal"})


def report(rows):
    """Writes what was measured into the page."""
    page = CHECKOUT / moving.PAGE
    head, tail = "<!-- measured: `make moving` writes what is below -->\n", "<!-- end of the measured -->"
    before, _, after = page.read_text().partition(head)
    table = "".join(f"| {row} |\n" for row in ["what | seen", "---|---", *rows])
    page.write_text(f"{before}{head}{table.replace('| ---|--- |', '|---|---|')}{tail}{after.partition(tail)[2]}")
    for row in rows:
        print(f"proof: measured: {row.replace(' | ', ': ')}", flush=True)


if __name__ == "__main__":
    prove(f"MirrorMaker 2 {brokers.VERSION}, from Kafka {cluster.VERSION} to three nodes of {brokers.VERSION}")
