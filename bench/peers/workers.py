# SPDX-License-Identifier: MIT
"""Programs that are loaded and work on command (bench/bench.h), and how a turn of one is measured on a machine that is not
quite idle."""
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

REST = 0.2    # seconds between programs, so that waiting threads of the last one go to sleep
OTHERS = 0.1  # processors taken by other processes during a turn, from which on the turn is repeated


class Failed(Exception):
    pass


def say(text):
    print(text, file=sys.stderr, flush=True)


def once(command, whole=False):
    """The JSON that the command prints: its last line, or all of it."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return json.loads(done.stdout if whole else done.stdout.splitlines()[-1])


class Worker:
    """timeout: seconds after which a program that is not ready is given up; 0 = none."""

    def __init__(self, command, threads, folder, timeout=0):
        env = dict(os.environ, OMP_NUM_THREADS=str(threads), TORCHINDUCTOR_CACHE_DIR=os.path.join(folder, "inductor"))
        self.command = command
        self.errors = tempfile.TemporaryFile(mode="w+")
        began = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, env=env,
                                        text=True, bufsize=1)
        watch = threading.Timer(timeout, self.process.kill) if timeout else None
        if watch:
            watch.start()
        try:
            self.base = self.read()["memory"]
        finally:
            if watch:
                watch.cancel()
        self.start = time.monotonic() - began

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            self.errors.seek(0)
            tail = self.errors.read().strip().splitlines()[-1:] or [f"ended with {code}"]
            raise Failed(f"{' '.join(self.command)}: {tail[0]}")
        return json.loads(line)

    def rate(self, seconds):
        """Images a second."""
        self.process.stdin.write(f"run {seconds}\n")
        self.process.stdin.flush()
        answer = self.read()
        return answer["images"] / answer["seconds"]

    def processor_seconds(self):
        """Spent so far by all its threads."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self):
        """Peak memory in bytes."""
        self.process.stdin.write("end\n")
        self.process.stdin.flush()
        answer = self.read()
        self.process.stdout.read()
        self.process.stdin.close()
        self.process.wait()
        return answer["peak_memory"]


def busy_seconds():
    """Of all processors, by all processes: user, nice, system, interrupts; and what the host took away."""
    with open("/proc/stat") as file:
        user, nice, system, _, _, irq, softirq, steal = [int(v) for v in file.readline().split()[1:9]]
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def disturbed_rate(worker, seconds, repeats=3):
    """(rate, processors that others took). A disturbed turn is repeated; the least disturbed one counts."""
    best = None
    for _ in range(repeats):
        time.sleep(REST)
        busy, own, began = busy_seconds(), worker.processor_seconds(), time.monotonic()
        rate = worker.rate(seconds)
        spent = time.monotonic() - began
        others = max(0.0, busy_seconds() - busy - (worker.processor_seconds() - own)) / spent
        if best is None or others < best[1]:
            best = rate, others
        if others < OTHERS:
            break
    return best
