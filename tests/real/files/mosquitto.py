"""The platform's broker on this machine: the composed init container's script, then Mosquitto on the composed files."""

import os
import re
import subprocess

from composed import moved, seed
from support import Case, find, free_port, said

TOPIC = "health/device_data"
# The example of a device's message in the platform's specification.
READING = (
    '{"deviceId":"test001","timestamp":1640995200,"heartRate":75,"systolic":120,"diastolic":80,"oxygenSaturation":98,'
    '"bodyTemperature":98.6,"latitude":40.7128,"longitude":-74.0060}'
)
POD = "Deployment", "health-mqtt-broker"


def version():
    return f"Mosquitto {said('mosquitto', '-h')}"


def users(composed):
    """Secret → user name, of everybody who may log in: by what is mounted into the init container."""
    names = {}
    for path in composed.container(*POD, "hash-passwords").mounts():
        if path.startswith("/credentials/"):
            secret = path.rpartition("/")[2]
            (pushed,) = (
                manifest
                for manifest in composed.manifests
                if manifest["kind"] == "PushSecret" and manifest["spec"]["data"][0]["match"]["remoteRef"]["remoteKey"] == secret
            )
            names[secret] = pushed["spec"]["template"]["data"]["username"]
    return names


class Broker(Case):
    def prepare(self, composed=None, passwords=None, code=0):
        """What the init container leaves, and what it says. `passwords` is Secret → (user, password)."""
        self.composed = composed or seed()
        self.passwords = passwords or {secret: (name, f"password of {name}") for secret, name in users(self.composed).items()}
        self.place = self.directory()
        # The broker reads as its own user.
        os.chmod(self.place, 0o755)
        for directory in ("auth", "data", "log", "credentials"):
            (self.place / directory).mkdir()
        for secret, (name, password) in self.passwords.items():
            self.mounted(self.place / "credentials" / secret, {"username": name, "password": password})
        self.mounted(self.place / "config", self.composed.one("ConfigMap", "mosquitto-config")["data"])
        container = self.composed.container(*POD, "hash-passwords")
        env = {name: moved(value, {"/mosquitto/": f"{self.place}/"}) for name, value in container.env().items()}
        env |= {"CREDENTIALS_DIR": str(self.place / "credentials"), "PASSWORD_FILE": str(self.place / "auth/passwd")}
        return self.run_script(container.script(), env, self.alpine_path("mosquitto_passwd"), code, writable=self.volumes())

    def volumes(self):
        """Where the init container may write."""
        mounts = self.composed.container(*POD, "hash-passwords").mounts()
        volumes = [path for path, volume in mounts.items() if "emptyDir" in volume]
        return [path.replace("/mosquitto", str(self.place), 1) for path in volumes]

    def mounted(self, directory, files):
        """Files as the kubelet mounts them: behind links."""
        data = directory / "..data"
        data.mkdir(parents=True)
        for name, content in files.items():
            (data / name).write_text(content)
            (directory / name).symlink_to(f"..data/{name}")

    def broker(self, composed=None, passwords=None, certificate=None):
        """Mosquitto on what is composed, with each listener on a free port of loopback."""
        self.prepare(composed, passwords)
        if certificate:
            self.mounted(self.place / "certificate", certificate)
        self.ports = {}

        def listener(found):
            self.ports[int(found[1])] = free_port()
            return f"listener {self.ports[int(found[1])]} 127.0.0.1"

        text = moved(self.composed.file("mosquitto-config", "mosquitto.conf"), {"/mosquitto/": f"{self.place}/"})
        conf = self.place / "mosquitto.conf"
        conf.write_text(re.sub(r"^listener (\d+)$", listener, text, flags=re.MULTILINE))
        self.port = self.ports[1883]
        if os.geteuid() == 0:
            # Mosquitto gives up root, and its files are its user's in the pod as well.
            owned = [self.place / name for name in ("auth", "data", "certificate") if (self.place / name).exists()]
            subprocess.run(["chown", "-R", "mosquitto", *owned], check=True)
        self.command = [find("mosquitto"), "-c", str(conf)]
        self.log = open(self.place / "log/mosquitto", "w")
        self.addCleanup(self.log.close)
        return self.serve()

    def serve(self):
        return self.server(self.command, self.port, stdout=self.log, stderr=self.log)

    def spoken(self):
        with open(self.log.name) as log:
            return log.read()

    def password(self, name):
        return next((password for user, password in self.passwords.values() if user == name), "none")

    def client(self, program, name, *arguments, password=None):
        # MQTT 5 answers a publisher what became of its message; 3.1.1 acknowledges what nobody may ever see.
        login = ["-u", name, "-P", password or self.password(name), "-i", f"{program}-{name}", "-V", "5"] if name else []
        return [find(program), "-h", "127.0.0.1", "-p", str(self.port), *login, *arguments]

    def publish(self, name, topic=TOPIC, message="hello", *more, password=None):
        """What mosquitto_pub complains of; nothing when the broker took the message."""
        command = self.client("mosquitto_pub", name, "-t", topic, "-m", message, "-q", "1", *more, password=password)
        published = subprocess.run(command, text=True, capture_output=True, timeout=60)
        return published.stdout + published.stderr

    def read(self, *arguments):
        """Reads as the bridge, with the durable session that it has: what is sent between two readings is not lost."""
        return subprocess.run(
            self.client("mosquitto_sub", "kafka-bridge", "-t", "health/#", "-q", "1", "-v", *arguments),
            text=True,
            capture_output=True,
            timeout=60,
        ).stdout.splitlines()
