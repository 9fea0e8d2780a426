"""The composed simulator, publishing to the composed broker on a real Mosquitto."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import mosquitto
from composed import seed
from mosquitto import TOPIC
from support import end, free_port, need, prove, until

need("mosquitto", "mosquitto_passwd", "mosquitto_sub", "busybox")

CONTAINER = seed().container("Service", "health-data-sim")
USER = "health-data-sim"


class Simulator(mosquitto.Broker):
    def setUp(self):
        self.process = self.broker()
        self.http = free_port()
        self.program = self.directory() / "simulator.py"
        self.program.write_text(seed().file("health-data-sim-program", "simulator.py"))

    def simulate(self, **env):
        login = {"mqtt-simulator": {"username": USER, "password": self.password(USER)}}
        here = {"PATH": os.environ["PATH"], "MQTT_HOST": "127.0.0.1", "MQTT_PORT": str(self.port)}
        quick = {"RATE": "100", "DEVICES": "3", "PORT": str(self.http), "HTTP_ADDRESS": "127.0.0.1"}
        python, *arguments, program = CONTAINER.spec["command"]
        self.assertEqual((python, program), ("python3", "/app/simulator.py"))
        env = CONTAINER.env(login) | here | quick | env
        command = [sys.executable, *arguments, str(self.program)]
        return self.server(command, self.http, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def call(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", method=method, data=None if body is None else body.encode())
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def status(self):
        return self.call("GET", "/api/")[1]

    def test_readings_are_a_devices(self):
        self.simulate()
        lines = self.read("-C", "60", "-W", "60")
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
        said, _ = simulator.communicate(timeout=60)
        self.assertEqual(simulator.returncode, 0, said)
        self.assertRegex(said, r"stopped after \d+ messages")
        self.assertNotIn(self.password(USER), said)
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
            ended = subprocess.run([sys.executable, str(self.program)], env=base | env, text=True, capture_output=True, timeout=60)
            self.assertEqual(ended.returncode, 1)
            self.assertIn(message, ended.stderr)


if __name__ == "__main__":
    prove(f"Python {sys.version.split()[0]}", CONTAINER.version.partition("-")[0])
