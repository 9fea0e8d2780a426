"""The composed broker on a real Mosquitto: who gets in, by which door, what each may do, and what outlives a restart."""

import pathlib
import re
import signal
import subprocess
import time

import mosquitto
import websocket
from composed import Composed, seed
from mosquitto import POD, READING, TOPIC
from support import answers, end, find, need, prove, until

need("openssl", "mosquitto", "mosquitto_passwd", "mosquitto_pub", "mosquitto_sub", "busybox", "stdbuf")

REFUSED = "(?i)not authori[sz]ed"
# A user of each kind that a claim can ask for, besides the seed's own.
USERS = """\
            - name: health-user
              publish:
                - health/#
            - name: reader
              read:
                - health/+/pulse
                - notes/#
            - name: both
              publish:
                - notes/both
              read:
                - notes/#
            - name: neither
"""
SEEDS_USER = """\
            - name: health-user
              publish:
                - health/#
"""
WATCHER = """\
            - name: watcher
              read:
                - $SYS/#
"""
# What is tried with each user, from the claim and not from the list that is made of it.
PUBLISHES = {
    "health-user": {"health/device_data", "health/ward/pulse", "health"},
    "kafka-bridge": set(),
    "health-data-sim": {"health/device_data"},
    "reader": set(),
    "both": {"notes/both"},
    "neither": set(),
}
READS = {
    "health-user": set(),
    "kafka-bridge": {"health/device_data"},
    "health-data-sim": set(),
    "reader": {"health/ward/pulse", "notes/both"},
    "both": {"notes/both"},
    "neither": set(),
}
TRIED = ["health/device_data", "health/ward/pulse", "health", "notes/both", "notes/other", "healthy/device_data", "elsewhere"]


class Passwords(mosquitto.Broker):
    def test_init_container_hashes_every_users_password(self):
        said = self.prepare()
        passwd, acl = self.place / "auth/passwd", self.place / "auth/acl"
        self.assertEqual([file.stat().st_mode & 0o777 for file in (passwd, acl)], [0o600, 0o600])
        self.assertEqual(acl.read_text(), seed().file("mosquitto-config", "acl"))
        hashed = passwd.read_text()
        self.assertEqual({line.partition(":")[0] for line in hashed.splitlines()}, set(mosquitto.users(seed()).values()))
        for _, password in self.passwords.values():
            self.assertNotIn(password, said + hashed)

    def test_init_container_may_run_again(self):
        said = self.prepare()
        container = seed().container(*POD, "hash-passwords")
        env = {
            "ACL_FILE": str(self.place / "config/acl"),
            "CREDENTIALS_DIR": str(self.place / "credentials"),
            "PASSWORD_FILE": str(self.place / "auth/passwd"),
        }
        self.assertEqual(self.run_script(container.script(), env, self.alpine_path("mosquitto_passwd"), writable=self.volumes()), said)

    def test_any_password_logs_in_and_another_does_not(self):
        odd = {"a": ("health-user", "colon:and:colon"), "b": ("kafka-bridge", " $6$blank \\ ' \" % `id` \u00fc ")}
        self.broker(passwords=odd)
        self.assertEqual(self.publish("health-user"), "")
        for name, password in (("health-user", "colon"), ("health-user", odd["b"][1]), ("nobody", "x")):
            self.assertRegex(self.publish(name, password=password), REFUSED, name)
        # The bridge publishes nothing, but it gets in.
        asked = self.client("mosquitto_sub", "kafka-bridge", "-t", TOPIC, "-E")
        self.assertEqual(subprocess.run(asked, capture_output=True, text=True, timeout=60).stderr, "")

    def test_nobody_gets_in_without_a_password(self):
        self.broker()
        self.assertRegex(self.publish(None), REFUSED)
        self.assertRegex(self.publish("health-user", password="wrong"), REFUSED)
        self.assertEqual(self.publish("health-user"), "")

    def test_what_cannot_be_used_is_named(self):
        for credentials, message in (
            ({"a": ("device", "echoed\n")}, "a/password: it holds a newline"),
            ({"a": ("device", "")}, "a/password: it is empty"),
            ({"a": ("de:vice", "x")}, "it has a colon"),
            ({"a": ("device", "x"), "b": ("device", "y")}, "another Secret has the same"),
        ):
            said = self.prepare(passwords=credentials, code=1)
            self.assertRegex(said.splitlines()[-1], f"^cannot .*{message}")
            self.assertFalse((self.place / "auth/passwd").exists())


class Doors(mosquitto.Broker):
    def connack(self, name, password):
        """The broker's answer to a CONNECT over WebSockets, MQTT 3.1.1: 0 lets in, 5 does not."""
        client = websocket.Client(self.ports[9001], "/mqtt", protocol="mqtt")
        self.addCleanup(client.close)
        self.assertEqual((client.status, client.accepted, client.headers["sec-websocket-protocol"]), (101, True, "mqtt"))
        fields = [b"web", *([name.encode(), password.encode()] if name else [])]
        payload = b"".join(len(field).to_bytes(2, "big") + field for field in fields)
        body = b"\x00\x04MQTT\x04" + (b"\xc2" if name else b"\x02") + b"\x00\x3c" + payload
        client.send(bytes([0x10, len(body)]) + body)
        kind, length, _, code = client.receive()
        self.assertEqual((kind, length), (0x20, 2))
        return code

    def test_websockets_let_in_who_may_and_nobody_else(self):
        self.broker()
        until(answers(self.ports[9001]))
        self.assertEqual(self.connack("health-user", self.password("health-user")), 0)
        self.assertEqual(self.connack("health-user", "wrong"), 5)
        self.assertEqual(self.connack(None, None), 5)

    def test_health_probes_reach_it(self):
        container = seed().container(*POD, "mosquitto")
        process = self.broker()
        doors = {container.port(probe)[0] for probe in ("readinessProbe", "livenessProbe")}
        for door in doors:
            self.assertTrue(answers(self.ports[door])(), door)
        end(process)
        for door in doors:
            self.assertFalse(answers(self.ports[door])(), door)

    def test_what_it_listens_on_is_what_the_pod_and_the_service_say(self):
        self.broker()
        ports = seed().container(*POD, "mosquitto").spec["ports"]
        self.assertEqual({port["containerPort"] for port in ports}, set(self.ports))
        named = {port["name"]: port["containerPort"] for port in ports}
        served = seed().one("Service", "health-mqtt-service")["spec"]["ports"]
        self.assertEqual({named[port["targetPort"]] for port in served}, set(self.ports))


class Certificate(mosquitto.Broker):
    def setUp(self):
        self.folder = self.directory()
        subprocess.run(
            [find("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
            + ["-addext", "subjectAltName=DNS:localhost", "-keyout", self.folder / "tls.key", "-out", self.folder / "tls.crt"],
            check=True,
            capture_output=True,
        )

    def test_tls_lets_in_who_may_and_nobody_else(self):
        tls = "        mqttConfig:\n          tls:\n            secretName: mqtt-certificate\n"
        files = {name: (self.folder / name).read_text() for name in ("tls.crt", "tls.key")}
        self.broker(Composed({"        mqttConfig:\n": tls}), certificate=files)
        until(answers(self.ports[8883]))

        def publish(name, *options):
            command = self.client("mosquitto_pub", "health-user", "-t", TOPIC, "-m", "hello", "-q", "1", password=self.password(name))
            here = ["-h", "localhost", "-p", str(self.ports[8883])]
            return subprocess.run([*command, *here, *options], capture_output=True, timeout=60).returncode

        trusted = ["--cafile", str(self.folder / "tls.crt")]
        self.assertEqual(publish("health-user", *trusted), 0)
        self.assertNotEqual(publish("kafka-bridge", *trusted), 0)
        self.assertNotEqual(publish("health-user"), 0)


class Lists(mosquitto.Broker):
    def listening(self, name):
        """A reader of everything that is sent to this user; `heard` ends it."""
        command = self.client("mosquitto_sub", name, "-t", "#", "-q", "1", "-d", "-F", "heard %t", "-W", "60")
        # It keeps what it writes into a pipe to itself until its end.
        command = [find("stdbuf"), "--output=L", *command]
        reader = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(end, reader)
        self.assertTrue(any("received SUBACK" in line for line in iter(reader.stdout.readline, "")), name)
        return reader

    def heard(self, reader, expected):
        """All that has reached the reader, once what is expected has; ends it."""
        heard = set()
        while not expected <= heard:
            line = reader.stdout.readline()
            self.assertTrue(line, f"{heard} instead of {expected}")
            heard |= self.topics(line)
        # What should not have been sent would be on its way by now.
        time.sleep(0.5)
        reader.send_signal(signal.SIGTERM)
        said, _ = reader.communicate(timeout=60)
        return heard | self.topics(said)

    def topics(self, said):
        return {line.removeprefix("heard ") for line in said.splitlines() if line.startswith("heard ")}

    def test_each_user_may_do_exactly_what_the_claim_says(self):
        self.broker(Composed({SEEDS_USER: USERS}.items()))
        self.assertEqual(set(PUBLISHES), {name for name, _ in self.passwords.values()})
        readers = {name: self.listening(name) for name in READS}
        took = {name: {topic for topic in TRIED if not self.publish(name, topic)} for name in PUBLISHES}
        self.assertEqual(took, PUBLISHES)
        self.assertEqual({name: self.heard(reader, READS[name]) for name, reader in readers.items()}, READS)

    def test_refusals_are_for_want_of_permission(self):
        self.broker()
        for name, topic in (("kafka-bridge", TOPIC), ("health-data-sim", "health/other"), ("health-user", "elsewhere")):
            self.assertRegex(self.publish(name, topic), REFUSED)
        self.assertRegex(self.publish("health-user", "$SYS/broker/uptime"), REFUSED)


class Persistence(mosquitto.Broker):
    def test_retained_message_outlives_a_restart(self):
        process = self.broker()
        self.assertEqual(self.publish("health-user", TOPIC, READING, "-r"), "")
        end(process)
        self.serve()
        self.assertEqual(self.read("-C", "1", "-W", "60"), [f"{TOPIC} {READING}"])

    def test_what_the_bridge_missed_outlives_a_restart(self):
        process = self.broker()
        durable = ["-c", "-x", "3600"]
        self.read("-E", *durable)
        self.publish("health-user", TOPIC, "before")
        end(process)
        self.serve()
        self.publish("health-user", TOPIC, "after")
        self.assertEqual(self.read("-C", "2", "-W", "60", *durable), [f"{TOPIC} before", f"{TOPIC} after"])

    def absent(self, **mqtt):
        """A broker of a claim, whose bridge has a lasting session and is away."""
        fields = "".join(f"          {name}: {value}\n" for name, value in mqtt.items())
        self.process = self.broker(Composed({"        mqttConfig:\n": "        mqttConfig:\n" + fields, SEEDS_USER: SEEDS_USER + WATCHER}))
        self.read("-E", "-c", "-x", "3600")

    def send_many(self, count, length=1024):
        """Messages of that length, one by one acknowledged, from a client that numbers at most 65535 of them."""
        command = self.client("mosquitto_pub", "health-user", "-t", TOPIC, "-q", "1", "-l")
        subprocess.run(command, input=("x" * length + "\n") * count, text=True, check=True, timeout=120)

    def resident(self):
        """Bytes that the broker has in memory."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) << 10

    def test_what_a_full_queue_drops_is_counted_and_logged(self):
        self.absent(queuedMessages=1000)
        self.send_many(1500)
        counted = self.client("mosquitto_sub", "watcher", "-t", "$SYS/broker/publish/messages/dropped", "-W", "60")
        # The broker tells its counts every ten seconds.
        told = subprocess.Popen(counted, stdout=subprocess.PIPE, text=True)
        self.addCleanup(end, told)
        self.assertIn("500\n", iter(told.stdout.readline, ""))
        self.assertEqual(len(self.read("-C", "1000", "-W", "60", "-c", "-x", "3600")), 1000)
        end(self.process)
        self.assertIn("Outgoing messages are being dropped for client mosquitto_sub-kafka-bridge", self.spoken())

    def test_a_queue_takes_as_much_memory_as_the_claim_is_checked_for(self):
        self.absent()
        before = self.resident()
        self.send_many(30000)
        # What a queued message of 1 KiB counts for, where a claim's memory is checked against its queue.
        self.assertLessEqual((self.resident() - before) / 30000, 1536)

    def test_large_messages_count_for_what_they_are(self):
        self.absent(queuedMessages=1000)
        self.send_many(400, length=4096)
        self.assertEqual(len(self.read("-W", "2", "-c", "-x", "3600")), 1000 // 4)

    def test_who_sends_what_kafka_would_not_take_is_told(self):
        self.absent()
        file = self.place / "large"
        for size, version, ended in ((990_000, "5", 0), (1_000_001, "311", 7)):
            file.write_text("x" * size)
            command = self.client("mosquitto_pub", "health-user", "-t", TOPIC, "-q", "1", "-V", version, "-f", str(file))
            self.assertEqual(subprocess.run(command, capture_output=True, timeout=60).returncode, ended, (size, version))
        self.assertEqual(len(self.read("-W", "2", "-c", "-x", "3600")), 1)
        end(self.process)
        self.assertIn("disconnected due to oversize packet", self.spoken())

    def test_it_starts_without_a_warning(self):
        process = self.broker()
        self.assertEqual(self.publish("health-user"), "")
        end(process)
        log = self.spoken()
        self.assertIn("terminating", log)
        self.assertNotIn("Warning", log)
        self.assertNotIn("Error", log)


if __name__ == "__main__":
    prove(mosquitto.version(), seed().container(*POD, "mosquitto").version)
