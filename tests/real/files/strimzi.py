"""The composed users, rights and topics on three real nodes of Kafka: what each user may do, a node that is killed, and a
certificate authority that is renewed, both under a client that goes on."""

import json
import os
import signal
import subprocess
import unittest

import brokers
from brokers import COMPOSED, KAFKA, NODES, PASSWORDS, SECRETS, VERSION, Brokers
from composed import Composed, moved
from support import Case, end, prove, until

CLUSTER = CREATED = None
EXAMPLE = "examples/variants/replicated-kafka.yaml"


def setUpModule():
    global CLUSTER, CREATED
    CLUSTER = Brokers(unittest.addModuleCleanup)
    # As in the platform, the topics come before whatever uses them.
    CREATED = Topics().create(COMPOSED)


def tearDownModule():
    CLUSTER.weigh()
    print(f"proof: ok      Kafka {VERSION} of Strimzi: {len(NODES)} nodes had {CLUSTER.most} MiB at most, together", flush=True)


class Topics(Case):
    def job(self, composed):
        """The composed Job's script, with its own settings, on this machine's names, ports and tools."""
        job = composed.container("Job", "kafka-topics")
        tmp = self.directory()
        script = moved(job.script(), {"/tmp/": f"{tmp}/", "/opt/kafka/bin/": f"{CLUSTER.place}/bin/"})
        env = job.env(SECRETS(CLUSTER))
        env["BOOTSTRAP"] = moved(env["BOOTSTRAP"], {":9092": f":{CLUSTER.ports[0]['clients']}"})
        return script, env, os.environ["PATH"], tmp

    def create(self, composed):
        script, env, path, tmp = self.job(composed)
        return self.run_script(script, env, path, timeout=300, writable=[tmp])

    def described(self):
        """Topic → (partitions, copies, retention), asked with Kafka's own tool."""
        topics = {}
        for line in CLUSTER.tool("kafka-topics", *CLUSTER.operator, "--describe").splitlines():
            if line.startswith("Topic: ") and "__" not in line.split("\t")[0]:
                fields = dict(field.split(": ", 1) for field in line.split("\t"))
                configs = dict(config.split("=") for config in fields["Configs"].split(",") if config)
                topics[fields["Topic"]] = (int(fields["PartitionCount"]), int(fields["ReplicationFactor"]), configs.get("retention.ms"))
        return topics

    def test_they_are_made_once_by_their_own_user_and_follow_the_claim(self):
        wanted = {"device_data": (3, 3, "604800000"), "alarms": (1, 3, "-1")}
        self.assertEqual(CREATED.count(": created with "), 2, CREATED)
        self.assertEqual(self.described(), wanted)
        self.assertEqual(self.create(COMPOSED).splitlines()[1:], ["all topics are as asked for"])
        said = self.create(Composed({"partitions: 1": "partitions: 2", "retentionMs: -1": "retentionMs: 86400000"}, EXAMPLE))
        self.assertIn("topic alarms: raised from 1 to 2 partitions", said)
        self.assertIn("topic alarms: retention set to 86400000 ms", said)
        self.assertEqual(self.described(), wanted | {"alarms": (2, 3, "86400000")})

    def test_a_topic_of_no_right_is_refused_in_words(self):
        # The KafkaUser is of the claim before.
        other = Composed({"name: alarms\n              partitions": "name: others\n              partitions", "INTO alarms": "INTO others"}, EXAMPLE)
        script, env, path, tmp = self.job(other)
        process = self.start(script, env, path, [tmp])
        said, _ = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 1, said)
        self.assertIn("Error while executing topic command : Authorization failed", said)
        self.assertNotIn("others", self.described())


class Users(Case):
    def produce(self, settings, topic="device_data", code=0):
        """What Kafka's own client says of one record with acks=all."""
        done = subprocess.run(
            [
                CLUSTER.place / "bin/kafka-verifiable-producer.sh", "--bootstrap-server", CLUSTER.bootstrap(), "--topic", topic,
                "--max-messages", "1", "--acks", "-1", "--command-config", settings,
            ],
            capture_output=True, text=True, timeout=120,
        )
        return done.stdout + done.stderr

    def settings(self, user, **changed):
        path = CLUSTER.client(user, **changed)
        path.write_text(path.read_text() + "\nmax.block.ms=10000\ndelivery.timeout.ms=15000\nrequest.timeout.ms=5000\n")
        return path

    def test_the_agent_may_write_and_no_other_user(self):
        self.assertIn("producer_send_success", self.produce(self.settings("lenses-agent")))
        said = self.produce(self.settings("kafka-topics"))
        self.assertIn("TopicAuthorizationException", said)
        self.assertNotIn("producer_send_success", said)

    def test_a_wrong_password_is_refused(self):
        said = self.produce(self.settings("lenses-agent", password="wrong"))
        self.assertIn("SaslAuthenticationException", said)
        self.assertNotIn("producer_send_success", said)

    def test_the_agent_gives_itself_no_rights(self):
        done = subprocess.run(
            [
                CLUSTER.place / "bin/kafka-acls.sh", "--bootstrap-server", CLUSTER.bootstrap(), "--command-config", CLUSTER.client("lenses-agent"),
                "--add", "--force", "--allow-principal", "User:lenses-agent", "--operation", "All", "--cluster",
            ],
            capture_output=True, text=True, timeout=120,
        )
        self.assertIn("ClusterAuthorizationException", done.stdout + done.stderr)

    def test_each_topic_of_kafka_itself_has_as_many_copies(self):
        self.produce(self.settings("lenses-agent"))
        # A group makes the topic of the groups.
        CLUSTER.tool(
            "kafka-console-consumer", "--bootstrap-server", CLUSTER.bootstrap(), "--topic", "device_data", "--group", "of-a-test",
            "--from-beginning", "--max-messages", "1", "--timeout-ms", "30000", "--command-config", CLUSTER.client("lenses-agent"),
        )
        said = CLUSTER.tool("kafka-topics", *CLUSTER.operator, "--describe", "--topic", "__consumer_offsets")
        self.assertIn("ReplicationFactor: 3", said)


class Going(Case):
    """A client that writes with acks=all for as long as a test takes, and a reader of what was acknowledged."""

    def writer(self):
        self.said = self.directory() / "said"
        # As every client has it by default; this one leaves it out.
        settings = CLUSTER.client("lenses-agent")
        settings.write_text(settings.read_text() + "\nretries=2147483647\nenable.idempotence=true\n")
        command = [
            CLUSTER.place / "bin/kafka-verifiable-producer.sh", "--bootstrap-server", CLUSTER.bootstrap(), "--topic", "device_data",
            "--throughput", "200", "--acks", "-1", "--value-prefix", str(id(self) % 10**6), "--command-config", settings,
        ]
        with open(self.said, "w") as said:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=CLUSTER.log)
        self.addCleanup(end, process)
        until(lambda: len(self.acknowledged()) > 200, 60)
        return process

    def lines(self):
        found = []
        for line in self.said.read_text().splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def acknowledged(self):
        return {line["value"]: line["timestamp"] for line in self.lines() if line["name"] == "producer_send_success"}

    def goes_on(self):
        """Until it has written a second's worth more."""
        before = len(self.acknowledged())
        until(lambda: len(self.acknowledged()) > before + 200, 60)

    def finish(self, process):
        """Everything that was acknowledged is there; how much, and the longest pause between two of them."""
        self.goes_on()
        end(process)
        acknowledged, failed = self.acknowledged(), [line for line in self.lines() if line["name"] == "producer_send_error"]
        self.assertEqual(failed, [])
        read = CLUSTER.tool(
            "kafka-console-consumer", "--bootstrap-server", CLUSTER.bootstrap(), "--topic", "device_data", "--from-beginning",
            "--timeout-ms", "8000", "--command-config", CLUSTER.client("lenses-agent"),
        ).split()
        self.assertEqual(set(acknowledged) - set(read), set(), "acknowledged and lost")
        times = sorted(acknowledged.values())
        pause = max(later - earlier for earlier, later in zip(times, times[1:])) / 1000
        return f"{len(acknowledged)} records acknowledged, none lost, longest pause {pause:.1f} s"

    def all_in_sync(self):
        wanted = [sorted(NODES)] * 3
        until(lambda: CLUSTER.isr("device_data") == wanted, 120)

    def test_a_node_killed_under_writes(self):
        process = self.writer()
        CLUSTER.stop(1, signal.SIGKILL)
        self.goes_on()
        CLUSTER.start(1)
        self.all_in_sync()
        self._testMethodDoc = f"a node killed with -9 while a client writes with acks=all: {self.finish(process)}"

    def test_the_authority_renewed_under_writes(self):
        process = self.writer()
        old = CLUSTER.place / "old.crt"
        old.write_bytes((CLUSTER.place / "ca.crt").read_bytes())
        CLUSTER.authority.renew()
        self.assertNotEqual(old.read_bytes(), (CLUSTER.place / "ca.crt").read_bytes())
        # As Strimzi does it: a node after another, and none before the last one is in sync again.
        for node in NODES:
            CLUSTER.certify(node)
            CLUSTER.stop(node, signal.SIGTERM)
            CLUSTER.start(node)
            self.all_in_sync()
        for authority in (old, CLUSTER.place / "ca.crt"):
            said = Users().produce(CLUSTER.client("lenses-agent", authority=authority))
            self.assertIn("producer_send_success", said)
        words = "the authority and all certificates renewed while a client writes that knows the old ones"
        self._testMethodDoc = f"{words}: {self.finish(process)}"

    def test_a_certificate_of_another_authority_is_refused(self):
        stranger = self.directory()
        other = brokers.Authority(stranger)
        said = Users().produce(Users().settings("lenses-agent", authority=other.place / "ca.crt"))
        self.assertIn("SslAuthenticationException", said)


if __name__ == "__main__":
    prove(f"Kafka {VERSION} of Strimzi, three nodes", COMPOSED.container("Job", "kafka-topics").version)
