"""What the tests of the platform's scripts and files share: running a script as its container would, and waiting.

Everything listens on loopback, in a directory that goes away, and is ended with the test that started it.
"""

import fcntl
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3] / "function"
HTTP = "core/src/claims/between/files/http.sh"
HQ = "core/src/claims/realtime_system/files/hq.sh"
SKIPPED = 77
# What `heavy` has locked in this process.
HEAVY = []


def need(*programs):
    """Ends the run as skipped when a program is missing; what needs to be installed is said."""
    missing = [program for program in programs if find(program) is None]
    if missing:
        print(f"not installed here: {', '.join(missing)}")
        sys.exit(SKIPPED)


def find(program):
    # Servers stand in sbin, which is not on everybody's path; PostgreSQL's by version.
    places = [os.environ["PATH"], "/usr/sbin", *sorted(map(str, pathlib.Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)]
    return shutil.which(program, path=os.pathsep.join(places))


def text(*names):
    """The script as the builders put it together."""
    return "".join((ROOT / name).read_text() for name in names)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def said(*command):
    """The first number with dots in what a program says of itself: its version."""
    asked = subprocess.run([find(command[0]), *command[1:]], capture_output=True, text=True, timeout=60)
    return re.search(r"\d+(\.\d+)+", asked.stdout + asked.stderr)[0]


def from_maven(pom, *options):
    """The jars that a pom names, as Maven has them; none when it cannot get them."""
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory) / "classpath"
        command = [find("mvn"), "-q", "-B", "-f", pathlib.Path(__file__).parent / pom, "dependency:build-classpath"]
        asked = subprocess.run([*command, f"-Dmdep.outputFile={file}", *options], capture_output=True, text=True, timeout=300)
        if asked.returncode != 0:
            print(f"Maven cannot get what {pom} names: {asked.stdout[:500]}")
            return []
        return file.read_text().strip().split(os.pathsep)


def prove(on, composed=None):
    """Runs the module's tests; each is one line: whether it holds, on what, and what it says.

    `on` names the program and its version, `composed` the version in the platform's image where that differs.
    """
    if composed and composed not in on:
        on += f" (composed: {composed})"

    class Lines(unittest.TextTestResult):
        def line(self, word, test):
            words = unittest.TestCase.shortDescription(test) or test._testMethodName.removeprefix("test_").replace("_", " ")
            print(f"proof: {word:<8}{on}: {words}", flush=True)

        def addSuccess(self, test):
            super().addSuccess(test)
            self.line("ok", test)

        def addFailure(self, test, error):
            super().addFailure(test, error)
            self.line("FAILED", test)

        def addError(self, test, error):
            super().addError(test, error)
            if isinstance(test, unittest.TestCase):
                self.line("FAILED", test)

        def addSubTest(self, test, part, error):
            super().addSubTest(test, part, error)
            if error is not None:
                self.line("FAILED", test)

        def addSkip(self, test, reason):
            super().addSkip(test, reason)
            self.line(f"skipped ({reason})", test)

    runner = unittest.TextTestRunner(resultclass=Lines, descriptions=False)
    unittest.main(module="__main__", testRunner=runner)


def until(condition, seconds=60):
    """The first true value of condition(); fails when there is none in time."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"nothing came of it within {seconds} s")
        time.sleep(0.05)
    return value


def answers(port, host="127.0.0.1"):
    def probe():
        try:
            socket.create_connection((host, port), timeout=1).close()
            return True
        except OSError:
            return False

    return probe


def end(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout:
        process.stdout.close()


def serving(add_cleanup, command, port, seconds=60, **options):
    """A started program that listens on the port; add_cleanup decides how long it lives."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
    add_cleanup(end, process)
    until(lambda: process.poll() is not None or answers(port)(), seconds)
    if process.poll() is not None:
        raise AssertionError(f"{command[0]} ended at once")
    return process


def read_only_root(writable):
    """What a command is put behind so that it can write below these directories and nowhere else, as in a container whose
    root is read-only. Only root can do that: for others the root stays as it is."""
    if os.geteuid() != 0:
        return []
    mounts = [f"mount --bind {directory} {directory}" for directory in dict.fromkeys(["/tmp", *writable])]
    mounts += [f"mount -o remount,bind,ro {directory}" for directory in ("/", "/tmp")]
    mounts += [f"mount -o remount,bind,rw {directory}" for directory in writable]
    return [find("unshare"), "--mount", "/bin/sh", "-euc", "\n".join([*mounts, 'exec "$@"']), "read-only-root"]


def heavy(add_cleanup):
    """Waits until no other heavy program of the tests runs on this machine, and keeps the others waiting meanwhile: several
    nodes of a distributed engine take gigabytes. Several of them in one program wait once."""
    if HEAVY:
        return
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "function-realtime-platform"
    cache.mkdir(parents=True, exist_ok=True)
    lock = open(cache / "heavy.lock", "w")
    add_cleanup(lock.close)
    fcntl.flock(lock, fcntl.LOCK_EX)
    HEAVY.append(lock)


def peak(processes):
    """Memory that these programs have had at most, together, in MiB."""
    sizes = (re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text()) for process in processes)
    return sum(int(size[1]) for size in sizes if size) >> 10


def stand_in(add_cleanup, answer, tls=None):
    """An HTTP server in another's place: answer(method, path, headers, body) → (code, value or text[, headers])."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            seen.append((self.command, self.path, body))
            code, value, *headers = answer(self.command, self.path, self.headers, body)
            data = (value if isinstance(value, str) else json.dumps(value)).encode()
            self.send_response(code)
            for name, content in headers[0] if headers else []:
                self.send_header(name, content)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = reply

        def log_message(self, *args):
            """What was asked is in `seen`."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    add_cleanup(server.server_close)
    add_cleanup(server.shutdown)
    return server.server_port, seen


class Case(unittest.TestCase):
    def directory(self):
        path = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return path

    def server(self, command, port, **options):
        """A program that serves until the test ends."""
        return serving(self.addCleanup, command, port, **options)

    def alpine_path(self, *programs):
        """A path with BusyBox's tools and the named programs only, as in an image made from Alpine."""
        directory = self.directory()
        subprocess.run([find("busybox"), "--install", "-s", directory], check=True)
        for program in programs:
            (directory / program).unlink(missing_ok=True)
            (directory / program).symlink_to(find(program))
        return str(directory)

    def start(self, script, env, path=None, writable=()):
        """The script as its container would start it: text to sh -c, nothing in the environment but what it is given,
        nothing writable but its volumes."""
        path = path or os.environ["PATH"]
        shell = pathlib.Path(path) / "sh"
        process = subprocess.Popen(
            [*read_only_root(writable), shell if shell.exists() else "/bin/sh", "-c", script],
            env={"PATH": path, "POLL_SECONDS": "0.1"} | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.addCleanup(end, process)
        return process

    def run_script(self, script, env, path=None, code=0, timeout=60, writable=()):
        """Runs the script to its end and returns what it said."""
        process = self.start(script, env, path, writable)
        try:
            said, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            self.fail(f"not done within {timeout} s: {process.communicate()[0]}")
        self.assertEqual(process.returncode, code, said)
        if code:
            # Whoever reads the end of a failed pod's log reads the reason.
            self.assertRegex(said.splitlines()[-1], "^(cannot|psql: error:) ", said)
        return said

    def stand_in(self, answer, tls=None):
        return stand_in(self.addCleanup, answer, tls)
