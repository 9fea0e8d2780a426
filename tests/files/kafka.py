"""create-topics.sh and put-connector.sh on a real Kafka and a real Connect, of the version in the platform's image.

Connect reads credentials as in the platform: from a directory, through a placeholder in the connector's configuration.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

from support import HTTP, SKIPPED, Case, find, free_port, need, serving, text, until

need("java", "mvn", "busybox", "curl")

TOPICS = text("realtime_system/files/create-topics.sh")
CONNECTOR = text(HTTP, "files/put-connector.sh")
CLASS = "org.apache.kafka.connect.file.FileStreamSinkConnector"
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
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={directory}/data
log.segment.bytes=104857600
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
"""
WORKER = """\
bootstrap.servers=127.0.0.1:{broker}
group.id=connect
listeners=http://127.0.0.1:{connect}
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
config.storage.topic=connect-configs
offset.storage.topic=connect-offsets
status.storage.topic=connect-statuses
config.storage.replication.factor=1
offset.storage.replication.factor=1
status.storage.replication.factor=1
offset.storage.partitions=1
status.storage.partitions=1
plugin.path={directory}/plugins
plugin.discovery=service_load
config.providers=dir
config.providers.dir.class=org.apache.kafka.common.config.provider.DirectoryConfigProvider
config.providers.dir.param.allowed.paths={directory}/secrets
"""


def classpath(directory):
    """The jars, as Maven has them; ends the run as skipped when it cannot get them."""
    file = directory / "classpath"
    command = [find("mvn"), "-q", "-B", "-f", pathlib.Path(__file__).parent / "kafka/pom.xml", "dependency:build-classpath"]
    asked = subprocess.run([*command, f"-Dmdep.outputFile={file}"], capture_output=True, text=True, timeout=300)
    if asked.returncode != 0:
        print(f"skipped: Maven cannot get Kafka: {asked.stdout[:500]}")
        sys.exit(SKIPPED)
    return file.read_text().strip()


class Kafka(Case):
    @classmethod
    def setUpClass(cls):
        cls.place = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.place, ignore_errors=True)
        cls.ports = {"broker": free_port(), "controller": free_port(), "connect": free_port()}
        jars = classpath(cls.place)
        (cls.place / "log4j.properties").write_text(LOGGING)
        cls.java = [find("java"), *QUICK, f"-Dlog4j.configuration=file:{cls.place}/log4j.properties", "-cp", jars]
        for name, main in (("kafka-topics", "org.apache.kafka.tools.TopicCommand"), ("kafka-configs", "kafka.admin.ConfigCommand")):
            program = cls.place / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(f"#!/bin/sh\nexec {' '.join(cls.java)} {main} \"$@\"\n")
            program.chmod(0o755)
        for jar in jars.split(os.pathsep):
            if pathlib.Path(jar).name.startswith("connect-file"):
                (cls.place / "plugins/file").mkdir(parents=True)
                shutil.copy(jar, cls.place / "plugins/file")
        (cls.place / "secrets").mkdir()
        cls.log = open(cls.place / "log", "w")
        cls.addClassCleanup(cls.log.close)
        broker = cls.configuration("broker.properties", BROKER)
        subprocess.run(
            [*cls.java, "kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c", broker],
            check=True,
            stdout=cls.log,
            stderr=cls.log,
            timeout=60,
        )
        cls.start_server("broker", "kafka.Kafka", broker)
        cls.start_server("connect", "org.apache.kafka.connect.cli.ConnectDistributed", cls.configuration("worker.properties", WORKER))

    @classmethod
    def configuration(cls, name, content):
        path = cls.place / name
        path.write_text(content.format(directory=cls.place, **cls.ports))
        return path

    @classmethod
    def start_server(cls, name, main, configuration):
        command = [*cls.java, main, configuration]
        serving(cls.addClassCleanup, command, cls.ports[name], seconds=60, stdout=cls.log, stderr=cls.log)

    def bootstrap(self):
        return f"127.0.0.1:{self.ports['broker']}"

    def create_topics(self, topics):
        path = f"{self.place / 'bin'}:{os.environ['PATH']}"
        return self.run_script(TOPICS, {"BOOTSTRAP": self.bootstrap(), "TOPICS": topics}, path, timeout=60)

    def described(self):
        """Topic → (partitions, retention), asked with Kafka's own tool."""
        tool = [self.place / "bin/kafka-topics", "--bootstrap-server", self.bootstrap(), "--describe"]
        lines = subprocess.run(tool, check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()
        topics = {}
        for line in lines:
            if line.startswith("Topic: "):
                fields = dict(field.split(": ", 1) for field in line.split("\t"))
                configs = dict(config.split("=") for config in fields["Configs"].split(",") if config)
                topics[fields["Topic"]] = (int(fields["PartitionCount"]), configs.get("retention.ms"))
        return topics

    def test_topics(self):
        self.create_topics("device_data 3 604800000\nheart_rate_device_topic 1 -")
        topics = self.described()
        self.assertEqual((topics["device_data"], topics["heart_rate_device_topic"]), ((3, "604800000"), (1, None)))
        said = self.create_topics("device_data 4 60480\nheart_rate_device_topic 1 -1\nother 1 -")
        self.assertIn("topic device_data: raised from 3 to 4 partitions", said)
        topics = self.described()
        self.assertEqual(topics["device_data"], (4, "60480"))
        self.assertEqual(topics["heart_rate_device_topic"], (1, "-1"))
        said = self.create_topics("device_data 2 60480")
        self.assertIn("keeps its 4 partitions", said)
        self.assertNotIn("retention set", said)

    def connector(self, name, **more):
        path = f"${{dir:{self.place}/secrets:{name}}}"
        config = {"connector.class": CLASS, "tasks.max": "1", "topics": f"for-{name}", "file": path} | more
        env = {
            "CONNECT_URL": f"http://127.0.0.1:{self.ports['connect']}",
            "CONNECTOR_NAME": name,
            "CONNECTOR_CLASS": CLASS,
            "CONNECTOR_CONFIG": json.dumps(config),
            "POLL_SECONDS": "0.5",
            "GIVE_UP_SECONDS": "60",
        }
        return env, self.alpine_path("curl")

    def state(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['connect']}/connectors/{name}/status", timeout=5) as answer:
            status = json.load(answer)
        return [status["connector"]["state"], *(task["state"] for task in status["tasks"])]

    def test_connector_whose_credential_comes_late_and_changes(self):
        first, second = self.place / "first.txt", self.place / "second.txt"
        env, path = self.connector("late")
        process = self.start(CONNECTOR, env, path)
        # The placeholder is handed to the task as it stands, and the task fails on it.
        line = until(lambda: next((line for line in process.stdout if "starting what failed again" in line), None), 60)
        self.assertIn("${dir:", line)
        (self.place / "secrets/late").write_text(str(first))
        said, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, said)
        self.assertIn("running with its tasks", said)
        self.assertEqual(self.state("late"), ["RUNNING", "RUNNING"])
        self.assertTrue(first.exists())
        # The same configuration once more: the task reads the credential anew.
        (self.place / "secrets/late").write_text(str(second))
        self.run_script(CONNECTOR, env, path, timeout=60)
        until(second.exists)

    def test_connector_that_is_refused(self):
        (self.place / "secrets/refused").write_text(str(self.place / "out.txt"))
        env, path = self.connector("refused", topics="")
        started = time.monotonic()
        said = self.run_script(CONNECTOR, env | {"GIVE_UP_SECONDS": "2"}, path, code=1, timeout=60)
        self.assertIn("cannot put connector refused (Connect answers 400)", said)
        self.assertGreater(time.monotonic() - started, 1)


if __name__ == "__main__":
    unittest.main()
