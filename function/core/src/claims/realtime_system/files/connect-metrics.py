"""What Kafka Connect counts of records that it leaves out, as Prometheus reads it.

A script in the container beside this one asks Connect and writes its answer down. Where there is none, where it is older
than two questions take, or where it lacks what every Connect counts, nothing is known: then Prometheus gets an error
instead of numbers, and its own metric `up` says so.
"""

import http.server
import os
import re
import signal
import sys
import time

MAX_AGE_SECONDS = 120
# Connect's count of one worker, and what Prometheus calls it.
WORKER = "kafka.connect:type=connect-worker-metrics:task-count"
TASKS = "kafka_connect_tasks"
# Java's name of one count of one task. A value in it that has signs of its own is in quotes.
TASK = re.compile(r'kafka\.connect:type=task-error-metrics,connector=("(?:\\.|[^"\\])*"|[^,"]*),task=(\d+):([\w-]+)')
COUNTS = {
    "total-records-skipped": ("kafka_connect_task_skipped_records_total", "Records that a task skipped because of an error."),
    "deadletterqueue-produce-requests": (
        "kafka_connect_task_dead_letters_total",
        "Records that a task sent to its dead letter topic.",
    ),
    "deadletterqueue-produce-failures": (
        "kafka_connect_task_dead_letter_failures_total",
        "Records that a task could not write into its dead letter topic.",
    ),
}


def plain(value):
    """What Java put in quotes."""
    if not value.startswith('"'):
        return value
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], value[1:-1])


def label(value):
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def page(answer):
    """The answer of Kafka's tool, one count a line, as Prometheus reads it; nothing where it is none."""
    # A connector's name may have other signs in it that end a line elsewhere.
    counts = {key: value for key, _, value in (line.rpartition("\t") for line in answer.split("\n"))}
    if WORKER not in counts:
        return None
    lines = [f"# HELP {TASKS} Tasks of all connectors.", f"# TYPE {TASKS} gauge", f"{TASKS} {float(counts[WORKER]):g}"]
    for attribute, (name, help) in COUNTS.items():
        lines += [f"# HELP {name} {help}", f"# TYPE {name} counter"]
        for key, value in counts.items():
            task = TASK.fullmatch(key)
            if task and task[3] == attribute:
                lines.append(f'{name}{{connector="{label(plain(task[1]))}",task="{task[2]}"}} {float(value):.0f}')
    return "".join(f"{line}\n" for line in lines)


def known(path):
    """The page, while what was written down still holds."""
    try:
        with open(path, encoding="utf-8", errors="replace", newline="") as file:
            if time.time() - os.fstat(file.fileno()).st_mtime <= MAX_AGE_SECONDS:
                return page(file.read())
    except (OSError, ValueError):
        pass
    return None


def server(address, path):
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self):
            text = known(path) if self.path == "/metrics" else None
            if text is not None:
                code = 200
            else:
                code, text = (503, "Kafka Connect does not answer\n") if self.path == "/metrics" else (404, "ask for /metrics\n")
            data = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args):
            """Prometheus asks every 30 seconds: nothing is logged."""

    return http.server.ThreadingHTTPServer(address, Handler)


def main():
    try:
        port, path = int(os.environ["PORT"]), os.environ["ANSWER"]
    except (KeyError, ValueError) as error:
        sys.exit(f"cannot start: PORT must be a number and ANSWER a path ({error})")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit())
    server((os.environ.get("HTTP_ADDRESS", ""), port), path).serve_forever()


if __name__ == "__main__":
    main()
