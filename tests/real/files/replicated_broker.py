"""The composed replicated broker on three real nodes of RabbitMQ: who gets in, by which door, what each may do, what a full
queue answers, and what a node's loss takes away: nothing that was acknowledged."""

import collections
import subprocess
import sys
import threading
import time
import unittest
import urllib.request

import rabbitmq
import rules
from rabbitmq import ADMINISTRATOR, FOLDER, Cluster
from support import Case, find, heavy, prove, until

rabbitmq.alone()
sys.path.insert(0, str(FOLDER / "python"))

import pika  # noqa: E402
from composed import Composed  # noqa: E402
from paho.mqtt import client as paho  # noqa: E402
from paho.mqtt.packettypes import PacketTypes  # noqa: E402
from paho.mqtt.properties import Properties  # noqa: E402

APPLICATION = "examples/variants/replicated-broker.yaml"
V3, V5 = paho.MQTTv311, paho.MQTTv5
TOPIC = "health/device_data"
# As small as a claim may ask for, with a certificate, and with a user of each kind besides the example's own.
EDITS = {
    "          memory: 1Gi\n": "          memory: 512Mi\n          queueBytes: 1048576\n          tls:\n            secretName: mqtt-certificate\n",
    "            - name: reader\n": "            - name: both\n              publish:\n                - notes/{username}\n                - notes/#\n"
    "              read:\n                - notes/+\n            - name: neither\n            - name: reader\n",
}
# What is tried with each user, from the claim and not from the rights that are made of it.
PUBLISHES = {
    "device": {TOPIC, "health/", "health/pulse"},
    "both": {"notes/one", "notes", "notes/a/b", "notes/both", "notes/{username}"},
    "neither": set(),
    "reader": set(),
    "kafka-bridge": set(),
}
TOPICS = [TOPIC, "health", "health/", "health/pulse", "health/ward/pulse", "healthy/x", "notes", "notes/one", "notes/a/b", "notes/both", "notes/{username}", "elsewhere"]
READS = {
    "device": set(),
    "both": {"notes/one", "notes/+"},
    "neither": set(),
    "reader": {"health", "health/#", "health/+", "health/ward/+", "health/device_data"},
    "kafka-bridge": {"health/device_data"},
}
FILTERS = ["#", "+/one", "notes/#", "notes/one", "notes/+", "health", "health/#", "health/+", "health/ward/+", "health/device_data", "healthy"]


class Nodes(Case):
    """The module's cluster: three nodes, on which the Job has run."""

    def client(self, user, version=V5, node=0, identifier=None, password=None, clean=True, websockets=False, port=None, tls=None):
        client = Client(user, version, identifier or f"{self.id().rpartition('.')[2][-20:]}-{time.monotonic_ns()}", password, clean, websockets)
        if tls:
            client.paho.tls_set(ca_certs=tls)
            client.paho.tls_insecure_set(True)
        self.addCleanup(client.end)
        client.connect(cluster.addresses[cluster.names[node]], port or (MAPPED[9001] if websockets else MAPPED[1883]))
        return client

    def set_accounts(self, composed=None, passwords=None, code=0):
        """Runs the Job's script as its container would."""
        container = (composed or COMPOSED).container("Job", "mqtt-accounts")
        secrets = {"health-mqtt-broker-default-user": ADMINISTRATOR} | {
            f"mqtt-user-{name}": {"password": word} for name, word in (PASSWORDS | (passwords or {})).items()
        }
        secrets["mqtt-credentials"] = {"password": PASSWORDS["kafka-bridge"]}
        env = container.env(secrets)
        service = "http://health-mqtt-broker.streaming.svc.cluster.local:15672"
        self.assertEqual(env["MANAGEMENT_URL"], service)
        env["MANAGEMENT_URL"] = f"http://{cluster.addresses[cluster.names[0]]}:15672"
        return self.run_script(container.script(), env, self.alpine_path("curl"), code)


class Client:
    """A client of MQTT that keeps what the broker answers."""

    def __init__(self, user, version, identifier, password=None, clean=True, websockets=False):
        self.version, self.clean = version, clean
        session = {} if version == V5 else {"clean_session": clean}
        transport = "websockets" if websockets else "tcp"
        self.paho = paho.Client(paho.CallbackAPIVersion.VERSION2, identifier, protocol=version, transport=transport, **session)
        if user:
            self.paho.username_pw_set(user, password or PASSWORDS.get(user, "none"))
        if websockets:
            self.paho.ws_set_options(path="/")
        self.answer, self.properties, self.present, self.lost = None, {}, None, threading.Event()
        self.acknowledged, self.subscribed, self.received = {}, {}, []
        self.told = threading.Condition()
        self.paho.on_connect = self.connected
        self.paho.on_disconnect = lambda *_: self.tell(self.lost.set)
        self.paho.on_publish = lambda _c, _u, number, reason, _p: self.tell(self.acknowledged.__setitem__, number, str(reason))
        self.paho.on_subscribe = lambda _c, _u, number, reasons, _p: self.tell(self.subscribed.__setitem__, number, reasons[0])
        self.paho.on_message = lambda _c, _u, message: self.received.append((message.topic, message.payload.decode()))

    def connected(self, _client, _data, flags, reason, properties):
        self.present, self.properties = flags.session_present, properties.json() if properties else {}
        self.tell(setattr, self, "answer", str(reason))

    def tell(self, change, *arguments):
        with self.told:
            change(*arguments)
            self.told.notify_all()

    def hear(self, condition):
        """Waits for what the broker answers, or for the end of the connection."""
        with self.told:
            if not self.told.wait_for(lambda: condition() or self.lost.is_set(), 20):
                raise AssertionError("the broker did not answer within 20 s")

    def connect(self, host, port):
        options = {}
        if self.version == V5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 0 if self.clean else 0xFFFFFFFF
            options = {"clean_start": self.clean, "properties": properties}
        self.paho.connect(host, port, **options)
        self.paho.loop_start()
        self.hear(lambda: self.answer is not None)

    def publish(self, topic, message="hello", **options):
        """What the broker answers to a message of QoS 1, or that it closed the connection."""
        number = self.paho.publish(topic, message, 1, **options).mid
        self.hear(lambda: number in self.acknowledged)
        return self.acknowledged.get(number, "closed")

    def subscribe(self, pattern, quality=1):
        number = self.paho.subscribe(pattern, quality)[1]
        self.hear(lambda: number in self.subscribed)
        return str(self.subscribed.get(number, "closed"))

    def end(self):
        self.paho.disconnect()
        self.paho.loop_stop()


class Accounts(Nodes):
    def test_who_is_nobody_does_not_get_in(self):
        for version in (V3, V5):
            self.assertEqual(self.client("device", version).answer, "Success")
            for user, password in ((None, None), ("device", "wrong"), ("stranger", "x"), (ADMINISTRATOR["username"], "x")):
                self.assertEqual(self.client(user, version, password=password).answer, "Bad user name or password", user)

    def test_the_job_may_run_again_and_takes_away_who_left_the_list(self):
        leaver = self.client("reader")
        said = self.set_accounts(WITHOUT_READER)
        self.assertIn("user reader: deleted, because the claim does not list it", said)
        self.assertTrue(leaver.lost.wait(20), "an open connection of a user that is gone")
        self.assertEqual(self.client("reader").answer, "Bad user name or password")
        self.assertIn("user neither2: deleted", self.set_accounts())
        self.assertEqual(self.client("reader").answer, "Success")
        code, users = cluster.ask(cluster.names[0], "/api/users?columns=name,tags")
        self.assertEqual({user["name"] for user in users}, {ADMINISTRATOR["username"], *PUBLISHES})

    def test_any_password_logs_in_and_what_cannot_be_used_is_named(self):
        odd = "colon: \\ ' \" % `id` \u00fc $x"
        said = self.set_accounts(passwords={"neither": odd})
        self.assertNotIn(odd, said)
        self.assertEqual(self.client("neither", password=odd).answer, "Success")
        self.assertIn("it holds a newline", self.set_accounts(passwords={"neither": "echoed\n"}, code=1))
        self.set_accounts()
        self.assertEqual(self.client("neither", password=odd).answer, "Bad user name or password")

    def test_no_user_of_mqtt_manages_the_broker(self):
        user = {"username": "device", "password": PASSWORDS["device"]}
        self.assertEqual(cluster.ask(cluster.names[0], "/api/overview", user=user)[0], 401)


class Rights(Nodes):
    def test_each_user_publishes_exactly_what_the_claim_says(self):
        took = {name: {topic for topic in TOPICS if self.client(name).publish(topic) in ("Success", "No matching subscribers")} for name in PUBLISHES}
        # The bridge would break its connection over health/, which a wildcard matches with nothing in its place: it does not
        # subscribe to a wildcard here.
        self.assertEqual(took, PUBLISHES)

    def test_each_user_reads_exactly_what_the_claim_says(self):
        sessions = {"kafka-bridge": "mqtt-source-connector"}
        may = lambda name, pattern: self.client(name, identifier=sessions.get(name)).subscribe(pattern) == "Granted QoS 1"  # noqa: E731
        self.assertEqual({name: {pattern for pattern in FILTERS if may(name, pattern)} for name in READS}, READS)
        # The bridge's account has the sessions of its connectors only.
        self.assertNotEqual(self.client("kafka-bridge", identifier="another").subscribe(TOPIC), "Granted QoS 1")

    def test_a_refusal_closes_the_connection_in_both_versions(self):
        for version in (V3, V5):
            self.assertEqual(self.client("device", version).publish("elsewhere"), "closed")
            self.assertNotEqual(self.client("device", version).subscribe("health/#"), "Granted QoS 1")

    def test_the_bridge_reaches_its_own_queues_by_amqp_and_no_others(self):
        reader = self.client("reader", identifier="somebody", clean=False)
        reader.subscribe("health/#")

        def channel(user="kafka-bridge"):
            login = pika.PlainCredentials(user, PASSWORDS[user])
            options = {"credentials": login, "socket_timeout": 20}
            connection = pika.BlockingConnection(pika.ConnectionParameters(cluster.addresses[cluster.names[1]], MAPPED[5672], **options))
            self.addCleanup(lambda: connection.is_open and connection.close())
            return connection.channel()

        own = {"queue": "kafka-bridge.records", "durable": True, "arguments": {"x-queue-type": "quorum"}}
        bridge = channel()
        bridge.queue_declare(**own)
        bridge.queue_bind("kafka-bridge.records", "amq.topic", "health.device_data")
        self.assertEqual(self.client("device").publish(TOPIC, "by amqp"), "Success")
        until(lambda: bridge.basic_get("kafka-bridge.records", auto_ack=True)[2])
        bridge.queue_delete("kafka-bridge.records")
        for attempt in (
            lambda it: it.queue_declare("other", durable=True, arguments={"x-queue-type": "quorum"}),
            lambda it: it.basic_get("mqtt-subscription-somebodyqos1"),
            lambda it: it.queue_delete("mqtt-subscription-somebodyqos1"),
            lambda it: (it.queue_declare(**own), it.queue_bind("kafka-bridge.records", "amq.topic", "health.#")),
            lambda it: (it.confirm_delivery(), it.basic_publish("amq.topic", "health.device_data", b"x")),
        ):
            with self.assertRaises(pika.exceptions.ChannelClosedByBroker) as refused:
                attempt(channel())
            self.assertEqual(refused.exception.reply_code, 403)
        channel().queue_delete("kafka-bridge.records")


class Doors(Nodes):
    def test_websockets_on_the_path_and_the_port_of_the_service(self):
        for version in (V3, V5):
            reader = self.client("reader", version, node=2, websockets=True)
            self.assertEqual(reader.subscribe(TOPIC), "Granted QoS 1")
            self.assertEqual(self.client("device", version, node=1, websockets=True).publish(TOPIC, "over ws"), "Success")
            until(lambda: (TOPIC, "over ws") in reader.received)
            self.assertEqual(self.client(None, version, websockets=True).answer, "Bad user name or password")

    def test_tls_with_the_certificate_of_the_claim(self):
        self.assertEqual(self.client("device", port=MAPPED[8883], tls=AUTHORITY).publish(TOPIC), "No matching subscribers")

    def test_what_a_client_of_mqtt_5_is_told(self):
        told = self.client("device").properties
        self.assertEqual((told["MaximumQoS"], told["SharedSubscriptionAvailable"], told["MaximumPacketSize"]), (1, 0, 1_000_000))

    def test_a_larger_packet_is_refused(self):
        for version in (V3, V5):
            self.assertIn(self.client("device", version).publish(TOPIC, "x" * 990_000), ("Success", "No matching subscribers"))
            self.assertEqual(self.client("device", version).publish(TOPIC, "x" * 1_000_001), "closed")

    def test_what_the_fields_say_that_it_cannot_do(self):
        """no retained message comes, and a dot is a slash"""
        self.client("device").publish(TOPIC, "kept", retain=True)
        reader = self.client("reader")
        reader.subscribe("health/#")
        self.client("device").publish("health.device_data", "dotted")
        until(lambda: reader.received)
        self.assertEqual(reader.received, [(TOPIC, "dotted")])

    def test_each_node_shows_what_the_alerts_ask_for(self):
        self.client("device").publish(TOPIC)
        for name in cluster.names:
            self.assertEqual(rules.unshown(ALERTS, metrics(name)), [])
            self.assertEqual(rules.shown(metrics(name))["rabbitmq_identity_info"][0][1], 1)


def metrics(name):
    """A node's page of metrics, as Prometheus gets it."""
    with urllib.request.urlopen(f"http://{cluster.addresses[name]}:{PORTS['prometheus']}/metrics", timeout=20) as page:
        return page.read().decode()


def summed(metric):
    """The sum of a metric over all nodes and what each shows."""
    return sum(value for name in cluster.names for _, value in rules.shown(metrics(name)).get(metric, []))


class Loss(Nodes):
    def test_a_full_queue_refuses_and_drops_nothing_that_it_acknowledged(self):
        """a full queue of an absent client: no acknowledged message is dropped; MQTT 5 is answered with an error, MQTT 3.1.1 not"""
        for version in (V3, V5):
            name = f"absent-{version}"
            absent = self.client("reader", version, identifier=name, clean=False)
            absent.subscribe(TOPIC)
            absent.end()
            publisher = self.client("device", version, node=1)
            before = [summed(metric) for metric in COUNTED]
            sent = {publisher.paho.publish(TOPIC, f"{number:04} {'x' * 1019}", 1).mid: number for number in range(2000)}
            until(lambda: len(publisher.acknowledged) == 2000 or version == V3 and self.still(publisher))
            answers = collections.Counter(publisher.acknowledged.values())
            taken = {sent[mid] for mid, answer in publisher.acknowledged.items() if answer == "Success"}
            # A queue may take somewhat more than its bound, because it is told of its size late.
            self.assertTrue(950 <= len(taken) <= 1400, answers)
            self.assertFalse(publisher.lost.is_set(), "the connection stays")
            # What the alerts see of it, after the seconds for which a node shows what it counted before.
            until(lambda: self.seen(version, before, len(taken)), 60)
            until(lambda: summed("rabbitmq_queue_messages_bytes") >= QUEUE_BYTES, 60)
            back = self.client("reader", version, node=2, identifier=name, clean=False)
            self.assertTrue(back.present)
            until(lambda: len(back.received) >= len(taken))
            got = {int(message.split()[0]) for _, message in back.received}
            self.assertEqual(taken - got, set(), "acknowledged and lost")
            # There is room again.
            self.assertEqual(self.client("device", version).publish(TOPIC, "9999 after"), "Success")
            back.paho.unsubscribe(TOPIC)
            back.end()
            self.client("reader", version, identifier=name).end()
            print(f"full queue, MQTT {'5' if version == V5 else '3.1.1'}: of 2000 sent {dict(answers)}, {len(got)} delivered, 0 lost", file=sys.stderr)

    def seen(self, version, before, taken):
        """Whether the nodes have counted: an error that MQTT 5 gets is a confirmation for them, no answer is none."""
        received, confirmed = (summed(metric) - count for metric, count in zip(COUNTED, before))
        return received == confirmed == 2000 if version == V5 else received > confirmed == taken

    def still(self, publisher):
        """Whether no acknowledgement has come for two seconds."""
        before = len(publisher.acknowledged)
        time.sleep(2)
        return before == len(publisher.acknowledged)

    def test_a_node_killed_under_load_takes_nothing_away(self):
        """a node killed with -9 under load: the session lives on, and no acknowledged message is lost"""
        name = "mqtt-source-connector"
        session = self.client("kafka-bridge", V3, node=0, identifier=name, clean=False)
        self.assertEqual(session.subscribe(TOPIC), "Granted QoS 1")
        received, acknowledged = set(), set()
        publisher = self.client("device", V3, node=0)
        longest, last, killed = 0.0, time.monotonic(), False
        for number in range(3000):
            while publisher.lost.is_set() or publisher.publish(TOPIC, str(number)) != "Success":
                # Whoever loses its node connects to another one, and publishes again what was not acknowledged.
                publisher = self.again(lambda: self.client("device", V3, node=1 + number % 2))
            acknowledged.add(number)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
            if number == 1000:
                cluster.kill(cluster.names[0])
                killed = True
            if killed and session.lost.is_set():
                received |= {int(message) for _, message in session.received}
                session = self.again(lambda: self.client("kafka-bridge", V3, node=2, identifier=name, clean=False))
                self.assertTrue(session.present, "the session is gone")
                killed = False

        def all_there():
            got = received | {int(message) for _, message in session.received}
            return acknowledged <= got

        until(all_there)
        print(f"node killed with -9: {len(acknowledged)} acknowledged, 0 lost, longest pause {longest:.1f} s", file=sys.stderr)
        cluster.start(cluster.names[0])
        cluster.wait_for(*cluster.names)

    def again(self, connect):
        """A client that connects, however often a node on its way down refuses."""

        def attempt():
            try:
                client = connect()
            except OSError:
                return None
            return client if client.answer == "Success" else None

        return until(attempt, 30)


class Memory(Nodes):
    def test_what_the_nodes_took(self):
        most = cluster.most_memory()
        self.assertLessEqual(max(most), 512)
        print(f"proof: ok      {rabbitmq.version()}: the most that each node had in memory: {', '.join(f'{size} MiB' for size in most)}")


def certificate(directory):
    subprocess.run(
        [find("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        + ["-addext", "subjectAltName=DNS:localhost", "-keyout", directory / "tls.key", "-out", directory / "tls.crt"],
        check=True, capture_output=True,
    )
    return {name: (directory / name).read_text() for name in ("tls.crt", "tls.key")}


ALERTS = rules.composed("replicated-broker", "health-mqtt-broker")
COUNTED = ("rabbitmq_global_messages_received_confirm_total", "rabbitmq_global_messages_confirmed_total")
QUEUE_BYTES = 1_048_576
# What Debian's release answers to MQTT 5. From 4.3 on it is "Quota exceeded".
REFUSED = "Implementation specific error"
COMPOSED = Composed(EDITS, APPLICATION)
WITHOUT_READER = Composed({**EDITS, "            - name: reader\n": EDITS["            - name: reader\n"].replace("name: reader", "name: neither2")}, APPLICATION)
PASSWORDS = {name: f"password of {name}" for name in [*PUBLISHES, "neither2"]}
MANIFEST = COMPOSED.one("RabbitmqCluster", "health-mqtt-broker")
# Ports of the operator's pods by their names, and those of the Service with what is behind each.
PORTS = {"mqtt": 1883, "mqtts": 8883, "web-mqtt": 15675, "amqp": 5672, "amqps": 5671, "prometheus": 15692}
MAPPED = {port["port"]: PORTS[port["targetPort"]] for port in COMPOSED.one("Service", "health-mqtt-service")["spec"]["ports"]}


def setUpModule():
    global cluster, AUTHORITY
    import pathlib
    import tempfile

    heavy(unittest.addModuleCleanup)
    place = pathlib.Path(tempfile.mkdtemp())
    files = certificate(place)
    AUTHORITY = str(place / "tls.crt")
    cluster = Cluster(MANIFEST, certificate=files)
    cluster.start(*cluster.names)
    cluster.wait_for(*cluster.names)
    Accounts("test_no_user_of_mqtt_manages_the_broker").set_accounts()


def tearDownModule():
    cluster.end()


if __name__ == "__main__":
    prove(rabbitmq.version(), MANIFEST["spec"]["image"].rpartition(":")[2])
