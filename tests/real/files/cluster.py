"""The platform's Kafka pod on this machine: a real broker and a real Connect, of the version in its image, from Maven.

The image cannot run here. What it makes of the container's variables, by its published rule, is done here: CONNECT_A_B
is the worker's setting a.b. Its own defaults are below, its Avro converter among them; its Schema Registry is stood in for.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

from composed import moved, seed
from registry import Registry
from support import SKIPPED, find, free_port, from_maven, need, serving, stand_in

need("java", "javac", "mvn", "busybox", "curl")

POD = seed().container("Deployment", "kafka-platform")
HERE = pathlib.Path(__file__).parent / "kafka"
VERSION = re.search(r"<kafka.version>(.*)<", (HERE / "pom.xml").read_text())[1]
QUICK = ["-Xmx256M", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
LOGGING = """\
log4j.rootLogger=WARN, stderr
log4j.appender.stderr=org.apache.log4j.ConsoleAppender
log4j.appender.stderr.target=System.err
log4j.appender.stderr.layout=org.apache.log4j.PatternLayout
log4j.appender.stderr.layout.ConversionPattern=%p %m (%c)%n
"""
BROKER = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://{advertised}:{broker}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={place}/data
log.segment.bytes=104857600
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
"""
WORKER = """\
bootstrap.servers=127.0.0.1:{broker}
group.id=connect-fast-data
listeners=http://127.0.0.1:{connect}
key.converter=io.confluent.connect.avro.AvroConverter
key.converter.schema.registry.url=http://127.0.0.1:{registry}
value.converter=io.confluent.connect.avro.AvroConverter
value.converter.schema.registry.url=http://127.0.0.1:{registry}
config.storage.topic=connect-configs
offset.storage.topic=connect-offsets
status.storage.topic=connect-statuses
config.storage.replication.factor=1
offset.storage.replication.factor=1
status.storage.replication.factor=1
offset.storage.partitions=1
status.storage.partitions=1
offset.flush.interval.ms=1000
plugin.path={place}/connectors
plugin.discovery=service_load
"""
# What stands for supervisord: it starts a program again that ended with a code that is none of success, and passes on that
# it is to end.
SUPERVISOR = """
import signal, subprocess, sys, time

signal.signal(signal.SIGTERM, lambda *_: sys.exit())
while True:
    program = subprocess.Popen(sys.argv[1:])
    try:
        if program.wait() == 0:
            break
    finally:
        program.terminate()
        program.wait()
    time.sleep(1)
"""
TOOLS = {
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-console-producer": "kafka.tools.ConsoleProducer",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    # It is told which one.
    "kafka-run-class": "",
}
# Folder → what Connect finds in it.
PLUGINS = {
    "mqtt": {"source.SourceConnector": "io.lenses.streamreactor.connect.mqtt.source.MqttSourceConnector"},
    "snowflake": {
        "sink.SinkConnector": "com.snowflake.kafka.connector.SnowflakeSinkConnector",
        "storage.Converter": "com.snowflake.kafka.connector.records.SnowflakeAvroConverter",
    },
}


def worker_settings():
    """What the image makes of the container's variables for Connect."""
    variables = {name: value for name, value in POD.env().items() if name.startswith("CONNECT_") and not name.endswith("_OPTS")}
    return {name.removeprefix("CONNECT_").lower().replace("_", "."): value for name, value in variables.items()}


def stand_ins(place, jars):
    """The stand-ins for the connectors, each in a folder of its own, compiled against what Connect itself has."""
    for name, kinds in PLUGINS.items():
        folder = place / name
        sources = sorted((HERE / "standins" / name).rglob("*.java"))
        command = [find("javac"), "-Werror", "-Xlint:all,-processing,-path", "-cp", os.pathsep.join(jars)]
        compiled = subprocess.run([*command, "-d", folder / "classes", *sources], capture_output=True, text=True, timeout=300)
        if compiled.returncode != 0:
            raise AssertionError(compiled.stdout + compiled.stderr)
        services = folder / "classes/META-INF/services"
        services.mkdir(parents=True)
        for kind, plugin in kinds.items():
            (services / f"org.apache.kafka.connect.{kind}").write_text(plugin)
        shutil.make_archive(str(folder / "stand-in"), "zip", folder / "classes")
        shutil.rmtree(folder / "classes")
        (folder / "stand-in.zip").rename(folder / "stand-in.jar")


class Cluster:
    """Broker and Connect, until the module's tests are over; `secrets` is what the pod has below /mnt/secrets."""

    def __init__(self, add_cleanup):
        self.add_cleanup = add_cleanup
        self.place = pathlib.Path(tempfile.mkdtemp())
        add_cleanup(shutil.rmtree, self.place, ignore_errors=True)
        self.secrets, self.tables = self.place / "mnt/secrets", self.place / "tables"
        for directory in (self.secrets, self.tables, self.place / "bin"):
            directory.mkdir(parents=True)
        self.ports = {"broker": free_port(), "controller": free_port(), "connect": free_port()}
        self.registry = Registry()
        self.ports["registry"], self.asked = stand_in(add_cleanup, self.registry.answer)
        self.ports["jmx"] = free_port()
        self.jars, self.avro = from_maven("kafka/pom.xml"), from_maven("avro/pom.xml")
        if not self.jars or not self.avro:
            sys.exit(SKIPPED)
        self.log = open(self.place / "log", "w")
        add_cleanup(self.log.close)
        java = [find("java"), *QUICK, f"-Dlog4j.configuration=file:{self.place}/log4j.properties"]
        java += [f"-Djdk.net.hosts.file={self.hosts()}", f"-Dtables={self.tables}"]
        self.java = [*java, "-cp", os.pathsep.join(self.jars)]
        # Behind Kafka's own classes, of which the converter's archive has copies.
        self.java_with_avro = [*java, "-cp", os.pathsep.join([*self.jars, *self.avro])]
        (self.place / "log4j.properties").write_text(LOGGING)
        self.tools()
        stand_ins(self.place / "connectors", self.jars)
        self.start()

    def hosts(self):
        """Names as the pod's own hosts file has them, and the broker's Service, all of them loopback."""
        names = [name for alias in POD.pod["hostAliases"] for name in alias["hostnames"] if alias["ip"] == "127.0.0.1"]
        broker = "health-mqtt-service.health-streaming.svc.cluster.local"
        path = self.place / "hosts"
        path.write_text("".join(f"127.0.0.1 {name}\n" for name in ["localhost", socket.gethostname(), broker, *names]))
        return path

    def tools(self):
        for name, main in TOOLS.items():
            program = self.place / "bin" / name
            options = "${KAFKA_HEAP_OPTS-} ${KAFKA_JVM_PERFORMANCE_OPTS-}"
            program.write_text(f"#!/bin/sh\nexec {' '.join(self.java_with_avro)} {options} {main} \"$@\"\n")
            program.chmod(0o755)

    def configuration(self, name, text):
        path = self.place / name
        path.write_text(text.format(place=self.place, advertised=POD.env()["ADV_HOST"], **self.ports))
        return path

    def start(self):
        broker = self.configuration("broker.properties", BROKER)
        subprocess.run(
            [*self.java, "kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c", broker],
            check=True,
            stdout=self.log,
            stderr=self.log,
            timeout=60,
        )
        composed = "".join(f"{name}={value}\n" for name, value in worker_settings().items())
        worker = self.configuration("worker.properties", WORKER + moved(composed, {"/mnt/secrets": str(self.secrets)}))
        jmx = [f"-Dcom.sun.management.jmxremote.{name}" for name in (f"port={self.ports['jmx']}", "authenticate=false", "ssl=false")]
        jmx.append("-Dcom.sun.management.jmxremote.host=127.0.0.1")
        self.serve("broker", self.java, "kafka.Kafka", broker)
        self.serve("connect", [*self.java_with_avro, *jmx], "org.apache.kafka.connect.cli.ConnectDistributed", worker)

    def serve(self, name, java, main, configuration):
        """A program that is started again when it ends of itself, as the image's supervisor does."""
        command = [sys.executable, "-c", SUPERVISOR, *java, f"-Dprogram={name}", main, configuration]
        serving(self.add_cleanup, command, self.ports[name], seconds=90, stdout=self.log, stderr=self.log)

    def signal(self, name, number):
        """Sends a program, and not what stands for the supervisor, what nothing but the kernel does."""
        for found in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            words = found.read_bytes().split(b"\0")
            if words[0].endswith(b"java") and f"-Dprogram={name}".encode() in words and str(self.place).encode() in b" ".join(words):
                os.kill(int(found.parent.name), number)
                return
        raise AssertionError(f"{name} does not run")

    def tool(self, name, *arguments, **options):
        command = [self.place / "bin" / name, "--bootstrap-server", f"127.0.0.1:{self.ports['broker']}", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300, **options).stdout

    def records(self, topic, count, *options):
        """(key, value) of the topic's first records."""
        said = self.tool(
            "kafka-console-consumer", "--topic", topic, "--from-beginning", "--max-messages", str(count), "--timeout-ms", "30000",
            "--property", "print.key=true", *options,
        )
        return [tuple(line.split("\t", 1)) for line in said.splitlines()]

    def avro_records(self, topic, count):
        """The same of records in Avro, as Confluent's own reader shows them: JSON."""
        reader = {
            "value.deserializer": "io.confluent.kafka.serializers.KafkaAvroDeserializer",
            "value.deserializer.schema.registry.url": f"http://127.0.0.1:{self.ports['registry']}",
        }
        properties = [option for name, value in reader.items() for option in ("--property", f"{name}={value}")]
        return [(key, json.loads(value)) for key, value in self.records(topic, count, *properties)]

    def size(self, topic):
        """How many records a topic has had; none while there is no such topic."""
        said = self.tool("kafka-get-offsets")
        topics = [line.split(":") for line in said.splitlines()]
        return sum(int(records) for found, _, records in topics if found == topic)

    def skipped(self, connector):
        """How many records Connect has left out for a connector, by its own count: the command of docs/trouble.md."""
        said = subprocess.run(
            [
                self.place / "bin/kafka-run-class", "org.apache.kafka.tools.JmxTool", "--jmx-url", f"service:jmx:rmi:///jndi/rmi://127.0.0.1:{self.ports['jmx']}/jmxrmi",
                "--one-time", "--report-format", "tsv",
                "--object-name", "kafka.connect:type=task-error-metrics,connector=*,task=*", "--attributes", "total-records-skipped",
            ],
            capture_output=True, text=True, timeout=60, check=True,
        ).stdout
        counts = [line.split("\t") for line in said.splitlines()]
        return sum(float(count) for name, count in counts if f"connector={connector}," in name)

    def compatible(self, reader, writers):
        """Avro's own verdict on each schema of a writer, for a reader with another schema."""
        files = []
        for number, schema in enumerate([reader, *writers]):
            files.append(self.place / f"{number}.avsc")
            files[-1].write_text(schema)
        command = [find("java"), "-cp", os.pathsep.join([*self.avro]), HERE / "Compatible.java", *files]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout.split()

    def mount(self, name, files):
        """A Secret below /mnt/secrets, as the kubelet brings it."""
        (self.secrets / name).mkdir(exist_ok=True)
        for key, value in files.items():
            (self.secrets / name / key).write_text(value)
