"""Nodes of the platform's replicated broker on this machine: on the configuration that the operator makes of what is
composed, each node with the name, the ports and the files that it has in its pod.

The programs are Debian's, from the folder of `tools/build rabbitmq`. The nodes run in namespaces that end with this
program, behind a bridge that leads nowhere else.
"""

import base64
import functools
import gzip
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

from support import SKIPPED, answers, end, find, need, until

FOLDER = pathlib.Path(os.environ["RABBITMQ"])
ROOT = FOLDER / "root"
NETWORK = "10.99.0"
# What the kubelet mounts into a node's container, and what the node writes.
FOLDERS = ["etc/rabbitmq", "etc/rabbitmq-tls", "var/lib/rabbitmq", "var/log/rabbitmq", "operator", "tmp"]
START = f"""
set -eu
root=$1 node=$2
mount --bind "$root" "$root"
for folder in {' '.join(FOLDERS)}; do mount --bind "$node/$folder" "$root/$folder"; done
mount --bind "$node/../hosts" "$root/etc/hosts"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
shift 2
exec chroot "$root" "$@"
"""
HERE = pathlib.Path(__file__).parent / "rabbitmq"
# User that the operator makes, whose Secret the Job reads.
ADMINISTRATOR = {"username": "default_user_of_this_test", "password": "its password"}


def alone():
    """Runs this program again in namespaces of its own, where it is root; skips where the machine lets nobody do that."""
    need("unshare", "ip", "busybox", "curl")
    if not ROOT.exists():
        print(f"there is no {ROOT}: build it with tools/build rabbitmq")
        sys.exit(SKIPPED)
    if os.environ.get("ALONE"):
        return
    command = [find("unshare"), *([] if os.geteuid() == 0 else ["--map-root-user"])]
    command += ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    tried = subprocess.run([*command, find("ip"), "link", "add", "probe", "type", "bridge"], capture_output=True, text=True)
    if tried.returncode != 0:
        print(f"no namespaces with networks of their own here: {tried.stderr.strip()}")
        sys.exit(SKIPPED)
    os.environ["ALONE"] = "yes"
    os.execv(command[0], [*command, sys.executable, "-B", *sys.argv])


def package(name):
    """Version of a package of Debian: the first line of its changelog."""
    (changelog,) = (ROOT / "usr/share/doc" / name).glob("changelog.Debian*gz")
    with gzip.open(changelog, "rt") as lines:
        return re.search(r"\((?:\d+:)?([^)]*)\)", lines.readline())[1]


@functools.cache
def version():
    return f"RabbitMQ {package('rabbitmq-server')} on Erlang {package('erlang-base')}"


def ip(*words):
    subprocess.run([find("ip"), *words], check=True)


def generated(manifest):
    """The files of conf.d that the operator makes of a RabbitmqCluster, and its list of plug-ins: the suite `operators`
    compares both with what the operator makes."""
    spec = manifest["spec"]
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", spec["resources"]["limits"]["memory"]).groups()
    size = int(number) << {"Mi": 20, "Gi": 30}[unit]
    plugins = ["rabbitmq_peer_discovery_k8s", "rabbitmq_prometheus", "rabbitmq_management", *spec["rabbitmq"]["additionalPlugins"]]
    certificate = (HERE / "certificate.conf").read_text() if "tls" in spec else ""
    # A fifth of the memory is left to Erlang.
    memory = f"total_memory_available_override_value = {size - size // 5}\n"
    files = {
        "10-operatorDefaults.conf": (HERE / "operatorDefaults.conf").read_text(),
        "90-userDefinedConfiguration.conf": certificate + memory + spec["rabbitmq"]["additionalConfig"],
    }
    return files, f"[{','.join(plugins)}]."


class Cluster:
    """Nodes of the cluster that the operator makes of a RabbitmqCluster; `first` of them know each other from the start."""

    def __init__(self, manifest, nodes=None, first=3, certificate=None):
        about = manifest["metadata"]
        service = f"{about['name']}-nodes.{about['namespace']}"
        self.names = [f"{about['name']}-server-{number}.{service}" for number in range(nodes or first)]
        self.configuration, self.plugins = generated(manifest)
        self.certificate = certificate or {}
        user = f"default_user = {ADMINISTRATOR['username']}\ndefault_pass = {ADMINISTRATOR['password']}\n"
        self.configuration["11-default_user.conf"] = user
        # In a pod, the nodes find each other through the API server.
        found = ["cluster_formation.peer_discovery_backend = classic_config"]
        found += [f"cluster_formation.classic_config.nodes.{at} = rabbit@{name}" for at, name in enumerate(self.names[:first], 1)]
        self.configuration["95-here.conf"] = "\n".join([*found, ""])
        self.place = pathlib.Path(tempfile.mkdtemp())
        os.chmod(self.place, 0o755)
        self.processes = {}
        self.addresses = {name: f"{NETWORK}.{10 + number}" for number, name in enumerate(self.names)}
        (self.place / "netns").mkdir()
        # A machine has it once `ip netns` has run there.
        pathlib.Path("/run/netns").mkdir(exist_ok=True)
        subprocess.run(["mount", "--bind", self.place / "netns", "/run/netns"], check=True)
        ip("link", "set", "lo", "up")
        ip("link", "add", "nodes", "type", "bridge")
        ip("address", "add", f"{NETWORK}.1/24", "dev", "nodes")
        ip("link", "set", "nodes", "up")
        hosts = [f"{address} {name}" for name, address in self.addresses.items()]
        (self.place / "hosts").write_text("\n".join(["127.0.0.1 localhost", *hosts, ""]))
        for name in self.names:
            self.make(name)

    def make(self, name):
        """A node's network, and its files as they are mounted into its pod."""
        number = self.names.index(name)
        ip("netns", "add", f"n{number}")
        ip("link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", f"n{number}")
        ip("link", "set", f"v{number}", "master", "nodes", "up")
        ip("-n", f"n{number}", "link", "set", "lo", "up")
        ip("-n", f"n{number}", "address", "add", f"{self.addresses[name]}/24", "dev", "eth0")
        ip("-n", f"n{number}", "link", "set", "eth0", "up")
        node = self.place / name
        for folder in FOLDERS:
            (node / folder).mkdir(parents=True)
        conf = node / "etc/rabbitmq/conf.d"
        conf.mkdir()
        for file, text in self.configuration.items():
            (conf / file).write_text(text)
        for file, text in self.certificate.items():
            (node / "etc/rabbitmq-tls" / file).write_text(text)
        (node / "operator/enabled_plugins").write_text(self.plugins)
        cookie = node / "var/lib/rabbitmq/.erlang.cookie"
        cookie.write_text("cookie-of-this-test")
        cookie.chmod(0o600)

    def start(self, *names):
        for name in names:
            number = self.names.index(name)
            sbin = next(ROOT.glob("usr/lib/rabbitmq/lib/*/sbin"))
            variables = {
                "HOME": "/var/lib/rabbitmq",
                "LANG": "C.UTF-8",
                "PATH": f"/{sbin.relative_to(ROOT)}:/usr/sbin:/usr/bin",
                "RABBITMQ_ENABLED_PLUGINS_FILE": "/operator/enabled_plugins",
                "RABBITMQ_NODENAME": f"rabbit@{name}",
                "RABBITMQ_USE_LONGNAME": "true",
                "RABBITMQ_LOGS": "-",
            }
            command = [find("ip"), "netns", "exec", f"n{number}", find("unshare"), "--mount", "sh", "-c", START, "start"]
            with open(self.place / f"{name}.log", "a") as log:
                self.processes[name] = subprocess.Popen(
                    [*command, ROOT, self.place / name, "rabbitmq-server"], env=variables, stdin=subprocess.DEVNULL,
                    stdout=log, stderr=log, start_new_session=True,
                )

    def log(self, name):
        return (self.place / f"{name}.log").read_text()

    def kill(self, name):
        """Kills a node's virtual machine as the kernel does when memory runs out, and waits until it is gone."""
        wanted = f"RABBITMQ_NODENAME=rabbit@{name}".encode()
        (found,) = [pid for pid in self.machines() if wanted in (pid / "environ").read_bytes().split(b"\0")]
        os.kill(int(found.name), signal.SIGKILL)
        self.processes[name].wait(timeout=60)

    def machines(self):
        for pid in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if (pid / "comm").read_text().strip() == "beam.smp":
                    yield pid
            except OSError:
                continue

    def most_memory(self):
        """The most that each node has had in memory, in MiB, one after the other."""
        status = [(pid / "status").read_text() for pid in self.machines()]
        return [int(re.search(r"VmHWM:\s+(\d+) kB", text)[1]) >> 10 for text in status]

    def ask(self, name, path, method="GET", body=None, user=ADMINISTRATOR):
        """(code, answer) of the node's management API."""
        login = base64.b64encode(f"{user['username']}:{user['password']}".encode()).decode()
        request = urllib.request.Request(
            f"http://{self.addresses[name]}:15672{path}", method=method, data=body and json.dumps(body).encode(),
            headers={"Authorization": f"Basic {login}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def wait_for(self, *names, seconds=120):
        """Until these nodes run, by what each says of all of them, and serve, by the probe that their pods have."""
        everyone = {f"rabbit@{name}" for name in names}

        def serves(name):
            if self.processes[name].poll() is not None:
                raise AssertionError(f"{name} ended:\n{self.log(name)[-3000:]}")
            code, nodes = self.ask(name, "/api/nodes")
            running = {node["name"] for node in nodes if node.get("running")} if code == 200 else set()
            return everyone <= running and answers(5672, self.addresses[name])()

        until(lambda: all(serves(name) for name in names), seconds)

    def end(self):
        for pid in list(self.machines()):
            os.kill(int(pid.name), signal.SIGKILL)
        for process in self.processes.values():
            end(process)
        shutil.rmtree(self.place, ignore_errors=True)
