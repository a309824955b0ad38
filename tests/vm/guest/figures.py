"""What is measured. Under emulation: the figures are the emulated machine's, and `slowness` says by how much."""
import json, os, signal, statistics, subprocess, time

from vm import UNIT, active, check, memory, say, sh, show, used, wait

RATES = [500, 2000, 4000, 8000]


def started():
    """Seconds by systemd's clock: the process is there, it is ready."""
    return int(show("ExecMainStartTimestampMonotonic")) / 1e6, int(show("ActiveEnterTimestampMonotonic")) / 1e6


def starts():
    times = []
    for _ in range(5):
        sh(f"systemctl restart {UNIT}")
        began, ready = started()
        times.append(ready - began)
    say(f"figure: exec to ready, median of 5: {statistics.median(times):.2f} s ({min(times):.2f} to {max(times):.2f})")


def by_thread(pid):
    """Processor time of each kind of thread, µs (Documentation/scheduler/sched-stats.rst of Linux), and how often it was given any."""
    kinds = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        name = open(f"/proc/{pid}/task/{task}/comm").read().strip().rstrip("-0123456789")
        ran, _, turns = [int(x) for x in open(f"/proc/{pid}/task/{task}/schedstat").read().split()]
        time_before, turns_before = kinds.get(name, (0, 0))
        kinds[name] = time_before + ran / 1000, turns_before + turns
    return kinds


def idle():
    wait("the broker is connected", 60, lambda: "broker connected" in show("StatusText"))
    # Nobody was heard for a minute: from then on the radio changes its channel less often.
    time.sleep(75)
    pid = show("MainPID")
    before, threads, start = used(pid), by_thread(pid), time.monotonic()
    time.sleep(60)
    took = time.monotonic() - start
    own, kernel = [100 * (after - before) / took for after, before in zip(used(pid), before)]
    parts = [f"{name} {(now - threads[name][0]) / took:.0f} us/s in {(turns - threads[name][1]) / took:.1f} turns"
             for name, (now, turns) in by_thread(pid).items() if name in threads]
    huge = int(sh(f"awk '/AnonHugePages/ {{ print $2 }}' /proc/{pid}/smaps_rollup") or 0) / 1024
    say(f"figure: idle {own + kernel:.2f} % of a processor over 60 s, {kernel:.2f} of it in the kernel; {memory(pid):.1f} MiB RSS: "
        f"{memory(pid, 'RssFile'):.1f} of files, {huge:.1f} of huge pages; the program is {os.stat('/usr/bin/edge-agent').st_size / 2**20:.2f} MiB")
    say(f"figure: … by kinds of threads: {', '.join(parts)}")


def journal_time(message, after):
    """When systemd said so of the service."""
    for line in sh(f"journalctl -o json --no-pager -u {UNIT} --since -5min").splitlines():
        entry = json.loads(line)
        at = int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6
        if at >= after and message in str(entry.get("MESSAGE")):
            return at
    return float("nan")


def killed():
    for _ in range(3):
        pid, at = show("MainPID"), time.monotonic()
        os.kill(int(pid), signal.SIGKILL)
        wait("it is back after kill -9", 60, lambda: active() and show("MainPID") not in (pid, "0"), 0.5)
        # By systemd's clock, which is ours: asking takes a while on an emulated machine.
        began, ready = started()
        noticed = journal_time("Main process exited", at)
        check("ready again within 5 s of kill -9", 0 < ready - at <= 5,
              f"{ready - at:.2f} s: systemd noticed after {noticed - at:.2f}, RestartSec and starting {began - noticed:.2f}, "
              f"the program was ready after {ready - began:.2f}")


def slowness():
    """The same work as on any other machine: machine_figures.py of the source."""
    sh(f"systemctl stop {UNIT}")
    for line in sh("python3 -B /vm/machine_figures.py /usr/bin/edge-agent").splitlines():
        say("figure: " + line)


def capture():
    """Frames from a radio until more than one in a hundred is lost."""
    sh(f"modprobe tun; systemctl stop {UNIT}")
    for rate in RATES:
        ran = subprocess.run(["python3", "-B", "/vm/capture_figures.py", "/usr/bin/edge-agent", str(rate), "20"],
                             capture_output=True, text=True)
        if ran.returncode:
            check(f"capture at {rate}/s is measured", False, (ran.stdout + ran.stderr)[-600:])
            break
        lines = ran.stdout.splitlines()
        for line in lines:
            say(f"figure: {rate}/s wanted: {line}")
        sent = int(lines[0].rsplit(" ", 1)[1].removesuffix("/s"))
        lost = float(ran.stdout.split("lost ")[1].split(" ")[0])
        if rate == RATES[0]:
            check(f"{rate} frames a second are heard", lost < 1, f"{lost} % lost")
        # More than the sender can send says nothing.
        if lost >= 1 or sent < 0.9 * rate:
            break
    sh(f"systemctl start {UNIT}")
