"""The package: what it installs and may do, another version of it, and that nothing is left of it."""
import glob, os, re

import broker, quickstart, receipts
from vm import DROP_INS, ETC, UNIT, active, check, read, say, sh, show, wait


def installs():
    sh("cp /vm/old/edge-agent_*.deb /root/")
    said = quickstart.step("sudo apt install")
    check("apt says what is to be done", "it waits for /etc/edge-agent/agent.toml" in said)
    check("enabled, and not started before it is configured", sh(f"systemctl is-enabled {UNIT}") == "enabled" and not active()
          and show("Result") == "success" and show("ConditionResult") != "yes")
    check("nothing has failed", sh("systemctl --failed --no-legend") == "", sh("systemctl --failed --no-legend"))
    check("a system user of its own", sh("getent passwd edge-agent").endswith("nologin"), sh("getent passwd edge-agent"))
    check("/etc/edge-agent is root's to write and the agent's to read",
          sh(f"stat -c '%a %U %G' {ETC}") == "750 root edge-agent")
    check("templates are where templates/zh-generic.toml finds them", os.path.exists(f"{ETC}/templates/zh-generic.toml"))
    say("installed: " + sh("dpkg-query -W -f '${Version} ${Architecture}, ${Installed-Size} KiB' edge-agent"))


def score():
    line = sh(f"systemd-analyze security --no-pager {UNIT} | tail -n 1")
    return float(re.search(r"([0-9.]+) ", line.split(":")[1])[1])


def security():
    for line in sh(f"systemd-analyze security --no-pager {UNIT}").splitlines():
        if line.startswith("→") or "✗" in line:
            print(line, flush=True)
    check("its exposure is 2.0 at most with the drop-ins for Wi-Fi and credentials", score() <= 2.0, f"{score()}")
    sh(f"mv {DROP_INS}/wifi.conf /tmp/; systemctl daemon-reload")
    check("and 1.5 at most without Wi-Fi", score() <= 1.5, f"{score()}")
    sh(f"mv /tmp/wifi.conf {DROP_INS}/; systemctl daemon-reload")


def lines():
    sh("udevadm trigger --action=add --subsystem-match=usb-serial --subsystem-match=tty; udevadm settle")
    wait("a USB serial line is there", 30, lambda: os.path.exists("/dev/ttyUSB0"))
    names = sh("udevadm info -q symlink /dev/ttyUSB0")
    say("names of the FTDI line: " + names)
    check("a name by its port", "edge-agent/usb-" in names)
    check("an FTDI chip sends at once", sh("cat /sys/bus/usb-serial/devices/ttyUSB0/latency_timer") == "1")


def events_waiting():
    found = re.search(r"(\d+) events? waiting", show("StatusText"))
    return int(found[1]) if found else 0


def exchange(folder, what, number, running):
    """Another version, while an event waits for a broker that is away."""
    # The status is some seconds old: what it says of before must not be taken for now.
    wait("the broker has everything", 60, lambda: "0 events waiting, broker connected" in show("StatusText"))
    running.stop()
    wait("the broker is away", 60, lambda: "broker away" in show("StatusText"))
    waiting = events_waiting()
    answer = receipts.post(number)
    check(f"before the {what} a receipt waits", answer == 200, str(answer))
    wait("its event waits in the outbox", 180, lambda: events_waiting() > waiting)
    with open("/etc/default/edge-agent", "a") as file:
        file.write(f"# ours: {what}\n")
    pid = show("MainPID")
    sh(f"DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends --allow-downgrades /vm/{folder}/*.deb 2>&1")
    check(f"{what}: runs on as " + sh("dpkg-query -W -f '${Version}' edge-agent"), active() and show("MainPID") != pid)
    check(f"{what}: what the operator wrote is kept", f"# ours: {what}" in read("/etc/default/edge-agent")
          and os.path.exists(f"{ETC}/agent.toml") and not glob.glob("/etc/default/edge-agent.dpkg-*"))
    running = broker.Broker()
    wait(f"{what}: the event that waited is delivered", 120, lambda: number in broker.numbers())
    check(f"{what}: the store is kept", number in broker.numbers()
          and "quarantine" not in sh(f"ls /var/lib/edge-agent/store; journalctl -o cat --no-pager -u {UNIT} --since '-2min'"))
    return running


def purges():
    said = sh("DEBIAN_FRONTEND=noninteractive apt-get remove -y edge-agent 2>&1")
    check("removed: stopped, configuration and store kept", not active() and os.path.exists(f"{ETC}/agent.toml")
          and os.path.isdir("/var/lib/edge-agent/store"), said[-200:] if active() else "")
    sh("DEBIAN_FRONTEND=noninteractive apt-get purge -y edge-agent 2>&1")
    sh("rm -f /root/edge-agent_*.deb")
    left = sh("find / -xdev \\( -path /vm -o -path /proc -o -path /sys -o -path /var/log/journal \\) -prune -o "
              "\\( -name '*edge-agent*' -o -nouser -o -nogroup \\) -print", must=False)
    left += sh("ls -d /run/edge-agent /run/systemd/system/*edge-agent* 2>/dev/null; getent passwd edge-agent; "
               "getent group edge-agent; systemctl list-unit-files --no-legend 'edge-agent*'", must=False)
    check("purged: nothing is left", left == "", left)
