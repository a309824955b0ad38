"""Runs as root in the virtual machine that tests/vm/run boots. Prints `vm: ok …` or `vm: FAILED …` for every fact; exit code 0
when all held."""
import ctypes, glob, json, os, re, signal, subprocess, sys, time, urllib.request
from datetime import datetime, timedelta, timezone

UNIT = "edge-agent.service"
ETC = "/etc/edge-agent"
DROP_INS = f"/etc/systemd/system/{UNIT}.d"
failed = []


def say(text):
    print(f"vm: {text}", flush=True)


def check(what, held, more=""):
    say(f"{'ok' if held else 'FAILED'}: {what}{f' ({more})' if more or not held else ''}")
    if not held:
        failed.append(what)


def sh(command, must=True):
    done = subprocess.run(command, shell=True, capture_output=True, text=True, errors="replace")
    if must and done.returncode:
        say(f"FAILED: {command}: exit {done.returncode}: {done.stdout}{done.stderr}")
        failed.append(command)
    return done.stdout.strip()


def show(name, unit=UNIT):
    return sh(f"systemctl show -P {name} {unit}")


def wait(what, limit, fact, step=0.1):
    """Seconds until it was so; a failure when it never was."""
    start = time.monotonic()
    while not fact():
        if time.monotonic() - start > limit:
            check(f"{what} within {limit} s", False, f"{show('ActiveState')}: {show('StatusText')}")
            print(sh(f"journalctl -n 20 --no-pager -o cat -u {UNIT}"), flush=True)
            return None
        time.sleep(step)
    return time.monotonic() - start


def active():
    return show("ActiveState") == "active"


def write(path, text, mode=0o644):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


# --- the site, its tills and its phones -------------------------------------------------------------------------------------

SITE = """
[site]
id = "mall"
timezone = "Asia/Shanghai"
[[floor]]
id = "F1"
level = 0
""" + "".join(f"""
[[zone]]
id = "{zone}"
floor = "F1"
kind = "{kind}"
position = [{x}, 0.0]
neighbours = ["{other}"]
[[sensor]]
id = "{zone}-S"
zone = "{zone}"
""" for zone, kind, x, other in [("door", "entrance", 0.0, "shop"), ("shop", "shop", 25.0, "door")]) + """
[[till]]
id = "till-1"
zone = "shop"
store = "tea"
"""
LIVE = """
[[source]]
kind = "http"
listen = "127.0.0.1:8470"
token_file = "credential:till-tokens"
"""
RECORDING = """
[[source]]
kind = "replay"
paths = ["/var/lib/edge-agent/day.jsonl"]
speed = 0
"""
TOKEN = "0123456789abcdef0123456789abcdef"
PHONE = "3c:22:fb:aa:bb:cc"


def configure(sources):
    write(f"{ETC}/site.toml", SITE)
    write(f"{ETC}/agent.toml", f"""
gateway = "gw-vm"
site_map = "site.toml"
[mqtt]
host = "127.0.0.1"
username = "gw-vm"
password_file = "credential:mqtt-password"
[receipts]
currency = "CNY"
{sources}""")


def receipt(number):
    sold = datetime.now(timezone(timedelta(hours=8))) - timedelta(minutes=30)
    body = {"till": "till-1", "number": number, "at": sold.isoformat(timespec="seconds"), "amount_minor": 1200}
    request = urllib.request.Request("http://127.0.0.1:8470/v1/receipts", json.dumps(body).encode(),
                                     {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"})
    try:
        return urllib.request.urlopen(request, timeout=30).status
    except OSError as e:
        return str(e)


def day():
    """A phone at the door for a minute, in the shop for ten, and away."""
    start = datetime.now(timezone.utc) - timedelta(hours=2)
    lines = []
    for n in range(66):
        at = start + timedelta(seconds=10 * n)
        near, far = ("door", "shop") if n < 6 else ("shop", "door")
        for zone, rssi in [(near, -45 - n % 3), (far, -80 - n % 4)]:
            lines.append({"at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "kind": "wifi",
                          "sensor": f"{zone}-S", "addr": PHONE, "rssi": rssi, "channel": 6, "seq": n,
                          "frame": "probe_request"})
    write("/var/lib/edge-agent/day.jsonl", "".join(json.dumps(line) + "\n" for line in lines))


# --- the broker and who listens ---------------------------------------------------------------------------------------------

HEARD = "/tmp/heard"


def start_broker():
    write("/tmp/mosquitto.conf", "listener 1883 127.0.0.1\nallow_anonymous false\npassword_file /tmp/users\nuser root\n"
          "persistence true\npersistence_location /tmp/\n")
    if not os.path.exists("/tmp/users"):
        sh("touch /tmp/users; chmod 600 /tmp/users; mosquitto_passwd -b /tmp/users gw-vm secret; "
           "mosquitto_passwd -b /tmp/users crm secret")
    broker = subprocess.Popen(["mosquitto", "-c", "/tmp/mosquitto.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-u", "crm", "-P", "secret", "-t", "up", "-m", ""],
                         capture_output=True).returncode:
        time.sleep(0.2)
    # A session that is kept: what comes while nobody listens is delivered later.
    log = open(HEARD, "a")
    crm = subprocess.Popen(["mosquitto_sub", "-h", "127.0.0.1", "-u", "crm", "-P", "secret", "-t", "mall/#", "-q", "1",
                            "-c", "-i", "crm", "-F", "%p"], stdout=log, stderr=log)
    return broker, crm


def events():
    found = []
    for line in open(HEARD):
        try:
            found.append(json.loads(line))
        except ValueError:
            pass
    return found


def numbers():
    return {e["data"].get("number") for e in events() if e.get("type") == "mall.receipt.recorded"}


def kinds():
    return {e.get("type", "") for e in events()}


# --- the story --------------------------------------------------------------------------------------------------------------

def apt(what):
    return sh(f"DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends {what} 2>&1")


def installs():
    said = apt("/vm/old.deb")
    check("apt install succeeds and says what is to be done", "it waits for /etc/edge-agent/agent.toml" in said)
    check("enabled, and not started before it is configured", sh(f"systemctl is-enabled {UNIT}") == "enabled" and not active()
          and show("Result") == "success" and show("ConditionResult") != "yes")
    check("nothing has failed", sh("systemctl --failed --no-legend") == "", sh("systemctl --failed --no-legend"))
    check("a system user of its own", sh("getent passwd edge-agent").endswith("nologin"), sh("getent passwd edge-agent"))
    check("/etc/edge-agent is root's to write and the agent's to read",
          sh(f"stat -c '%a %U %G' {ETC}") == "750 root edge-agent")
    check("templates are where templates/zh-generic.toml finds them", os.path.exists(f"{ETC}/templates/zh-generic.toml"))
    say("installed: " + sh("dpkg-query -W -f '${Version}, ${Installed-Size} KiB' edge-agent"))


def credentials():
    write(f"{ETC}/credentials/mqtt-password", "secret\n", 0o600)
    write(f"{ETC}/credentials/till-tokens", TOKEN + "\n", 0o600)
    os.makedirs(DROP_INS, exist_ok=True)
    write(f"{DROP_INS}/credentials.conf", "[Service]\n" + "".join(
        f"LoadCredential={name}:{ETC}/credentials/{name}\n" for name in ["mqtt-password", "till-tokens"]))


def first_events():
    credentials()
    configure(LIVE)
    said = sh("edge-agent check", must=False)
    check("check finds nothing wrong", "right (" in said and "wrong (" not in said, said if "wrong (" in said else "")
    sh(f"systemctl daemon-reload; systemctl start {UNIT}")
    check("systemctl start returns when it is ready", active())
    wait("the status says how it is", 30, lambda: "broker connected" in show("StatusText"))
    say("status: " + show("StatusText"))
    began, ready = int(show("ExecMainStartTimestampMonotonic")), int(show("ActiveEnterTimestampMonotonic"))
    say(f"figure: start to ready {(ready - began) / 1000:.0f} ms")
    check("a receipt is taken in", receipt("1") == 200 or receipt("1") == 202)
    took = wait("the receipt's event is at the broker", 120, lambda: "1" in numbers())
    say(f"first event at the broker after {took or 0:.1f} s")
    check("the password is not readable by the service's user", os.stat(f"{ETC}/credentials").st_mode & 0o77 == 0)
    lines = [json.loads(line) for line in sh(f"journalctl -o json --no-pager -u {UNIT}").splitlines()]
    running = [line for line in lines if "is running" in str(line.get("MESSAGE"))]
    check("the journal has fields", bool(running) and running[-1].get("F_SESSION") == "1"
          and running[-1].get("PRIORITY") is not None, str(running[-1:])[:300] if not running else "F_SESSION, PRIORITY")


def security():
    for line in sh(f"systemd-analyze security --no-pager {UNIT}").splitlines():
        if line.startswith("→") or "✗" in line:
            print(line, flush=True)
    sh(f"ln -s /usr/share/edge-agent/systemd/edge-agent-wifi.conf {DROP_INS}/wifi.conf; systemctl daemon-reload")
    score = sh(f"systemd-analyze security --no-pager {UNIT} | tail -n 1")
    say("with the drop-in for Wi-Fi: " + score)
    check("its exposure is 2.0 at most with the drop-in, too", float(re.search(r"([0-9.]+) ", score.split(":")[1])[1]) <= 2.0)
    os.remove(f"{DROP_INS}/wifi.conf")
    sh("systemctl daemon-reload")


def idle():
    pid = show("MainPID")
    ticks = os.sysconf("SC_CLK_TCK")

    def used():
        fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / ticks
    before, start = used(), time.monotonic()
    time.sleep(60)
    share = 100 * (used() - before) / (time.monotonic() - start)
    rss = int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read())[1]) / 1024
    say(f"figure: idle {share:.2f} % of a processor over 60 s, {rss:.1f} MiB RSS")


def killed():
    for _ in range(3):
        pid, at = show("MainPID"), time.monotonic()
        os.kill(int(pid), signal.SIGKILL)
        wait("it is back after kill -9", 60, lambda: active() and show("MainPID") not in (pid, "0"), 0.5)
        # By systemd's clock, which is ours: asking takes a while on an emulated machine.
        took = int(show("ActiveEnterTimestampMonotonic")) / 1e6 - at
        check("ready again within 5 s of kill -9", 0 < took <= 5, f"{took:.1f} s")


def hung(what, hang):
    """The watchdog ends it, and it is started again."""
    pid, before = show("MainPID"), show("NRestarts")
    thread = hang(int(pid))

    def back():
        if thread:
            reap(thread)
        return active() and show("MainPID") not in (pid, "0")
    took = wait(f"{what}: the watchdog restarts it", 150, back, 0.5)
    log = sh(f"journalctl --no-pager -o cat -u {UNIT} --since '-3min'")
    check(f"{what}: restarted by the watchdog", took is not None and "Watchdog timeout" in log
          and int(show("NRestarts")) > int(before), f"after {took or 0:.0f} s")
    if what != "the whole process stopped":
        check(f"{what}: the log said who hung", "hangs; the service manager will restart us" in log)


def hold(name):
    """Holds one thread of the process while the others run."""
    def held(pid):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        for task in os.listdir(f"/proc/{pid}/task"):
            if open(f"/proc/{pid}/task/{task}/comm").read().strip() == name:
                seize, interrupt = 0x4206, 0x4207
                if libc.ptrace(seize, int(task), None, None) or libc.ptrace(interrupt, int(task), None, None):
                    raise OSError(ctypes.get_errno(), "ptrace")
                return int(task)
        raise RuntimeError(f"no thread {name}")
    return held


def reap(thread):
    """Who holds a thread hears of its end before its parent does, and must ask."""
    try:
        os.waitpid(thread, os.WNOHANG | 0x40000000)
    except ChildProcessError:
        pass


def wrong_configuration():
    sh(f"systemctl stop {UNIT}")
    text = open(f"{ETC}/agent.toml").read()
    write(f"{ETC}/agent.toml", text.replace("gateway", "gatway"))
    sh(f"systemctl start {UNIT}", must=False)
    time.sleep(8)
    check("exit 64 is not tried again", show("ExecMainStatus") == "64" and show("ActiveState") == "failed"
          and show("NRestarts") == "0", f"{show('ActiveState')}, status {show('ExecMainStatus')}, restarts {show('NRestarts')}")
    write(f"{ETC}/agent.toml", text)
    sh(f"systemctl reset-failed {UNIT}; systemctl start {UNIT}")
    check("and starts when it is put right", active())


def exchange(deb, what, number, broker):
    """Another version, while an event waits for a broker that is away."""
    broker[1].terminate(), broker[1].wait(), broker[0].terminate(), broker[0].wait()
    wait("the broker is away", 60, lambda: "broker away" in show("StatusText"))
    check(f"before the {what} a receipt waits", receipt(number) in (200, 202))
    wait("its event waits in the outbox", 120, lambda: not show("StatusText").startswith("0 devices, 0 events"))
    with open("/etc/default/edge-agent", "a") as file:
        file.write(f"# ours: {what}\n")
    pid = show("MainPID")
    apt(f"--allow-downgrades {deb}")
    check(f"{what}: runs on as " + sh("dpkg-query -W -f '${Version}' edge-agent"), active() and show("MainPID") != pid)
    check(f"{what}: what the operator wrote is kept", f"# ours: {what}" in open("/etc/default/edge-agent").read()
          and os.path.exists(f"{ETC}/agent.toml") and not glob.glob("/etc/default/edge-agent.dpkg-*"))
    broker = start_broker()
    wait(f"{what}: the event that waited is delivered", 120, lambda: number in numbers())
    check(f"{what}: the store is kept", number in numbers()
          and "quarantine" not in sh(f"ls /var/lib/edge-agent/store; journalctl -o cat --no-pager -u {UNIT} --since '-2min'"))
    return broker


def recording():
    sh(f"systemctl stop {UNIT}")
    day()
    configure(RECORDING)
    sh(f"systemctl start {UNIT}", must=False)
    wait("the recording is over", 120, lambda: show("ActiveState") == "inactive")
    check("a recording that is over ends well, and is not begun again", show("Result") == "success" and show("NRestarts") == "0")
    wait("its visit is at the broker", 30, lambda: "mall.visit.exited" in kinds())
    check("visit events of a phone", {"mall.visit.approached", "mall.visit.arrived", "mall.visit.exited"} <= kinds(),
          ", ".join(sorted(kinds() - {""})))
    everything = open(HEARD).read() + sh("journalctl --no-pager -o export")
    check("the phone's address is in no event and not in the journal", PHONE not in everything.lower())
    configure(LIVE)
    sh(f"systemctl start {UNIT}")


def lines():
    wait("a USB serial line is there", 30, lambda: os.path.exists("/dev/ttyUSB0"))
    names = sh("udevadm info -q symlink /dev/ttyUSB0")
    say("names of the FTDI line: " + names)
    check("a name by its port", "edge-agent/usb-" in names)
    check("an FTDI chip sends at once", sh("cat /sys/bus/usb-serial/devices/ttyUSB0/latency_timer") == "1")


def purges():
    apt_said = sh("DEBIAN_FRONTEND=noninteractive apt-get remove -y edge-agent 2>&1")
    check("removed: stopped, configuration and store kept", not active() and os.path.exists(f"{ETC}/agent.toml")
          and os.path.isdir("/var/lib/edge-agent/store"), apt_said[-200:] if active() else "")
    sh("DEBIAN_FRONTEND=noninteractive apt-get purge -y edge-agent 2>&1")
    left = sh("find / -xdev \\( -path /vm -o -path /proc -o -path /sys -o -path /var/log/journal \\) -prune -o "
              "\\( -name '*edge-agent*' -o -nouser -o -nogroup \\) -print", must=False)
    left += sh("ls -d /run/edge-agent /run/systemd/system/*edge-agent* 2>/dev/null; getent passwd edge-agent; "
               "getent group edge-agent; systemctl list-unit-files --no-legend 'edge-agent*'", must=False)
    check("purged: nothing is left", left == "", left)


def main():
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    say(f"{sh('uname -srm')}, {sh('systemctl --version | head -n 1')}, up {open('/proc/uptime').read().split()[0]} s")
    lines_before = sh("cat /sys/bus/usb-serial/devices/ttyUSB0/latency_timer", must=False)
    say(f"an FTDI line's latency before: {lines_before or 'no line'} ms")
    open(HEARD, "w").close()
    broker = start_broker()
    installs()
    first_events()
    if os.path.exists("/vm/quick"):
        killed()
        return verdict()
    security()
    sh("udevadm trigger --action=add --subsystem-match=usb-serial --subsystem-match=tty; udevadm settle")
    lines()
    idle()
    killed()
    wrong_configuration()
    hung("the whole process stopped", lambda pid: os.kill(pid, signal.SIGSTOP) and None)
    hung("the store's thread held", hold("store"))
    hung("the pipeline's thread held", hold("edge-agent"))
    broker = exchange("/vm/new.deb", "upgrade", "2", broker)
    broker = exchange("/vm/old.deb", "downgrade", "3", broker)
    recording()
    purges()
    return verdict()


def verdict():
    say(f"{len(failed)} facts did not hold" + "".join(f"\nvm:   {what}" for what in failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
