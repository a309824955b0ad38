"""docs/quickstart.md as somebody follows it: the commands that stand in it, from the page that the package installs."""
import json, os, pty, re, select, signal, subprocess, time

import broker
from air import Air, probe_request
from vm import ETC, active, check, read, say, sh, show, wait, write

PAGE = "/usr/share/doc/edge-agent/docs/quickstart.md"
RADIO, PHONE = "02:aa:00:00:00:01", "3c:22:fb:aa:bb:cc"
done = set()


def page():
    # Before the package is there, the page of the source, which is the same.
    return read(PAGE if os.path.exists(PAGE) else "/vm/quickstart.md")


def command(beginning):
    """The one command of the page that begins so, as a shell takes it."""
    blocks = re.findall(r"```sh\n(.*?)```", page(), re.S)
    commands = [c for block in blocks for c in block.replace("\\\n", " ").splitlines()]
    found = [c.split("  #")[0].strip() for c in commands if c.startswith(beginning)]
    if len(found) != 1:
        check(f"the quickstart has one command {beginning!r}", False, str(found))
        raise SystemExit(1)
    done.add(found[0])
    return found[0]


def step(beginning, must=True):
    line = command(beginning)
    say(f"$ {line}")
    ran = subprocess.run(["bash", "-c", line], cwd="/root", capture_output=True, text=True, errors="replace")
    check(f"quickstart: {beginning}", ran.returncode == 0 or not must, f"exit {ran.returncode}")
    said = (ran.stdout + ran.stderr).strip()
    if ran.returncode:
        print(said, flush=True)
    return said


def plug_in_a_radio():
    """What the quickstart takes for granted: a Wi-Fi adapter with monitor mode. This one is the kernel's (mac80211_hwsim)."""
    sh("modprobe mac80211_hwsim radios=0")
    Air(False).create(RADIO, "adapter")


def configures():
    sh("install -m 644 /vm/tls/ca.pem /root/ca.pem")
    step("sudo install -m 644 ca.pem")
    said = step("sudo edge-agent init --yes")
    check("init writes both files and says what is next", "wrote /etc/edge-agent/agent.toml" in said and "next:" in said)
    check("init found the radio", '\n[[source]]\nkind = "wifi"\n' in read(f"{ETC}/agent.toml"))
    step("sudo install -m 640 -g edge-agent /dev/null")
    # What the editor is for: one line.
    edited = command("sudo nano ").split()[2]
    write(edited, broker.PASSWORD + "\n", 0o640)
    take_out_node()
    before = step("sudo edge-agent check", must=False)
    check("check sees that the service may not listen yet", "edge-agent-wifi.conf" in before)
    step("sudo mkdir -p /etc/systemd/system/edge-agent.service.d")
    step("sudo ln -s /usr/share/edge-agent/systemd/edge-agent-wifi.conf")
    step("sudo systemctl daemon-reload")
    said = step("sudo edge-agent check")
    print(said, flush=True)
    check("check finds nothing wrong", "right (" in said and "wrong (" not in said)


def take_out_node():
    """The serial line that the machine has is no sensor node's; agent.toml says what to do then."""
    text = read(f"{ETC}/agent.toml")
    node = re.compile(r'# A sensor node.*take these four lines out\.\n\[\[source\]\]\nkind = "node"\n.*\n.*\n')
    check("init found the serial line, and says how to be rid of it", len(node.findall(text)) == 1)
    write(f"{ETC}/agent.toml", node.sub("", text))


def starts():
    step("sudo systemctl start edge-agent")
    check("systemctl start returns when it is ready", active())
    wait("the status says how it is", 60, lambda: "broker connected" in show("StatusText"))
    say("status: " + show("StatusText"))


def walk_in():
    """A phone at the door scans, on the channels that phones scan first, until somebody has arrived. The radio at the door is
    the only one: that takes the three minutes after which nobody merely passes."""
    air, number = Air(), 0

    def scan(until):
        nonlocal number
        for mhz in (2412, 2437, 2462) * 3:
            number += 1
            air.frame(RADIO, probe_request(PHONE, number), mhz, -42 - number % 3)
        return until in broker.kinds()
    for what, limit in [("approached", 60), ("arrived", 240)]:
        took = wait(f"a phone that walks in has {what}", limit, lambda: scan(f"mall.visit.{what}"), 0.2)
        if took is not None:
            say(f"figure: {what} at the broker {took:.0f} s later")
    air.socket.close()


def looks():
    """What `watch`, `tail` and mosquitto_sub show while somebody walks in."""
    tail = subprocess.Popen(["bash", "-c", command("sudo edge-agent tail")], stdout=open("/tmp/tail", "w"),
                            stderr=subprocess.STDOUT)
    plain = command("mosquitto_sub ").replace("PASSWORD", broker.PASSWORD)
    plain = subprocess.Popen(["bash", "-c", plain], cwd="/root", stdout=open("/tmp/plain", "w"), stderr=subprocess.STDOUT)
    time.sleep(3)
    walk_in()
    wait("tail prints that somebody arrived", 30, lambda: "arrived" in read("/tmp/tail"))
    wait("mosquitto_sub shows it from any machine", 30, lambda: "mall.visit.arrived" in read("/tmp/plain"))
    said = screen(command("sudo edge-agent watch"))
    check("watch shows the gateway and the floors", "mall-1" in said and "F3" in said, said[-300:])
    for process in (tail, plain):
        process.terminate()
    site = [e for e in broker.events() if e.get("type") == "mall.visit.arrived"]
    check("the event is of the site that was told to init", bool(site) and "mall-1" in json.dumps(site[0]))
    everything = read(broker.HEARD) + read("/tmp/tail") + sh("journalctl --no-pager -o export")
    check("the phone's address is in no event and not in the journal", PHONE not in everything.lower())


def screen(line):
    """What a terminal of 80×24 got within some seconds, cleaned of colours."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm"
        os.execvp("bash", ["bash", "-c", f"stty rows 24 cols 80; exec {line}"])
    got, end = b"", time.monotonic() + 15
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.5)[0]:
            try:
                got += os.read(terminal, 65536)
            except OSError:
                break
    try:
        os.write(terminal, b"q")
        time.sleep(2)
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
    os.waitpid(pid, 0)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", got.decode(errors="replace"))


def nothing_left_out():
    """A command that is new on the page has to be tried here as well."""
    blocks = re.findall(r"```sh\n(.*?)```", page(), re.S)
    commands = {c.split("  #")[0].strip() for block in blocks for c in block.replace("\\\n", " ").splitlines()}
    # Asks; the same with flags was run.
    left = {c for c in commands - done if c and c != "sudo edge-agent init"}
    check("every command of the quickstart was run", not left, ", ".join(sorted(left)))
