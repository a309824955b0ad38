"""What every part of the test uses: saying what held, commands, and the service as systemd sees it."""
import os, re, subprocess, time

UNIT = "edge-agent.service"
ETC = "/etc/edge-agent"
DROP_INS = f"/etc/systemd/system/{UNIT}.d"
failed = []


def say(text):
    print(f"vm: {text}", flush=True)


def check(what, held, more=""):
    say(f"{'ok' if held else 'FAILED'}: {what}" + (f" ({more})" if more else ""))
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


def active():
    return show("ActiveState") == "active"


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


def read(path):
    with open(path) as file:
        return file.read()


def write(path, text, mode=0o644):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def used(pid):
    """Seconds of processor time: in the program, in the kernel for it."""
    fields = read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()
    return [int(ticks) / os.sysconf("SC_CLK_TCK") for ticks in fields[11:13]]


def memory(pid, name="VmRSS"):
    """MiB."""
    return int(re.search(rf"{name}:\s+(\d+)", read(f"/proc/{pid}/status"))[1]) / 1024
