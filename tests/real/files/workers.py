"""Kafka Connect as Strimzi runs it, on this machine: the workers of the composed KafkaConnect, at the nodes of brokers.py,
and its KafkaConnectors.

What Strimzi's operator does is done here, by its published source of release 1.2.0: the file of settings for a worker, which
is made of the resource's fields and refuses whatever field or setting it does not expect; the Secrets, which a worker reads
through the API server there and from a directory here; connectors by Connect's own interface.
"""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
import zipfile

import cluster
from brokers import COMPOSED, NAMESPACE, QUICK, SECRETS
from composed import moved
from support import end, find, free_port, from_maven, until

CONNECT = COMPOSED.one("KafkaConnect", "kafka-platform")
NAME, SPEC = CONNECT["metadata"]["name"], CONNECT["spec"]
REPLICAS = range(SPEC["replicas"])
CONNECTORS = {manifest["metadata"]["name"]: manifest for manifest in COMPOSED.manifests if manifest["kind"] == "KafkaConnector"}
REST, METRICS = 8083, 9404
# Secret that the operator makes of those that the resource trusts.
TRUSTED = f"{NAME}-connect-tls-trusted-certs"
# Fields that the operator reads for pods and not for the worker's settings, and those that decide the settings.
OF_PODS = {"replicas", "version", "image", "resources", "jvmOptions", "template"}
OF_SETTINGS = {
    "bootstrapServers", "groupId", "configStorageTopic", "offsetStorageTopic", "statusStorageTopic", "tls", "authentication",
    "config", "metricsConfig",
}
# Beginnings of the series that the operator has Connect show where a resource names none.
SHOWN = (
    "kafka_admin_client_admin_client_metrics_connection_count", "kafka_connect_connect_coordinator_metrics.*",
    "kafka_connect_connector_metrics.*", "kafka_connect_connector_task_metrics.*", "kafka_connect_connect_worker_metrics_.*",
    "kafka_connect_connect_worker_rebalance.*", "kafka_connect_task_error_metrics.*", "kafka_consumer_consumer_coordinator_metrics.*",
    "kafka_consumer_consumer_fetch_manager_metrics.*", "kafka_consumer_consumer_metrics.*", "kafka_producer_producer_metrics.*",
    "kafka_producer_producer_node_metrics_incoming_byte", "kafka_producer_producer_topic.*",
)
# The operator leaves out a setting that begins like one of these, and warns in its log. The four exceptions that it makes are
# settings that nothing here needs.
FORBIDDEN = (
    "group.id", "config.storage.topic", "offset.storage.topic", "status.storage.topic", "ssl.", "sasl.", "security.", "listeners",
    "plugin.path", "rest.", "bootstrap.servers", "consumer.interceptor.classes", "producer.interceptor.classes",
    "prometheus.metrics.reporter.",
)
FORBIDDEN_OF_CONNECTORS = ("name", "connector.class", "tasks.max", "connector.plugin.version")
DEFAULTS = {name: "org.apache.kafka.connect.json.JsonConverter" for name in ("key.converter", "value.converter")}
# The operator's own ways to a value, for which Kafka's reading of a directory stands in where its own asks the API server.
PROVIDERS = {
    "strimzienv.class": "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
    "strimzienv.param.allowlist.pattern": ".*",
    "strimzifile.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
    "strimzidir.class": "org.apache.kafka.common.config.provider.DirectoryConfigProvider",
    "strimzidir.param.allowed.paths": "/opt/kafka",
    "strimzisecrets.class": "io.strimzi.kafka.KubernetesSecretConfigProvider",
}
# What the Avro converter needs of the archive in which it comes. Snowflake's own plug-ins are not among it.
OF_AVRO = (
    "com/fasterxml/", "com/github/", "com/google/", "com/hubspot/", "google/", "io/confluent/", "io/swagger/", "org/apache/avro/",
    "org/apache/commons/", "org/yaml/", "META-INF/services/io.confluent.kafka.schemaregistry.client.", "META-INF/services/com.fasterxml",
)


def only(known, found, where):
    """The composed fields, all of which the generator below knows."""
    if extra := set(found) - set(known):
        raise AssertionError(f"{where} has {sorted(extra)}, which this test does not turn into settings")
    return found


def refuse(forbidden, config, where):
    for name, value in config.items():
        if forbidden(name):
            raise AssertionError(f"{where} has {name}, which Strimzi does not take there")
        if not isinstance(value, str):
            raise AssertionError(f"{where} has {value!r} for {name}, which is no text")
    return dict(config)


def of_secret(name, key):
    return f"${{strimzisecrets:{NAMESPACE}/{name}:{key}}}"


def worker_settings(spec):
    """The settings that the operator makes of a KafkaConnect, as it makes them: four times what a client needs, since a
    worker has clients of four kinds."""
    only(OF_PODS | OF_SETTINGS, spec, "KafkaConnect")
    settings = {"bootstrap.servers": spec["bootstrapServers"]}

    def everywhere(**given):
        for client in ("", "producer.", "consumer.", "admin."):
            settings.update({f"{client}{name}": value for name, value in given.items()})

    (trusted,) = only({"trustedCertificates"}, spec["tls"], "tls")["trustedCertificates"]
    only({"secretName", "pattern"}, trusted, "trustedCertificates")
    everywhere(**{"ssl.truststore.certificates": of_secret(TRUSTED, "ca.crt"), "ssl.truststore.type": "PEM"})
    login = only({"type", "username", "passwordSecret"}, spec["authentication"], "authentication")
    if login["type"] != "scram-sha-512":
        raise AssertionError(f"this test does not know the login {login['type']}")
    secret = only({"secretName", "password"}, login["passwordSecret"], "passwordSecret")
    password = of_secret(secret["secretName"], secret["password"])
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    jaas = f'{module} required username="{login["username"]}" password="{password}";'
    everywhere(**{"sasl.mechanism": "SCRAM-SHA-512", "sasl.jaas.config": jaas, "security.protocol": "SASL_SSL"})
    given = refuse(lambda name: name.startswith(FORBIDDEN), spec["config"], "config of KafkaConnect")
    ours = given.pop("config.providers", "")
    settings["config.providers"] = ",".join(filter(None, [ours, "strimzienv,strimzifile,strimzidir,strimzisecrets"]))
    settings |= {f"config.providers.{name}": value for name, value in PROVIDERS.items()}
    if taken := set(settings) & set(given):
        raise AssertionError(f"config of KafkaConnect has {sorted(taken)}, which is Strimzi's own")
    settings |= {"rest.advertised.host.name": "${strimzienv:ADVERTISED_HOSTNAME}", "rest.advertised.port": str(REST)}
    settings["plugin.path"] = "/opt/kafka/plugins"
    settings["group.id"] = spec["groupId"]
    if spec["metricsConfig"] != {"type": "strimziMetricsReporter"}:
        raise AssertionError(f"this test does not know the metrics {spec['metricsConfig']}")
    reporter = {"listener.enable": "true", "listener": f"http://:{METRICS}", "allowlist": ",".join(SHOWN)}
    everywhere(**{"metric.reporters": "io.strimzi.kafka.metrics.prometheus.ClientMetricsReporter"})
    everywhere(**{f"prometheus.metrics.reporter.{name}": value for name, value in reporter.items()})
    settings |= {f"{kind}.storage.topic": spec[f"{kind}StorageTopic"] for kind in ("config", "status", "offset")}
    return settings | DEFAULTS | given


def pod(number):
    """The host of a worker's pod, by which workers call each other."""
    return f"{NAME}-connect-{number}.{NAME}-connect.{NAMESPACE}.svc"


class Workers:
    """The composed number of workers, until the module's tests are over; `secrets` is what each pod has below /mnt/secrets."""

    def __init__(self, add_cleanup, brokers, hosts):
        self.add_cleanup, self.brokers = add_cleanup, brokers
        self.place = brokers.place / "connect"
        self.secrets, self.tables, self.plugins = self.place / "mnt/secrets", self.place / "tables", self.place / "plugins"
        for directory in (self.secrets, self.tables):
            directory.mkdir(parents=True)
        self.hosts = [*hosts, *map(pod, REPLICAS)]
        self.image()
        self.mounts()
        self.ports, self.metrics = ([free_port() for _ in REPLICAS] for _ in range(2))
        self.running, self.most = {}, 0
        for number in REPLICAS:
            self.start(number)

    def image(self):
        """What a user's image has in /opt/kafka/plugins: a folder for each plug-in, with all that it needs."""
        mqtt = [jar for jar in self.brokers.jars if "paho" in pathlib.Path(jar).name]
        self.jars = [jar for jar in self.brokers.jars if jar not in mqtt]
        cluster.stand_ins(self.plugins, self.brokers.jars)
        for jar in mqtt:
            shutil.copy(jar, self.plugins / "mqtt")
        (archive,) = from_maven("avro/pom.xml")
        (self.plugins / "avro").mkdir()
        self.avro = self.plugins / "avro/avro.jar"
        with zipfile.ZipFile(archive) as whole, zipfile.ZipFile(self.avro, "w") as part:
            for entry in whole.infolist():
                if entry.filename.startswith(OF_AVRO):
                    part.writestr(entry.filename, whole.read(entry))

    def mounts(self):
        """The Secrets that the operator's way reads, each a folder."""
        secrets = SECRETS(self.brokers)
        (trusted,) = SPEC["tls"]["trustedCertificates"]
        secrets[TRUSTED] = {"ca.crt": secrets[trusted["secretName"]]["ca.crt"]}
        for name, keys in secrets.items():
            folder = self.place / "secrets" / NAMESPACE / name
            folder.mkdir(parents=True)
            for key, value in keys.items():
                (folder / key).write_text(value)

    def mount(self, name, files):
        """A Secret below /mnt/secrets, as the kubelet brings it."""
        (self.secrets / name).mkdir(exist_ok=True)
        for key, value in files.items():
            (self.secrets / name / key).write_text(value)

    def settings(self, number):
        """The worker's settings with this machine's ports and paths."""
        settings = worker_settings(SPEC)
        host, port = settings["bootstrap.servers"].split(":")
        if host not in self.brokers.names or port != "9092":
            raise AssertionError(f"no certificate of a node is valid for {host}, or nothing listens at {port}")
        settings["bootstrap.servers"] = ",".join(f"{host}:{ports['clients']}" for ports in self.brokers.ports)
        text = "".join(f"{name}={value}\n" for name, value in settings.items())
        directory = PROVIDERS["strimzidir.class"]
        places = {
            "${strimzisecrets:": f"${{strimzisecrets:{self.place}/secrets/", PROVIDERS["strimzisecrets.class"]: directory,
            "/opt/kafka/plugins": str(self.plugins), "/mnt/secrets": str(self.secrets),
            "allowed.paths=/opt/kafka\n": f"allowed.paths={self.place}\n",
            f"rest.advertised.port={REST}": f"rest.advertised.port={self.ports[number]}",
            f"http://:{METRICS}": f"http://127.0.0.1:{self.metrics[number]}",
        }
        return moved(text, places) + f"listeners=http://127.0.0.1:{self.ports[number]}\n"

    def start(self, number):
        path, hosts = self.place / f"worker-{number}.properties", self.place / "hosts"
        path.write_text(self.settings(number))
        known = [*(self.brokers.place / "hosts").read_text().splitlines(), *(f"127.0.0.1 {name}" for name in [socket.gethostname(), *self.hosts])]
        hosts.write_text("\n".join([*known, ""]))
        java = [find("java"), *QUICK, f"-Djdk.net.hosts.file={hosts}", f"-Dlog4j.configuration=file:{self.brokers.place}/log4j.properties"]
        command = [*java, f"-Dtables={self.tables}", "-cp", os.pathsep.join(self.jars), "org.apache.kafka.connect.cli.ConnectDistributed", path]
        env = {"PATH": os.environ["PATH"], "ADVERTISED_HOSTNAME": pod(number)}
        self.running[number] = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=self.brokers.log, stderr=self.brokers.log)
        self.add_cleanup(end, self.running[number])

    def stop(self, number, signal):
        self.running[number].send_signal(signal)
        self.running[number].wait(timeout=60)

    def ask(self, method, path, body=None, number=None):
        """Status and answer of a worker: the named one, or the first that runs."""
        if number is None:
            number = next(number for number, process in self.running.items() if process.poll() is None)
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports[number]}{path}", data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            # In words of the server below Connect, which answers first.
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def series(self):
        """What Prometheus reads of all workers: the name of a series with its labels → its value."""
        found = {}
        for port in self.metrics:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
                lines = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
            found |= {series: float(value) for series, value in (line.rsplit(" ", 1) for line in lines)}
        return found

    def wait(self):
        for number in REPLICAS:
            until(lambda: self.ask("GET", "/connectors", number=number)[0] == 200, 120)


class Operator:
    """What Strimzi's operator does with a KafkaConnector at each reconciliation. `ports` has those of the MQTT broker and
    of Schema Registry on this machine."""

    def __init__(self, workers, ports):
        self.workers, self.ports = workers, ports

    def wanted(self, name, **changed):
        """The connector's settings, on this machine's ports and paths."""
        manifest = CONNECTORS[name]
        if manifest["metadata"]["labels"]["strimzi.io/cluster"] != NAME:
            raise AssertionError(f"the KafkaConnector {name} is of another Connect")
        spec = only({"class", "tasksMax", "autoRestart", "config"}, manifest["spec"], f"KafkaConnector {name}")
        config = refuse(FORBIDDEN_OF_CONNECTORS.__contains__, spec["config"], f"config of {name}") | changed
        places = {"/mnt/secrets": str(self.workers.secrets)}
        if "connect.mqtt.hosts" in config:
            places[":1883"] = f":{self.ports['mqtt']}"
        if any("Avro" in value for value in config.values()):
            places[":8081/"] = f":{self.ports['registry']}/"
        return json.loads(moved(json.dumps(config), places)) | {"connector.class": spec["class"], "tasks.max": str(spec["tasksMax"])}

    def reconcile(self, name, config):
        """Puts a connector that is missing or differs; Connect answers 409 while its workers share their work out anew."""
        code, found = self.workers.ask("GET", f"/connectors/{name}/config")
        if (code, found) == (200, config | {"name": name}):
            return "as it is"
        if code == 404:
            asked = "POST", "/connectors", {"name": name, "config": config}
        else:
            asked = "PUT", f"/connectors/{name}/config", config

        def done():
            code, answer = self.workers.ask(*asked)
            if code not in (0, 200, 201, 409):
                raise AssertionError(f"Connect answers {code}: {answer}")
            return code in (200, 201)

        until(done, 60)
        return "changed"

    def status(self, name):
        code, status = self.workers.ask("GET", f"/connectors/{name}/status")
        return status if code == 200 else {"connector": {"state": "UNASSIGNED"}, "tasks": []}

    def failed(self, name):
        """Why the KafkaConnector is not ready, in the operator's words; nothing where it is."""
        status = self.status(name)
        if status["connector"]["state"] == "FAILED":
            return "Connector has failed, see connectorStatus for more details."
        tasks = [str(task["id"]) for task in status["tasks"] if task["state"] == "FAILED"]
        return f"The following tasks have failed: {', '.join(tasks)}, see connectorStatus for more details." if tasks else ""

    def auto_restart(self, name):
        return self.workers.ask("POST", f"/connectors/{name}/restart?includeTasks=true&onlyFailed=true")[0]

    def runs(self, name):
        """Whether the connector and its one task run."""
        status = self.status(name)
        return [status["connector"]["state"], *(task["state"] for task in status["tasks"])] == ["RUNNING", "RUNNING"]

    def hosts(self, name):
        """The workers that have the connector and its task, by their numbers; none while no worker says so."""
        status = self.status(name)
        ids = [each["worker_id"] for each in (status["connector"], *status["tasks"]) if "worker_id" in each]
        return [self.workers.ports.index(int(worker.rpartition(":")[2])) for worker in ids]
