"""Synthetic health readings, published to an MQTT broker at a rate that can be changed while it runs.

One thread talks to the broker, one serves the control address; they meet in State. Standard library only: a minimal
MQTT 3.1.1 client (QoS 1, clean session) is part of this file. What a reading looks like is a contract with Kafka, where
a schema is inferred from each message: whole numbers are always whole, decimals always have their point.
"""

import collections
import http.server
import itertools
import json
import math
import os
import random
import select
import signal
import socket
import struct
import sys
import threading
import time

MIN_RATE, MAX_RATE = 0.01, 1000.0
KEEPALIVE = 30
# Messages on their way to the broker at any time; what it has not taken by then has to wait.
WINDOW = 200
ACK_TIMEOUT = 20
MAX_BACKOFF = 30

CONNECT, CONNACK, PUBLISH, PUBACK, PINGREQ, PINGRESP, DISCONNECT = 1, 2, 3, 4, 12, 13, 14
REFUSALS = {1: "protocol version", 2: "client identifier", 3: "server unavailable", 4: "user name or password", 5: "not authorised"}


class BrokerError(Exception):
    """The broker said no, or something that is not MQTT."""


class State:
    """What both threads know. Every access takes the lock."""

    def __init__(self, rate, devices, topic):
        self._lock = threading.Lock()
        self._values = {
            "connected": False,
            "running": True,
            "rate": rate,
            "devices": devices,
            "topic": topic,
            "sent": 0,
            "lastError": None,
        }

    def __getitem__(self, key):
        with self._lock:
            return self._values[key]

    def set(self, **values):
        with self._lock:
            self._values.update(values)

    def count_sent(self):
        with self._lock:
            self._values["sent"] += 1

    def snapshot(self):
        with self._lock:
            return dict(self._values)


class Device:
    """One wearer: values that drift around what is normal for them, and leave it now and then."""

    def __init__(self, number, rng):
        self.rng = rng
        self.device_id = f"sim-{number:04d}"
        self.heart_rate = rng.uniform(58, 82)
        self.systolic = rng.uniform(105, 130)
        self.diastolic = rng.uniform(65, 85)
        self.temperature = rng.uniform(97.6, 98.8)
        self.latitude = rng.uniform(40.55, 40.9)
        self.longitude = rng.uniform(-74.2, -73.75)

    def reading(self, now):
        rng = self.rng
        unwell = rng.random() < 0.02
        heart_rate = rng.gauss(self.heart_rate, 3) + (rng.uniform(30, 60) if unwell else 0)
        pressure = rng.gauss(0, 4) + (rng.uniform(15, 40) if unwell else 0)
        oxygen = rng.uniform(88, 93) if unwell else rng.uniform(95, 100)
        temperature = rng.gauss(self.temperature, 0.2) + (rng.uniform(1, 4) if unwell else 0)
        self.latitude += rng.uniform(-0.0005, 0.0005)
        self.longitude += rng.uniform(-0.0005, 0.0005)
        return {
            "deviceId": self.device_id,
            "timestamp": int(now),
            "heartRate": round(heart_rate),
            "systolic": round(self.systolic + pressure),
            "diastolic": round(self.diastolic + pressure / 2),
            "oxygenSaturation": math.floor(oxygen),
            "bodyTemperature": round(temperature, 1),
            "latitude": round(self.latitude, 4),
            "longitude": round(self.longitude, 4),
        }


def encoded(text):
    data = text.encode()
    return struct.pack("!H", len(data)) + data


def packet(kind, flags, body):
    header = bytearray([kind << 4 | flags])
    length = len(body)
    while True:
        length, digit = divmod(length, 128)
        header.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(header) + body


class Connection:
    """One connection to the broker, from CONNECT to DISCONNECT."""

    def __init__(self, host, port, client_id, username, password):
        self._buffer = b""
        self._socket = socket.create_connection((host, port), timeout=10)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._send(self._connect_packet(client_id, username, password))
            answer = self._receive_one()
        except BaseException:
            self._socket.close()
            raise
        if answer[0] != CONNACK or len(answer[1]) != 2:
            self._socket.close()
            raise BrokerError("the broker does not answer as MQTT 3.1.1")
        if answer[1][1] != 0:
            self._socket.close()
            raise BrokerError(f"the broker refuses the connection: {REFUSALS.get(answer[1][1], answer[1][1])}")
        self.heard = self.spoke = time.monotonic()

    @staticmethod
    def _connect_packet(client_id, username, password):
        flags = 0x02  # clean session
        payload = encoded(client_id)
        if username:
            flags |= 0x80
            payload += encoded(username)
            if password:
                flags |= 0x40
                payload += encoded(password)
        return packet(CONNECT, 0, encoded("MQTT") + bytes([4, flags]) + struct.pack("!H", KEEPALIVE) + payload)

    def publish(self, packet_id, topic, payload):
        self._send(packet(PUBLISH, 0b0010, encoded(topic) + struct.pack("!H", packet_id) + payload))

    def acknowledged(self, wait):
        """The identifiers that the broker acknowledges within `wait` seconds; keeps the connection alive meanwhile."""
        now = time.monotonic()
        if now - self.heard > KEEPALIVE * 1.5:
            raise BrokerError("the broker sends nothing any more")
        if now - self.spoke > KEEPALIVE / 2:
            self._send(packet(PINGREQ, 0, b""))
        if select.select([self._socket], [], [], max(0.0, wait))[0]:
            self._read()
        identifiers = []
        while (complete := self._take()) is not None:
            kind, body = complete
            if kind == PUBACK and len(body) == 2:
                identifiers.append(struct.unpack("!H", body)[0])
            elif kind != PINGRESP:
                raise BrokerError(f"the broker sends an unexpected packet of kind {kind}")
        return identifiers

    def close(self):
        try:
            self._send(packet(DISCONNECT, 0, b""))
        except OSError:
            pass
        self._socket.close()

    def _send(self, data):
        self._socket.sendall(data)
        self.spoke = time.monotonic()

    def _read(self):
        data = self._socket.recv(65536)
        if not data:
            raise BrokerError("the broker has closed the connection")
        self._buffer += data
        self.heard = time.monotonic()

    def _receive_one(self):
        while (complete := self._take()) is None:
            self._read()
        return complete

    def _take(self):
        """The first whole packet of the buffer, or None."""
        length, shift, position = 0, 0, 1
        while True:
            if position >= len(self._buffer):
                return None
            digit = self._buffer[position]
            length |= (digit & 0x7F) << shift
            position += 1
            shift += 7
            if not digit & 0x80:
                break
            if shift > 21:
                raise BrokerError("the broker sends a packet of impossible length")
        if len(self._buffer) < position + length:
            return None
        kind, body = self._buffer[0] >> 4, self._buffer[position : position + length]
        self._buffer = self._buffer[position + length :]
        return kind, body


class Publisher:
    """Keeps a connection to the broker and publishes through it at the wanted rate."""

    def __init__(self, state, connect, stopping):
        rng = random.Random()
        self._state = state
        self._connect = connect
        self._stopping = stopping
        self._devices = itertools.cycle([Device(number, rng) for number in range(1, state["devices"] + 1)])
        self._topic = state["topic"]
        self._packet_ids = itertools.cycle(range(1, 65536))

    def run(self):
        backoff = 1.0
        while not self._stopping.is_set():
            try:
                connection = self._connect()
                self._state.set(connected=True, lastError=None)
                print("connected to the broker")
                backoff = 1.0
                try:
                    self._publish(connection)
                finally:
                    self._state.set(connected=False)
                    connection.close()
            except (OSError, BrokerError) as error:
                self._state.set(lastError=str(error))
                pause = backoff * random.uniform(0.8, 1.2)
                print(f"no connection to the broker: {error}; next try in {pause:.0f} s")
                self._stopping.wait(pause)
                backoff = min(backoff * 2, MAX_BACKOFF)

    def _publish(self, connection):
        # Oldest first: a message that stays unacknowledged shows a broker that takes nothing any more.
        unacknowledged = collections.OrderedDict()
        due = time.monotonic()
        last_words = None
        while True:
            now = time.monotonic()
            if self._stopping.is_set():
                last_words = last_words or now + 3
                if not unacknowledged or now > last_words:
                    return
            rate = self._state["rate"]
            sending = self._state["running"] and not last_words
            # After a pause or a stall it goes on from here, without making up for what was not sent.
            due = max(due, now - 1) if sending else now
            due = min(due, now + 1 / rate)
            while sending and due <= now and len(unacknowledged) < WINDOW:
                packet_id = next(self._packet_ids)
                reading = json.dumps(next(self._devices).reading(time.time()), separators=(",", ":"))
                connection.publish(packet_id, self._topic, reading.encode())
                unacknowledged[packet_id] = now
                due += 1 / rate
            for packet_id in connection.acknowledged(min(0.2, max(0.0, due - now)) if sending else 0.2):
                if unacknowledged.pop(packet_id, None) is not None:
                    self._state.count_sent()
            if unacknowledged and now - next(iter(unacknowledged.values())) > ACK_TIMEOUT:
                raise BrokerError("the broker does not acknowledge messages any more")


def control(state):
    """The request handler of the control address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self):
            if self.path == "/healthz":
                self._answer(200, {"status": "ok"})
            elif self.path in ("/api", "/api/"):
                self._answer(200, state.snapshot())
            else:
                self._answer(404, {"error": "not found: see GET /api/"})

        def do_POST(self):
            self._body()
            if self.path in ("/api/start", "/api/stop"):
                state.set(running=self.path == "/api/start")
                self._answer(200, state.snapshot())
            else:
                self._answer(404, {"error": "not found: POST /api/start or /api/stop"})

        def do_PUT(self):
            body = self._body()
            if self.path != "/api/rate":
                self._answer(404, {"error": "not found: PUT /api/rate"})
                return
            try:
                rate = wanted_rate(json.loads(body)["rate"])
            except (ValueError, TypeError, KeyError):
                self._answer(400, {"error": f'send {{"rate": N}}, messages per second from {MIN_RATE} to {MAX_RATE:.0f}'})
                return
            state.set(rate=rate)
            self._answer(200, state.snapshot())

        def _body(self):
            try:
                length = int(self.headers.get("Content-Length") or 0)
            except ValueError:
                length = -1
            if not 0 <= length <= 4096:
                self.close_connection = True
                return b""
            return self.rfile.read(length)

        def _answer(self, code, value):
            data = json.dumps(value).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args):
            """Probes come every few seconds: nothing is logged."""

    return Handler


def wanted_rate(value):
    if isinstance(value, bool):
        raise TypeError(value)
    rate = float(value)
    if not MIN_RATE <= rate <= MAX_RATE:
        raise ValueError(value)
    return rate


def setting(name, default=None):
    value = os.environ.get(name) or default
    if value is None:
        sys.exit(f"cannot start: set {name}")
    return value


def main():
    try:
        rate = wanted_rate(setting("RATE", "1"))
        devices = int(setting("DEVICES", "10"))
        mqtt_port, http_port = int(setting("MQTT_PORT", "1883")), int(setting("PORT", "8080"))
    except ValueError as error:
        sys.exit(f"cannot start: RATE, DEVICES, MQTT_PORT and PORT are numbers in range ({error})")
    if not 1 <= devices <= 10000:
        sys.exit("cannot start: DEVICES must be between 1 and 10000")
    host, topic = setting("MQTT_HOST"), setting("MQTT_TOPIC")
    username, password = os.environ.get("MQTT_USERNAME", ""), os.environ.get("MQTT_PASSWORD", "")
    client_id = setting("MQTT_CLIENT_ID", f"health-data-sim-{socket.gethostname()}")

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())

    state = State(rate, devices, topic)
    server = http.server.ThreadingHTTPServer((os.environ.get("HTTP_ADDRESS", ""), http_port), control(state))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"publishing to {topic} at {host}:{mqtt_port}, {rate:g} per second from {devices} devices; control on port {http_port}")
    Publisher(state, lambda: Connection(host, mqtt_port, client_id, username, password), stopping).run()
    server.shutdown()
    print(f"stopped after {state['sent']} messages")


if __name__ == "__main__":
    main()
