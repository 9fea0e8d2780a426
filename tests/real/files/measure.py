"""What three nodes of each engine carry on this machine: `make numbers` runs it for each part of it, and writes what it
measured into docs/growing.md.

The nodes have the composed settings and share one machine with the load itself, so that each number is a floor. Every
load ends by itself. One argument says which part: kafka, mqtt or postgres.
"""

import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

PART = sys.argv[1]
ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/growing.md"
ROWS = []


def row(load, carried):
    ROWS.append((load, carried))
    print(f"proof: measured: {PART}: {load}: {carried}", flush=True)


def machine():
    memory = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) >> 20
    name = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return f"{os.cpu_count()} cores ({' '.join(name[1].split()) if name else platform.machine()}), {memory} GiB"


def write(program):
    """Puts this part's rows into the page, in place of those that it wrote before."""
    load = f"{os.getloadavg()[2]:.1f}"
    head = f"<!-- {PART} begin: `make numbers` writes what is below -->\n"
    lines = [f"{program}; {machine()}; load of the last 15 minutes {load}; {time.strftime('%Y-%m-%d')}:", "", "| load | carried |", "|---|---|"]
    lines += [f"| {load} | {carried} |" for load, carried in ROWS]
    text = PAGE.read_text()
    before, rest = text.split(head)
    _, after = rest.split(f"<!-- {PART} end -->")
    PAGE.write_text(before + head + "\n".join(["", *lines, "", ""]) + f"<!-- {PART} end -->" + after)


def kafka(add_cleanup):
    import brokers
    from brokers import NODES, POOL, VERSION, Brokers
    from support import until

    heap = POOL["spec"]["jvmOptions"]
    brokers.QUICK = [f"-Xms{heap['-Xms']}", f"-Xmx{heap['-Xmx']}"]
    brokers.TOOLS["kafka-producer-perf-test"] = "org.apache.kafka.tools.ProducerPerformance"
    brokers.TOOLS["kafka-consumer-perf-test"] = "org.apache.kafka.tools.ConsumerPerformance"
    cluster = Brokers(add_cleanup)
    client = ["--bootstrap-server", cluster.bootstrap(), "--command-config", cluster.client("lenses-agent")]

    def topic(name, partitions):
        cluster.tool("kafka-topics", *client, "--create", "--topic", name, "--partitions", partitions)

    def produced(name, size, number, rate=-1):
        said = cluster.tool(
            "kafka-producer-perf-test", *client, "--topic", name, "--num-records", number, "--record-size", size, "--throughput", rate,
            "--command-property", "acks=all", timeout=300,
        ).splitlines()[-1]
        found = re.search(r"([\d.]+) records/sec \(([\d.]+) MB/sec\).* ([\d.]+) ms 50th.* ([\d.]+) ms 99th", said)
        return f"{float(found[1]):,.0f} records/s, {float(found[2]):.1f} MB/s; half within {float(found[3]):.0f} ms, 99 % within {float(found[4]):.0f} ms"

    topic("warm", 6)
    produced("warm", 1000, 60000)
    for size, number in ((100, 600000), (1000, 200000), (10000, 20000)):
        topic(f"of-{size}", 6)
        row(f"{size} B, one client, as fast as it goes, `acks=all`, three copies", produced(f"of-{size}", size, number))
    topic("steady", 6)
    row("1000 B, one client, 2000 a second asked for, `acks=all`", produced("steady", 1000, 40000, 2000))
    begun = time.monotonic()
    topic("wide", 1000)
    until(lambda: len(cluster.isr("wide")) == 1000 and all(len(isr) == 3 for isr in cluster.isr("wide")), 300)
    row("a topic of 1000 partitions, three copies each", f"in sync everywhere after {time.monotonic() - begun:.0f} s")
    row("the same rate with these 3000 copies there", produced("steady", 1000, 40000, 2000))
    cluster.weigh()
    row("memory of the three nodes, together, at most", f"{cluster.most} MiB (heap of each: {heap['-Xmx']})")
    return f"Kafka {VERSION}, {len(NODES)} nodes over TLS with SCRAM"


def mqtt(_):
    import replicated_broker as broker
    import rabbitmq
    from composed import Composed
    from support import until

    # That program has the smallest broker and the smallest queue that a claim may ask for; a full one refuses.
    edits = {old: new.replace("512Mi", "1024Mi").replace("          queueBytes: 1048576\n", "") for old, new in broker.EDITS.items()}
    broker.COMPOSED = Composed(edits, broker.APPLICATION)
    broker.MANIFEST = broker.COMPOSED.one("RabbitmqCluster", "health-mqtt-broker")
    # The module starts its nodes and their accounts.
    broker.setUpModule()
    cluster = broker.cluster
    try:
        measure_mqtt(broker, cluster, until)
    finally:
        cluster.end()
    return f"{rabbitmq.version()}, {len(cluster.names)} nodes with the composed configuration, clients of MQTT 3.1.1 in Python"


def measure_mqtt(broker, cluster, until):
    def connected(user, node, name, clean=True):
        client = broker.Client(user, broker.V3, name, None, clean)
        client.paho.max_inflight_messages_set(200)
        client.paho.max_queued_messages_set(0)
        client.connect(cluster.addresses[cluster.names[node]], broker.MAPPED[1883])
        assert client.answer == "Success", client.answer
        return client

    def load(publishers, each, size, readers):
        """Acknowledged messages a second, and delivered ones, with so many persistent sessions that read each."""
        sessions = [connected("reader", number % 3, f"reader-{number}", clean=False) for number in range(readers)]
        for session in sessions:
            assert session.subscribe("health/#") == "Granted QoS 1"
        writers = [connected("device", number % 3, f"writer-{number}") for number in range(publishers)]
        begun = time.monotonic()

        def publish(writer):
            for number in range(each):
                writer.paho.publish(broker.TOPIC, f"{number:08}".ljust(size), 1)

        threads = [threading.Thread(target=publish, args=(writer,)) for writer in writers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wanted = publishers * each
        until(lambda: sum(len(writer.acknowledged) for writer in writers) >= wanted, 300)
        acknowledged = time.monotonic() - begun
        until(lambda: all(len(session.received) >= wanted for session in sessions), 300)
        delivered = time.monotonic() - begun
        for client in [*writers, *sessions]:
            client.paho.unsubscribe("health/#")
            client.end()
        for number in range(readers):
            connected("reader", 0, f"reader-{number}").end()
        return f"{wanted / acknowledged:,.0f} acknowledged a second, {readers * wanted / delivered:,.0f} delivered a second"

    load(2, 500, 200, 1)
    row("200 B, QoS 1, 6 publishers, one persistent session reads", load(6, 1000, 200, 1))
    row("200 B, QoS 1, 6 publishers, three persistent sessions read each message", load(6, 400, 200, 3))
    row("10 kB, QoS 1, 6 publishers, one persistent session reads", load(6, 150, 10000, 1))
    before, begun, number = sum(cluster.most_memory()), time.monotonic(), 200
    for session in range(number):
        client = connected("reader", session % 3, f"session-{session}", clean=False)
        assert client.subscribe(broker.TOPIC) == "Granted QoS 1"
        client.end()
    took, more = time.monotonic() - begun, sum(cluster.most_memory()) - before
    row(f"{number} persistent sessions, one after another", f"made at {number / took:.0f} a second; the three nodes took {max(more, 0)} MiB more, {1024 * max(more, 0) / number:.0f} KiB for each")
    publisher = connected("device", 0, "to-all")
    begun = time.monotonic()
    for message in range(20):
        assert publisher.publish(broker.TOPIC, f"{message}") == "Success"
    took = time.monotonic() - begun
    row(f"a message that {number} absent sessions keep", f"acknowledged after {1000 * took / 20:.0f} ms; {20 * number / took:,.0f} copies a second")
    row("memory of each node, at most", ", ".join(f"{size} MiB" for size in cluster.most_memory()))


def postgres(add_cleanup):
    import databases
    from composed import Composed
    from support import find, free_port, need, serving

    need("pgbench")
    composed = Composed(application="examples/variants/replicated-database.yaml").one("Cluster", "lenses-backend-postgres")["spec"]
    synchronous = composed["postgresql"]["synchronous"]
    place = pathlib.Path(tempfile.mkdtemp())
    place.chmod(0o755)
    add_cleanup(shutil.rmtree, place, ignore_errors=True)
    options = {"cwd": "/"} | ({"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {})
    if os.geteuid() == 0:
        shutil.chown(place, "postgres")
    names, ports = ["one", "two", "three"][: composed["instances"]], {}
    subprocess.run([databases.BIN / "initdb", "-D", place / "one", "-U", "postgres", "-A", "trust"], check=True, stdout=subprocess.DEVNULL, **options)
    for name in names[1:]:
        shutil.copytree(place / "one", place / name, copy_function=shutil.copy2)
        (place / name / "standby.signal").touch()
    for path in place.rglob("*"):
        if os.geteuid() == 0:
            shutil.chown(path, "postgres", "postgres")
    for name in names:
        ports[name] = free_port()
        settings = [f"port={ports[name]}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "wal_level=replica", "hot_standby=on"]
        if name != "one":
            settings.append(f"primary_conninfo=host=127.0.0.1 port={ports['one']} user=postgres application_name={name}")
        command = [databases.BIN / "postgres", "-D", place / name] + [word for setting in settings for word in ("-c", setting)]
        with open(place / f"{name}.log", "w") as log:
            serving(add_cleanup, command, ports[name], stdout=log, stderr=log, **options)

    def ask(sql):
        command = [find("psql"), "-XAtq", "-h", "127.0.0.1", "-p", str(ports["one"]), "-U", "postgres", "-d", "postgres", "-c", sql]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def bench(*words):
        command = [find("pgbench"), "-h", "127.0.0.1", "-p", str(ports["one"]), "-U", "postgres", *words, "postgres"]
        said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout
        tps, latency = re.search(r"tps = ([\d.]+)", said), re.search(r"latency average = ([\d.]+)", said)
        return f"{float(tps[1]):,.0f} transactions/s, {float(latency[1]):.1f} ms each" if tps else said

    def wait(sql, wanted):
        end = time.monotonic() + 60
        while ask(sql) != wanted:
            assert time.monotonic() < end, f"{sql}: {ask(sql)}"
            time.sleep(0.2)

    wait("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", str(len(names) - 1))
    bench("-i", "-q", "-s", "20")
    bench("-c", "8", "-j", "2", "-T", "5")
    row("pgbench's own transactions (3 updates, 1 insert, 1 select), 8 clients, no standby waited for", bench("-c", "8", "-j", "2", "-T", "20"))
    ask(f"ALTER SYSTEM SET synchronous_standby_names = '{synchronous['method'].upper()} {synchronous['number']} ({', '.join(names[1:])})'")
    ask("SELECT pg_reload_conf()")
    wait("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'", str(len(names) - 1))
    row("the same, one synchronous standby, as composed", bench("-c", "8", "-j", "2", "-T", "20"))
    row("reading alone, 8 clients, at the primary", bench("-S", "-c", "8", "-j", "2", "-T", "20"))
    version = subprocess.run([databases.BIN / "postgres", "--version"], capture_output=True, text=True, check=True).stdout.split()[2]
    return f"PostgreSQL {version}, a primary and {len(names) - 1} standbys that stream, `fsync` on"


class Numbers(unittest.TestCase):
    def runTest(self):
        from support import heavy

        # The other parts wait by themselves.
        if PART == "postgres":
            heavy(self.addCleanup)
        write({"kafka": kafka, "mqtt": mqtt, "postgres": postgres}[PART](self.addCleanup))


if __name__ == "__main__":
    sys.exit(not unittest.TextTestRunner().run(Numbers()).wasSuccessful())
