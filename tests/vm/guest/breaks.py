"""What goes wrong: a wrong configuration, a process that is stopped, threads that hang."""
import ctypes, os, signal, time

from vm import ETC, UNIT, active, check, read, sh, show, wait, write


def wrong_configuration():
    sh(f"systemctl stop {UNIT}")
    text = read(f"{ETC}/agent.toml")
    write(f"{ETC}/agent.toml", text.replace("\ngateway", "\ngatway"))
    sh(f"systemctl start {UNIT}", must=False)
    wait("a wrong configuration ends it", 60, lambda: show("ActiveState") == "failed")
    time.sleep(8)
    check("exit 64 is not tried again", show("ExecMainStatus") == "64" and show("ActiveState") == "failed"
          and show("NRestarts") == "0", f"{show('ActiveState')}, status {show('ExecMainStatus')}, restarts {show('NRestarts')}")
    write(f"{ETC}/agent.toml", text)
    sh(f"systemctl reset-failed {UNIT}; systemctl start {UNIT}")
    check("and starts when it is put right", active())


def hung():
    watchdog("the whole process stopped", lambda pid: os.kill(pid, signal.SIGSTOP) and None)
    watchdog("the store's thread held", hold("store"))
    watchdog("the pipeline's thread held", hold("edge-agent"))


def watchdog(what, hang):
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
            if read(f"/proc/{pid}/task/{task}/comm").strip() == name:
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
