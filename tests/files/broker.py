"""Password file, mosquitto.conf, ACL and simulator on a real Mosquitto."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request

from support import ROOT, Case, answers, end, find, free_port, need, text, until

need("openssl", "mosquitto", "mosquitto_passwd", "mosquitto_pub", "mosquitto_sub", "busybox")

HASH = text("iot_broker/files/hash-passwords.sh")
SIMULATOR = ROOT / "iot_broker/files/simulator.py"
TOPIC = "health/device_data"
# What the builder is told to write, with this machine's paths in place of the container's.
CONFIGURATION = """\
per_listener_settings false
allow_anonymous false
password_file {passwd}
acl_file {acl}
persistence true
persistence_location {data}/
autosave_interval 60
log_dest stdout
log_type error
log_type warning
log_type notice
log_type information
max_packet_size 65536
listener {port} 127.0.0.1
protocol mqtt
listener {websockets} 127.0.0.1
protocol websockets
"""
ACL = """\
user device
topic write health/#

user bridge
topic read health/device_data
"""


class Broker(Case):
    def secrets(self, **credentials):
        """Secrets as the kubelet mounts them: files behind links."""
        directory = self.directory()
        for name, (username, password) in credentials.items():
            data = directory / name / "..data"
            data.mkdir(parents=True)
            for key, value in (("username", username), ("password", password)):
                (data / key).write_text(value)
                (directory / name / key).symlink_to(f"..data/{key}")
        return directory

    def hashed(self, code=0, **credentials):
        target = self.directory() / "passwd"
        acl = target.parent / "acl.mounted"
        acl.write_text(ACL)
        env = {"CREDENTIALS_DIR": str(self.secrets(**credentials)), "PASSWORD_FILE": str(target), "ACL_FILE": str(acl)}
        said = self.run_script(HASH, env, self.alpine_path("mosquitto_passwd"), code=code)
        return target, said

    def broker(self, passwd):
        directory = self.directory()
        self.port, self.websockets = free_port(), free_port()
        (directory / "data").mkdir()
        conf = directory / "mosquitto.conf"
        conf.write_text(
            CONFIGURATION.format(
                passwd=passwd, acl=passwd.parent / "acl", data=directory / "data", port=self.port, websockets=self.websockets
            )
        )
        if os.geteuid() == 0:
            # Mosquitto gives up root and reads its files as the user below.
            for path in (directory, directory / "data", conf, passwd.parent, passwd, passwd.parent / "acl"):
                subprocess.run(["chown", "mosquitto", path], check=True)
        self.command = [find("mosquitto"), "-c", str(conf)]
        self.log = open(directory / "log", "w")
        self.addCleanup(self.log.close)
        return self.serve()

    def serve(self):
        return self.server(self.command, self.port, stdout=self.log, stderr=self.log)

    def spoken(self):
        with open(self.log.name) as log:
            return log.read()

    def client(self, program, username, password, *arguments):
        return [find(program), "-h", "127.0.0.1", "-p", str(self.port), "-u", username, "-P", password, "-i", f"{program}-{username}", *arguments]

    def publish(self, username, password, topic=TOPIC, message="hello"):
        return subprocess.run(
            self.client("mosquitto_pub", username, password, "-t", topic, "-m", message, "-q", "1"),
            text=True,
            capture_output=True,
            timeout=10,
        )

    def read_as_bridge(self, *arguments):
        """Reads with a durable session, as the bridge to Kafka does: what is sent between two readings is not lost."""
        return subprocess.run(
            self.client("mosquitto_sub", "bridge", "both", "-t", "health/#", "-q", "1", "-c", "-v", *arguments),
            text=True,
            capture_output=True,
            timeout=15,
        ).stdout.splitlines()


class Passwords(Broker):
    def test_any_password_logs_in(self):
        passwords = {"device": "colon:and:colon", "bridge": "both", "other": " $6$blank \\ ' \" % `id` \u00fc "}
        passwd, said = self.hashed(**{f"secret-{name}": (name, password) for name, password in passwords.items()})
        self.assertEqual(passwd.stat().st_mode & 0o777, 0o600)
        self.assertEqual(len(passwd.read_text().splitlines()), 3)
        for password in passwords.values():
            self.assertNotIn(password, said)
            self.assertNotIn(password, passwd.read_text())
        self.broker(passwd)
        for name, password in passwords.items():
            self.assertEqual(self.publish(name, password).stderr, "", name)
        for name, password in (("device", "colon"), ("device", "both"), ("nobody", "x")):
            self.assertRegex(self.publish(name, password).stderr, "(?i)not authori[sz]ed", name)
        anonymous = subprocess.run(
            [find("mosquitto_pub"), "-h", "127.0.0.1", "-p", str(self.port), "-t", TOPIC, "-m", "x"], text=True, capture_output=True
        )
        self.assertRegex(anonymous.stderr, "(?i)not authori[sz]ed")

    def test_what_cannot_be_used_is_named(self):
        for credentials, message in (
            ({"a": ("device", "echoed\n")}, "a/password: it holds a newline"),
            ({"a": ("device", "")}, "a/password: it is empty"),
            ({"a": ("de:vice", "x")}, "it has a colon"),
            ({"a": ("device", "x"), "b": ("device", "y")}, "another Secret has the same"),
        ):
            target, said = self.hashed(code=1, **credentials)
            self.assertIn(message, said)
            self.assertFalse(target.exists())

    def test_no_secret_at_all(self):
        _, said = self.hashed(code=1)
        self.assertIn("cannot find a user name", said)


class Configuration(Broker):
    def test_acl_and_persistence(self):
        passwd, _ = self.hashed(a=("device", "secret"), b=("bridge", "both"))
        self.assertEqual((passwd.parent / "acl").stat().st_mode & 0o777, 0o600)
        process = self.broker(passwd)
        self.read_as_bridge("-E")
        self.publish("bridge", "both", message="forged")
        self.publish("device", "secret", topic="health/elsewhere", message="not for the bridge")
        self.publish("device", "secret", topic="elsewhere", message="not for anybody")
        self.publish("device", "secret", message="real")
        end(process)
        self.serve()
        # All that the bridge may read has outlived the broker, and nothing else is there.
        self.publish("device", "secret", message="last")
        self.assertEqual(self.read_as_bridge("-C", "2", "-W", "5"), [f"{TOPIC} real", f"{TOPIC} last"])
        log = self.spoken()
        self.assertNotIn("Warning", log)
        self.assertNotIn("Error", log)


    def test_websockets(self):
        self.broker(self.hashed(a=("device", "secret"))[0])
        upgrade = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": "mqtt",
        }
        until(answers(self.websockets))
        connection = http.client.HTTPConnection("127.0.0.1", self.websockets, timeout=5)
        self.addCleanup(connection.close)
        connection.request("GET", "/mqtt", headers=upgrade)
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.getheader("Sec-WebSocket-Protocol")), (101, "mqtt"))


class Certificate(Broker):
    def test_tls_listener(self):
        """The lines that are written for a certificate: TLS with a login is served, plain text and strangers are not."""
        passwd, _ = self.hashed(a=("device", "both"))
        folder = self.directory()
        subprocess.run(
            [find("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
            + ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")],
            check=True,
            capture_output=True,
        )
        end(self.broker(passwd))
        port = free_port()
        conf = self.command[-1]
        with open(conf, "a") as file:
            file.write(f"listener {port} 127.0.0.1\nprotocol mqtt\ncertfile {folder}/tls.crt\nkeyfile {folder}/tls.key\n")
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "mosquitto", folder], check=True)
        self.port = port
        self.serve()
        trusted = ["--cafile", str(folder / "tls.crt")]

        def publish(password, *options):
            return subprocess.run(
                [find("mosquitto_pub"), "-h", "localhost", "-p", str(port), "-u", "device", "-P", password, *options]
                + ["-t", "health/device_data", "-m", "hello", "-q", "1"],
                capture_output=True,
                timeout=20,
            ).returncode

        self.assertEqual(publish("both", *trusted), 0)
        self.assertNotEqual(publish("wrong", *trusted), 0)
        self.assertNotEqual(publish("both"), 0)


class Simulator(Broker):
    def setUp(self):
        passwd, _ = self.hashed(a=("device", "secret"), b=("bridge", "both"))
        self.process = self.broker(passwd)
        self.http = free_port()

    def simulate(self, **env):
        env = {
            "PATH": os.environ["PATH"],
            "MQTT_HOST": "127.0.0.1",
            "MQTT_PORT": str(self.port),
            "MQTT_TOPIC": TOPIC,
            "MQTT_USERNAME": "device",
            "MQTT_PASSWORD": "secret",
            "RATE": "100",
            "DEVICES": "3",
            "PORT": str(self.http),
            "HTTP_ADDRESS": "127.0.0.1",
        } | env
        command = [sys.executable, "-u", str(SIMULATOR)]
        return self.server(command, self.http, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def call(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", method=method, data=None if body is None else body.encode())
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def status(self):
        return self.call("GET", "/api/")[1]

    def test_readings(self):
        self.simulate()
        lines = self.read_as_bridge("-C", "60", "-W", "10")
        self.assertEqual(len(lines), 60)
        devices = set()
        for line in lines:
            raw = line.removeprefix(f"{TOPIC} ")
            reading = json.loads(raw)
            devices.add(reading["deviceId"])
            names = "deviceId timestamp heartRate systolic diastolic oxygenSaturation bodyTemperature latitude longitude"
            self.assertEqual(list(reading), names.split())
            for name in ("timestamp", "heartRate", "systolic", "diastolic", "oxygenSaturation"):
                self.assertRegex(raw, rf'"{name}":\d+[,}}]')
            for name in ("bodyTemperature", "latitude", "longitude"):
                self.assertRegex(raw, rf'"{name}":-?\d+\.\d+[,}}]')
            self.assertTrue(30 < reading["heartRate"] < 200 and 85 <= reading["oxygenSaturation"] <= 100, raw)
            self.assertTrue(90 < reading["bodyTemperature"] < 110 and reading["diastolic"] < reading["systolic"], raw)
            self.assertLess(abs(reading["timestamp"] - time.time()), 30)
        self.assertEqual(devices, {"sim-0001", "sim-0002", "sim-0003"})

    def test_control_and_rate(self):
        self.simulate()
        self.assertEqual(self.call("GET", "/healthz")[0], 200)
        until(lambda: self.status()["sent"] > 20)
        self.assertEqual(self.call("POST", "/api/stop")[1]["running"], False)
        time.sleep(0.5)
        paused = self.status()["sent"]
        time.sleep(0.5)
        self.assertEqual(self.status()["sent"], paused)

        self.assertEqual(self.call("PUT", "/api/rate", '{"rate": 40}')[1]["rate"], 40)
        self.call("POST", "/api/start")
        started = time.monotonic()
        time.sleep(2)
        rate = (self.status()["sent"] - paused) / (time.monotonic() - started)
        self.assertTrue(20 <= rate <= 60, f"{rate} per second at 40 per second")

        for body in ('{"rate": 0}', '{"rate": "fast"}', '{"rate": true}', '{"rate": NaN}', "[]", "", "x"):
            self.assertEqual(self.call("PUT", "/api/rate", body)[0], 400, body)
        self.assertEqual(self.status()["rate"], 40)
        self.assertEqual(self.call("GET", "/elsewhere")[0], 404)
        self.assertEqual(self.call("POST", "/api/elsewhere")[0], 404)

    def test_broker_goes_and_comes_back(self):
        self.simulate()
        until(lambda: self.status()["sent"] > 5)
        end(self.process)
        until(lambda: not self.status()["connected"])
        self.assertEqual(self.call("GET", "/healthz")[0], 200)
        before = self.status()["sent"]
        self.serve()
        until(lambda: self.status()["connected"] and self.status()["sent"] > before)

    def test_refusal_is_told_and_tried_again(self):
        simulator = self.simulate(MQTT_PASSWORD="wrong")
        until(lambda: self.status()["lastError"])
        self.assertIn("refuses the connection: not authorised", self.status()["lastError"])
        self.assertIsNone(simulator.poll())

    def test_clean_stop(self):
        simulator = self.simulate()
        until(lambda: self.status()["sent"] > 5)
        simulator.send_signal(signal.SIGTERM)
        said, _ = simulator.communicate(timeout=5)
        self.assertEqual(simulator.returncode, 0, said)
        self.assertRegex(said, r"stopped after \d+ messages")
        self.assertNotIn("secret", said)
        end(self.process)
        self.assertRegex(self.spoken(), r"Client health-data-sim\S* disconnected\.")

    def test_wrong_settings_are_named(self):
        for env, message in (
            ({"RATE": "fast"}, "RATE, DEVICES, MQTT_PORT and PORT"),
            ({"RATE": "0"}, "RATE, DEVICES, MQTT_PORT and PORT"),
            ({"DEVICES": "0"}, "DEVICES must be"),
            ({"MQTT_HOST": ""}, "set MQTT_HOST"),
        ):
            base = {"MQTT_HOST": "127.0.0.1", "MQTT_TOPIC": TOPIC, "PATH": os.environ["PATH"]}
            ended = subprocess.run([sys.executable, str(SIMULATOR)], env=base | env, text=True, capture_output=True, timeout=10)
            self.assertEqual(ended.returncode, 1)
            self.assertIn(message, ended.stderr)


if __name__ == "__main__":
    unittest.main()
