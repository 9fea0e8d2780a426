"""The composed users, rights and topics on three real nodes of Kafka: what each user may do, a node that is killed, and a
certificate authority that is renewed, both under a client that goes on."""

import json
import os
import signal
import subprocess
import unittest
import urllib.error
import urllib.request

import brokers
import rules
from brokers import COMPOSED, KAFKA, NODES, PASSWORDS, SECRETS, VERSION, Brokers
from composed import Composed, moved
from support import Case, end, find, free_port, need, prove, until

need("javac")

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
        """Topic → (partitions, copies, retention), asked with Kafka's own tool, without those that Kafka and Connect make."""
        topics = {}
        for line in CLUSTER.tool("kafka-topics", *CLUSTER.operator, "--describe").splitlines():
            if line.startswith("Topic: ") and not line.startswith(("Topic: __", "Topic: connect-")):
                fields = dict(field.split(": ", 1) for field in line.split("\t"))
                configs = dict(config.split("=") for config in fields["Configs"].split(",") if config)
                topics[fields["Topic"]] = (int(fields["PartitionCount"]), int(fields["ReplicationFactor"]), configs.get("retention.ms"))
        return topics

    def test_they_are_made_once_by_their_own_user_and_follow_the_claim(self):
        wanted = {"device_data": (3, 3, "604800000"), "raw": (3, 3, "604800000"), "alarms": (1, 3, "-1")}
        self.assertEqual(CREATED.count(": created with "), len(wanted), CREATED)
        self.assertEqual(self.described(), wanted)
        self.assertEqual(self.create(COMPOSED).splitlines()[1:], ["all topics are as asked for"])
        said = self.create(Composed({"partitions: 1": "partitions: 2", "retentionMs: -1": "retentionMs: 86400000"}, EXAMPLE))
        self.assertIn("topic alarms: raised from 1 to 2 partitions", said)
        self.assertIn("topic alarms: retention set to 86400000 ms", said)
        self.assertEqual(self.described(), wanted | {"alarms": (2, 3, "86400000")})

    def test_a_topic_of_no_right_is_refused_in_words(self):
        # The KafkaUser is of the claim before.
        renamed = {"name: alarms\n              partitions": "name: others\n              partitions", "- alarms": "- others", "INTO alarms": "INTO others"}
        other = Composed(renamed, EXAMPLE)
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


class Metrics(Case):
    """What the composed alerts ask for, as Strimzi's reporter shows it."""

    def sums(self, *nodes):
        """Metric → the sum of what these nodes show."""
        found = {}
        for node in nodes:
            for metric, series in rules.shown(CLUSTER.metrics(node)).items():
                found[metric] = found.get(metric, 0) + sum(value for _, value in series)
        return found

    def back(self, *nodes):
        for node in nodes:
            CLUSTER.start(node)
        until(lambda: CLUSTER.isr("device_data") == [sorted(NODES)] * 3, 120)

    def test_each_node_shows_what_the_alerts_ask_for(self):
        for node in NODES:
            self.assertEqual(rules.unshown(ALERTS, CLUSTER.metrics(node)), [])
            self.assertEqual(self.sums(node)["kafka_server_kafkaserver_brokerstate"], 3)
        self.assertEqual(self.sums(*NODES)["kafka_controller_kafkacontroller_activecontrollercount"], 1)

    def test_a_node_that_is_away_is_seen_by_the_others(self):
        """partitions out of sync, under their least number of copies and without a leader are counted, and so is no controller"""
        copies, least, offline, active = (
            "kafka_server_replicamanager_underreplicatedpartitions", "kafka_server_replicamanager_underminisrpartitioncount",
            "kafka_controller_kafkacontroller_offlinepartitionscount", "kafka_controller_kafkacontroller_activecontrollercount",
        )
        for name, nodes in (("on-one", "1"), ("on-two", "1:0")):
            CLUSTER.tool("kafka-topics", *CLUSTER.operator, "--create", "--topic", name, "--replica-assignment", nodes)
            self.addCleanup(CLUSTER.tool, "kafka-topics", *CLUSTER.operator, "--delete", "--topic", name)
        until(lambda: [self.sums(*NODES)[name] for name in (copies, offline, active)] == [0, 0, 1], 60)
        self.assertEqual(self.sums(*NODES)[least], 0)
        CLUSTER.stop(1, signal.SIGKILL)
        self.addCleanup(self.back, 1, 2)
        until(lambda: self.sums(0, 2)[offline] >= 1 and self.sums(0, 2)[copies] >= 1, 60)
        until(lambda: self.sums(0, 2)[least] == 1, 60)
        until(lambda: self.sums(0, 2)[active] == 1, 60)
        CLUSTER.stop(2, signal.SIGKILL)
        until(lambda: self.sums(0)[active] == 0, 60)


WORKER = """\
group.id={group}
listeners=http://127.0.0.1:{rest}
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
value.converter.schemas.enable=false
offset.storage.partitions=1
status.storage.partitions=1
plugin.discovery=hybrid_warn
"""
# As the operator writes it for Connect, and again for each kind of client.
REPORTER = {
    "metric.reporters": "io.strimzi.kafka.metrics.prometheus.ClientMetricsReporter",
    "prometheus.metrics.reporter.listener.enable": "true",
    "prometheus.metrics.reporter.allowlist": "kafka_connect_connector_metrics.*,kafka_connect_connect_worker_metrics_.*,kafka_connect_task_error_metrics.*",
}


class Connect(Case):
    """Connect with the composed group, topics and user, and what its reporter shows to Prometheus."""

    @classmethod
    def setUpClass(cls):
        cls.rest, cls.port = free_port(), free_port()
        spec = COMPOSED.one("KafkaConnect", "kafka-platform")["spec"]
        user = spec["authentication"]["username"]
        lines = WORKER.format(group=spec["groupId"], rest=cls.rest).splitlines()
        lines += [f"{name}.storage.topic={spec[f'{name}StorageTopic']}" for name in ("config", "offset", "status")]
        client = CLUSTER.client(user).read_text().splitlines() + [f"bootstrap.servers={CLUSTER.bootstrap()}"]
        reporter = REPORTER | {"prometheus.metrics.reporter.listener": f"http://127.0.0.1:{cls.port}"}
        if spec["metricsConfig"] != {"type": "strimziMetricsReporter"}:
            raise AssertionError("the metrics of Connect are another reporter's")
        for line in client + [f"{name}={value}" for name, value in reporter.items()]:
            lines += [prefix + line for prefix in ("", "admin.", "producer.", "consumer.")]
        settings = CLUSTER.place / "connect.properties"
        settings.write_text("\n".join(lines))
        classes = CLUSTER.place / "classes"
        compiled = [find("javac"), "-cp", os.pathsep.join(CLUSTER.jars), "-d", classes, brokers.HERE / "strimzi/failing/Failing.java"]
        subprocess.run(compiled, check=True, timeout=120)
        listed = classes / "META-INF/services/org.apache.kafka.connect.sink.SinkConnector"
        listed.parent.mkdir(parents=True)
        listed.write_text("failing.Failing\n")
        *java, jars = CLUSTER.java
        command = [*java, f"{classes}{os.pathsep}{jars}", "org.apache.kafka.connect.cli.ConnectDistributed", settings]
        cls.worker = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=CLUSTER.log, stderr=CLUSTER.log)
        cls.addClassCleanup(end, cls.worker)
        until(lambda: cls.worker.poll() is not None or cls.ask("GET", "/connectors")[0] == 200, 120)

    @classmethod
    def ask(cls, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{cls.rest}{path}", data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def put(self, name, config):
        code, said = self.ask("PUT", f"/connectors/{name}/config", {"tasks.max": "1"} | config)
        self.assertIn(code, (200, 201), said)
        self.addCleanup(self.ask, "DELETE", f"/connectors/{name}")

    def sink(self, name, **more):
        """A connector that writes to a file what it reads of a topic."""
        file = {"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "file": str(self.directory() / "out"), "topics": "alarms"}
        self.put(name, file | {name.replace("_", "."): value for name, value in more.items()})

    def page(self):
        """The page of metrics. It is an error of Connect's own while a task has no status yet: `No status found for task`."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=60) as page:
                return page.read().decode()
        except urllib.error.HTTPError as error:
            self.assertIn("No status found for ", error.read().decode())
            return ""

    def value(self, metric, **labels):
        """The metric's value in the series with these labels; none when there is none."""
        found = [value for has, value in rules.shown(self.page()).get(metric, []) if labels.items() <= has.items()]
        return found[0] if found else None

    def write(self, text):
        CLUSTER.tool(
            "kafka-console-producer", "--bootstrap-server", CLUSTER.bootstrap(), "--topic", "alarms",
            "--command-config", CLUSTER.client("lenses-agent"), input=text,
        )

    def test_everything_that_the_alerts_ask_for_is_counted(self):
        """a record left out, a dead letter, a failed task and a failed connector are each counted under their connector"""
        of = "kafka_connect_task_error_metrics_"
        letters = {"errors_deadletterqueue_topic_name": "connect-snowflake-dead-letters", "errors_deadletterqueue_topic_replication_factor": "3"}
        self.sink("skips", errors_tolerance="all")
        self.sink("keeps", errors_tolerance="all", **letters)
        self.sink("fails")
        self.put("stops", {"connector.class": "failing.Failing", "topics": "alarms"})
        until(lambda: self.value(f"{of}total_records_skipped", connector="keeps") == 0, 60)
        self.assertEqual(self.value("kafka_connect_connect_worker_metrics_connector_count"), 4)
        self.write('{"text": "one"}\nno json\n')
        until(lambda: self.value(f"{of}total_records_skipped", connector="skips") == 1, 60)
        until(lambda: self.value(f"{of}deadletterqueue_produce_requests", connector="keeps") == 1, 60)
        self.assertEqual(self.value(f"{of}total_records_skipped", connector="keeps"), 1)
        for connector in "keeps", "skips":
            self.assertEqual(self.value(f"{of}total_record_failures", connector=connector), 1, connector)
        self.assertEqual(self.value(f"{of}deadletterqueue_produce_requests", connector="skips"), 0)
        self.assertEqual(self.value(f"{of}deadletterqueue_produce_failures", connector="keeps"), 0)
        failed = "kafka_connect_connect_worker_metrics_connector_failed_task_count"
        until(lambda: self.value(failed, connector="fails") == 1, 60)
        self.assertEqual(self.value(failed, connector="keeps"), 0)
        state = "kafka_connect_connector_metrics_status_info"
        until(lambda: self.value(state, connector="stops", status="failed") == 1, 60)
        self.assertIsNone(self.value(state, connector="fails", status="failed"))
        self.assertEqual(rules.unshown(OF_CONNECT, self.page()), [])


ALERTS = COMPOSED.one("PrometheusRule", "kafka-platform")
OF_CONNECT = COMPOSED.one("PrometheusRule", "kafka-connect")


if __name__ == "__main__":
    prove(f"Kafka {VERSION} of Strimzi, three nodes", COMPOSED.container("Job", "kafka-topics").version)
