"""Kafka as Strimzi runs it, on this machine: three nodes that are broker and controller at once, of the version in Strimzi's
image, from Maven, with the listeners, the authorizer, the settings, users and rights of the composed resources.

What Strimzi's operators do is done here: a certificate authority and a certificate for each node, with the names that Strimzi
gives them and those that are composed; the same settings of listeners; users and their rights by Kafka's own tools.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

from composed import Composed
from support import SKIPPED, answers, find, free_port, from_maven, heavy, need, peak, until

need("java", "mvn", "openssl")

HERE = pathlib.Path(__file__).parent
VERSION = re.search(r"<kafka.version>(.*)<", (HERE / "strimzi/pom.xml").read_text())[1]
COMPOSED = Composed(application="examples/variants/replicated-kafka.yaml")
KAFKA = COMPOSED.one("Kafka", "kafka-platform")
POOL = COMPOSED.one("KafkaNodePool", "kafka")
NAMESPACE = KAFKA["metadata"]["namespace"]
USERS = [manifest for manifest in COMPOSED.manifests if manifest["kind"] == "KafkaUser"]
PASSWORDS = {user["metadata"]["name"]: f"Of{number}x" * 8 for number, user in enumerate(USERS)}
NODES = range(POOL["spec"]["replicas"])
QUICK = ["-Xmx256M", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
TOOLS = {
    "kafka-acls": "org.apache.kafka.tools.AclCommand",
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-verifiable-producer": "org.apache.kafka.tools.VerifiableProducer",
}
OPERATOR = "CN=cluster-operator,O=io.strimzi"
NODE = """\
node.id={node}
process.roles=broker,controller
controller.listener.names=CONTROLPLANE-9090
controller.quorum.voters={voters}
listeners=CONTROLPLANE-9090://127.0.0.1:{control},REPLICATION-9091://127.0.0.1:{replication},CLIENTS-9092://127.0.0.1:{clients}
advertised.listeners=CONTROLPLANE-9090://{host}:{control},REPLICATION-9091://{host}:{replication},CLIENTS-9092://{host}:{clients}
listener.security.protocol.map=CONTROLPLANE-9090:SSL,REPLICATION-9091:SSL,CLIENTS-9092:SASL_SSL
inter.broker.listener.name=REPLICATION-9091
sasl.enabled.mechanisms=
ssl.endpoint.identification.algorithm=HTTPS
listener.name.clients-9092.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.clients-9092.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.clients-9092.ssl.keystore.type=PEM
listener.name.clients-9092.ssl.keystore.location={place}/node-{node}.pem
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:CN=kafka-platform-kafka,O=io.strimzi;User:{operator}
log.dirs={place}/data-{node}
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=3
"""
# Of the listeners that Strimzi keeps for itself.
INNER = """\
listener.name.{listener}.ssl.keystore.type=PEM
listener.name.{listener}.ssl.keystore.location={place}/node-{node}.pem
listener.name.{listener}.ssl.truststore.type=PEM
listener.name.{listener}.ssl.truststore.location={place}/bundle.crt
listener.name.{listener}.ssl.client.auth=required
"""
# Of Strimzi's reporter, with what the composed alerts need of the metrics that the operator allows where a resource names
# none. In the image both are called otherwise, and listen on every address at 9404.
METRICS = """\
metric.reporters=io.strimzi.kafka.metrics.KafkaPrometheusMetricsReporter
kafka.metrics.reporters=io.strimzi.kafka.metrics.YammerPrometheusMetricsReporter
prometheus.metrics.reporter.listener.enable=true
prometheus.metrics.reporter.listener=http://127.0.0.1:{metrics}
prometheus.metrics.reporter.allowlist=kafka_controller_kafkacontroller.*,kafka_server_kafkaserver_brokerstate,kafka_server_replicamanager.*
"""
LOGGING = """\
log4j.rootLogger=WARN, stderr
log4j.appender.stderr=org.apache.log4j.ConsoleAppender
log4j.appender.stderr.target=System.err
log4j.appender.stderr.layout=org.apache.log4j.PatternLayout
log4j.appender.stderr.layout.ConversionPattern=%d %p %m (%c)%n
"""


class Authority:
    """Strimzi's certificate authority of the cluster, which keeps its key when its certificate is renewed."""

    def __init__(self, place):
        self.place, self.serial = place, 0
        self.openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", place / "ca.key")
        self.renew()

    def openssl(self, *words):
        subprocess.run([find("openssl"), *map(str, words)], check=True, capture_output=True, timeout=60)

    def renew(self):
        """A new certificate for the same key and the same name; each node trusts whatever this key has signed."""
        self.serial += 1
        self.openssl(
            "req", "-x509", "-new", "-key", self.place / "ca.key", "-subj", "/O=io.strimzi/CN=cluster-ca v0", "-days", "365",
            "-set_serial", self.serial, "-out", self.place / "ca.crt", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )
        shutil.copy(self.place / "ca.crt", self.place / "bundle.crt")

    def sign(self, name, subject, names=()):
        """A certificate and its key, in one file as the PEM store wants it."""
        self.serial += 1
        key, asked, signed, more = (self.place / f"{name}.{end}" for end in ("key", "csr", "crt", "ext"))
        self.openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-subj", subject, "-out", asked)
        more.write_text(f"subjectAltName={','.join(f'DNS:{each}' for each in names)}" if names else "")
        self.openssl(
            "x509", "-req", "-in", asked, "-CA", self.place / "ca.crt", "-CAkey", self.place / "ca.key", "-days", "365",
            "-set_serial", self.serial, "-extfile", more, "-out", signed,
        )
        (self.place / f"{name}.pem").write_text(key.read_text() + signed.read_text())
        return signed


class Brokers:
    """Three nodes, until the module's tests are over."""

    def __init__(self, add_cleanup):
        self.jars = from_maven("strimzi/pom.xml")
        if not self.jars:
            sys.exit(SKIPPED)
        heavy(add_cleanup)
        self.place = pathlib.Path(tempfile.mkdtemp())
        add_cleanup(shutil.rmtree, self.place, ignore_errors=True)
        self.log = open(self.place / "log", "w")
        add_cleanup(self.log.close)
        (self.place / "bin").mkdir()
        (self.place / "log4j.properties").write_text(LOGGING)
        service = f"kafka-platform-kafka-brokers.{NAMESPACE}.svc"
        self.hosts = [f"kafka-platform-kafka-{node}.{service}.cluster.local" for node in NODES]
        (listener,) = KAFKA["spec"]["kafka"]["listeners"]
        self.names = listener["configuration"]["bootstrap"]["alternativeNames"]
        known = ["localhost", *self.names, *self.hosts]
        (self.place / "hosts").write_text("".join(f"127.0.0.1 {name}\n" for name in known))
        java = [find("java"), *QUICK, f"-Djdk.net.hosts.file={self.place}/hosts", f"-Dlog4j.configuration=file:{self.place}/log4j.properties"]
        self.java = [*java, "-cp", os.pathsep.join(self.jars)]
        for name, main in TOOLS.items():
            program = self.place / "bin" / f"{name}.sh"
            program.write_text(f"#!/bin/sh\nexec {' '.join(self.java)} {main} \"$@\"\n")
            program.chmod(0o755)
        self.ports = [{kind: free_port() for kind in ("control", "replication", "clients", "metrics")} for _ in NODES]
        self.authority, self.nodes, self.add_cleanup = Authority(self.place), {}, add_cleanup
        self.authority.sign("operator", "/O=io.strimzi/CN=cluster-operator")
        self.most = 0
        for node in NODES:
            self.configure(node)
        self.format()
        for node in NODES:
            self.start(node)
        for node in NODES:
            until(answers(self.ports[node]["clients"]), 120)
        self.secure()

    def configure(self, node):
        self.certify(node)
        voters = ",".join(f"{other}@{self.hosts[other]}:{self.ports[other]['control']}" for other in NODES)
        given = {"node": node, "host": self.hosts[node], "voters": voters, "place": self.place, "operator": OPERATOR, **self.ports[node]}
        if KAFKA["spec"]["kafka"]["metricsConfig"] != {"type": "strimziMetricsReporter"}:
            raise AssertionError("the metrics of Kafka are another reporter's")
        text = NODE.format(**given) + METRICS.format(**given) + "".join(INNER.format(listener=listener, **given) for listener in ("controlplane-9090", "replication-9091"))
        composed = KAFKA["spec"]["kafka"]["config"]
        (self.place / f"node-{node}.properties").write_text(text + "".join(f"{name}={value}\n" for name, value in composed.items()))

    def certify(self, node):
        self.authority.sign(f"node-{node}", "/O=io.strimzi/CN=kafka-platform-kafka", [self.hosts[node], *self.names])

    def format(self):
        users = [word for name, password in PASSWORDS.items() for word in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")]
        for node in NODES:
            command = [*self.java, "kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c", self.place / f"node-{node}.properties"]
            command += ["-r", KAFKA["spec"]["kafka"]["metadataVersion"], *users]
            subprocess.run(command, check=True, stdout=self.log, stderr=self.log, timeout=120)

    def start(self, node):
        command = [*self.java, "kafka.Kafka", self.place / f"node-{node}.properties"]
        self.nodes[node] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        # Without the others a node waits for them before it ends.
        self.add_cleanup(self.nodes[node].wait)
        self.add_cleanup(self.nodes[node].kill)

    def stop(self, node, number):
        """Ends a node by a signal; whichever it is, the others see it go."""
        self.weigh()
        self.nodes[node].send_signal(number)
        self.nodes[node].wait(timeout=120)

    def weigh(self):
        self.most = max(self.most, peak(process for process in self.nodes.values() if process.poll() is None))

    def bootstrap(self):
        return ",".join(f"{self.names[0]}:{self.ports[node]['clients']}" for node in NODES)

    def secure(self):
        """The rights that the KafkaUsers have, as the operator for users writes them."""
        client = self.place / "operator.properties"
        client.write_text(
            "security.protocol=SSL\nssl.keystore.type=PEM\nssl.truststore.type=PEM\n"
            f"ssl.keystore.location={self.place}/operator.pem\nssl.truststore.location={self.place}/ca.crt\n"
        )
        self.operator = ["--bootstrap-server", f"{self.hosts[0]}:{self.ports[0]['replication']}", "--command-config", str(client)]
        for user in USERS:
            # All resources with the same operations at once, since each call takes seconds.
            groups = {}
            for acl in user["spec"]["authorization"]["acls"]:
                resource = acl["resource"]
                pattern = resource.get("patternType", "literal")
                option = {"transactionalId": "transactional-id"}.get(resource["type"], resource["type"])
                words = [f"--{option}", *([resource["name"]] if "name" in resource else [])]
                groups.setdefault((pattern, tuple(acl["operations"])), []).extend(words)
            for (pattern, operations), resources in groups.items():
                words = [word for operation in operations for word in ("--operation", operation)]
                pattern = {"prefix": "prefixed"}.get(pattern, pattern)
                self.tool(
                    "kafka-acls", *self.operator, "--add", "--force", "--allow-principal", f"User:{user['metadata']['name']}",
                    "--resource-pattern-type", pattern, *words, *resources,
                )

    def client(self, user, authority=None, password=None):
        """Settings of a client of Kafka's own, in the form of the composed Job's."""
        job = COMPOSED.container("Job", "kafka-topics").env(SECRETS(self, password))
        path = self.place / f"client-{time.monotonic_ns()}.properties"
        text = job["CLIENT_CONFIG"].replace('username="kafka-topics"', f'username="{user}"')
        text = text.replace("${env:KAFKA_PASSWORD}", password or PASSWORDS[user])
        text = text.replace("ssl.truststore.certificates=${env:KAFKA_AUTHORITY}", f"ssl.truststore.location={authority or self.place / 'ca.crt'}")
        path.write_text(text)
        return path

    def tool(self, name, *words, **options):
        given = {"check": True, "capture_output": True, "text": True, "timeout": 120} | options
        done = subprocess.run([self.place / "bin" / f"{name}.sh", *map(str, words)], **given)
        return done.stdout

    def metrics(self, node):
        """The page of metrics of a node, as Prometheus gets it."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[node]['metrics']}/metrics", timeout=30) as page:
            return page.read().decode()

    def isr(self, topic):
        """The replicas in sync of each partition of a topic."""
        said = self.tool("kafka-topics", *self.operator, "--describe", "--topic", topic)
        return [sorted(map(int, found.split(","))) for found in re.findall(r"Isr: ([\d,]*)", said)]


class SECRETS(dict):
    """The Secrets that the composed Job reads, as they are on this machine."""

    def __init__(self, brokers, password=None):
        passwords = {f"{user}-password": password or PASSWORDS[user] for user in PASSWORDS}
        super().__init__({
            "kafka-platform-credentials": passwords,
            "kafka-platform-cluster-ca-cert": {"ca.crt": (brokers.place / "ca.crt").read_text()},
        })
