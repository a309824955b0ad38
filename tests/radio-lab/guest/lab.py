"""What the tests in the guest share: the agent as the service runs it, waiting for its words, and a verdict."""

import json
import os
import subprocess
import sys
import time

from one_door import SITE

AGENT = "/mnt/h/edge-agent"
WORK = "/tmp/lab"
NOBODY = 65534


def sh(command, check=True):
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    if check and done.returncode:
        raise SystemExit(f"FAIL: {command}: {done.stdout}{done.stderr}")
    return done.stdout


def configure(source, map=""):
    os.makedirs(WORK, exist_ok=True)
    os.chown(WORK, NOBODY, NOBODY)
    with open(f"{WORK}/site.toml", "w") as file:
        file.write(SITE + map)
    with open(f"{WORK}/agent.toml", "w") as file:
        file.write(
            'gateway = "gw"\nmqtt.host = "127.0.0.1"\nstore.dir = "store"\nprivacy.key_file = "key"\n'
            f'log.level = "debug"\n\n[[source]]\nsensor = "S1"\n{source}\n'
        )


class Agent:
    """`edge-agent` of a user of its own with two capabilities."""

    def __init__(self, *args):
        self.log = open(f"{WORK}/log", "wb+")
        groups = sh("getent group bluetooth", check=False).split(":")
        group = f"--groups={groups[2]}" if len(groups) > 2 else "--clear-groups"
        sets = [f"--{name}=-all,+net_raw,+net_admin" for name in ("inh-caps", "ambient-caps", "bounding-set")]
        user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", group, "--no-new-privs"]
        command = ["setpriv", *user, *sets, AGENT, *args, "--config", f"{WORK}/agent.toml"]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, cwd=WORK)

    def output(self):
        with open(f"{WORK}/log", errors="replace") as file:
            return file.read()

    def until(self, words, times=1, seconds=60):
        begun = time.monotonic()
        while self.output().count(words) < times:
            if time.monotonic() - begun > seconds or self.process.poll() is not None:
                raise SystemExit(f"FAIL: not {times} x {words!r}; it wrote:\n{self.output()}")
            time.sleep(0.05)
        return time.monotonic() - begun

    def end(self):
        self.process.terminate()
        code = self.process.wait(30)
        if code:
            raise SystemExit(f"FAIL: it ended with {code}:\n{self.output()}")


def recorded(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def equal(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"FAIL: {what}: {found!r}, wanted {wanted!r}")
    print(f"ok: {what}: {found!r}", flush=True)


def holds(what, fact, shown=""):
    if not fact:
        raise SystemExit(f"FAIL: {what} {shown}")
    print(f"ok: {what} {shown}", flush=True)
