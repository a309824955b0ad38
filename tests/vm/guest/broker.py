"""The broker of docs/quickstart.md, broker.example:8883 with TLS and passwords, and the CRM that listens to it."""
import json, shutil, subprocess, time

from vm import check, say, sh, write

USER, PASSWORD = "gw-01", "secret"
HEARD = "/tmp/heard"
CRM = ["-h", "broker.example", "-p", "8883", "--cafile", "/vm/tls/ca.pem", "-u", "crm", "-P", PASSWORD]


def prepare():
    shutil.copytree("/vm/tls", "/tmp/tls")
    write("/tmp/mosquitto.conf", "listener 8883 127.0.0.1\ncertfile /tmp/tls/server.pem\nkeyfile /tmp/tls/server.key\n"
          "allow_anonymous false\npassword_file /tmp/users\nuser root\npersistence true\npersistence_location /tmp/\n")
    sh(f"touch /tmp/users; chmod 600 /tmp/users; mosquitto_passwd -b /tmp/users {USER} {PASSWORD}; "
       f"mosquitto_passwd -b /tmp/users crm {PASSWORD}")
    open(HEARD, "w").close()


class Broker:
    def __init__(self):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.broker = subprocess.Popen(["mosquitto", "-c", "/tmp/mosquitto.conf"], **quiet)
        end = time.monotonic() + 60
        while subprocess.run(["mosquitto_pub", *CRM, "-t", "up", "-m", ""], capture_output=True).returncode:
            if time.monotonic() > end:
                check("the test's own broker can be reached", False)
                break
            time.sleep(0.2)
        # A session that is kept: what comes while nobody listens is delivered later.
        log = open(HEARD, "a")
        self.crm = subprocess.Popen(["mosquitto_sub", *CRM, "-t", "mall/#", "-q", "1", "-c", "-i", "crm", "-F", "%p"],
                                    stdout=log, stderr=log)

    def stop(self):
        for process in (self.crm, self.broker):
            process.terminate()
            process.wait()


def events():
    found = []
    for line in open(HEARD):
        try:
            found.append(json.loads(line))
        except ValueError:
            pass
    return found


def numbers():
    """Of receipts that were heard of."""
    return {e["data"].get("number") for e in events() if e.get("type") == "mall.receipt.recorded"}


def kinds():
    return {e["type"] for e in events() if "type" in e}
