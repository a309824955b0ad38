"""Runs as root in the virtual machine that tests/vm/run boots. Prints `vm: ok …` or `vm: FAILED …` for every fact; exit code 0
when all held. `PARTS` in the order in which they are told; the first always is, the others as /vm/parts says."""
import os, sys, time, traceback

import breaks, broker, figures, package, quickstart, receipts, recording
from vm import failed, read, say, sh


class Story:
    def __init__(self):
        broker.prepare()
        quickstart.plug_in_a_radio()
        self.broker = broker.Broker()

    def quickstart(self):
        package.installs()
        quickstart.configures()
        quickstart.starts()
        quickstart.looks()
        quickstart.nothing_left_out()

    def receipts(self):
        receipts.configures()
        receipts.first()
        package.security()
        package.lines()

    def figures(self):
        figures.starts()
        figures.idle()

    def killed(self):
        figures.killed()

    def capture(self):
        figures.slowness()
        figures.capture()

    def breaks(self):
        breaks.wrong_configuration()
        breaks.hung()

    def exchange(self):
        self.broker = package.exchange("new", "upgrade", "2", self.broker)
        self.broker = package.exchange("old", "downgrade", "3", self.broker)

    def recording(self):
        recording.plays()

    def purge(self):
        package.purges()


PARTS = ["quickstart", "receipts", "figures", "killed", "capture", "breaks", "exchange", "recording", "purge"]


def main():
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    say(f"{sh('uname -srm')}, {sh('systemctl --version | head -n 1')}, {sh('nproc')} processors, "
        f"{sh('grep MemTotal /proc/meminfo')}, up {read('/proc/uptime').split()[0]} s")
    wanted = read("/vm/parts").split() or PARTS
    story = Story()
    for part in PARTS:
        if part == "quickstart" or part in wanted:
            began = time.monotonic()
            try:
                getattr(story, part)()
            except Exception:
                traceback.print_exc(file=sys.stdout)
                failed.append(f"{part}: did not come to its end")
            say(f"part {part}: {time.monotonic() - began:.0f} s")
    say(f"{len(failed)} facts did not hold" + "".join(f"\nvm:   {what}" for what in failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
