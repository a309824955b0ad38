#!/usr/bin/env python3
"""How long the daemon takes from its start to READY, and what it costs while nothing happens.

    python3 edge-agent/benches/start_figures.py target/release/edge-agent
    python3 edge-agent/benches/start_figures.py qemu-aarch64-static -L /usr/aarch64-linux-gnu \\
        target/aarch64-unknown-linux-gnu/release/edge-agent

The start is that of a new store, five times; the quiet half minute is that of a gateway that waits for receipts over HTTP, its
broker away. What is measured under an emulator is the emulator with the program in it.
"""
import os, re, shutil, socket, statistics, subprocess, sys, tempfile, time

CONFIG = """
gateway = "gw-1"
site_map = "site.toml"
mqtt = {{ host = "127.0.0.1", port = 1 }}
store = {{ dir = "store" }}
privacy = {{ key_file = "store.key" }}
[[source]]
kind = "http"
listen = "127.0.0.1:{port}"
token_file = "tokens"
"""


def start(command, folder):
    shutil.rmtree(f"{folder}/store", ignore_errors=True)
    address = f"{folder}/notify"
    if os.path.exists(address):
        os.remove(address)
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(address)
    manager.settimeout(60)
    began = time.monotonic()
    agent = subprocess.Popen([*command, "run", "--config", f"{folder}/agent.toml"], stderr=subprocess.DEVNULL,
                             env={**os.environ, "NOTIFY_SOCKET": address})
    while manager.recv(4096) != b"READY=1":
        pass
    return agent, time.monotonic() - began


def main():
    command, folder = sys.argv[1:], tempfile.mkdtemp()
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    shutil.copy(f"{top}/edge-agent/src/demo/site.toml", f"{folder}/site.toml")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, text in [("agent.toml", CONFIG.format(port=port)), ("tokens", "0123456789abcdef0123456789abcdef\n")]:
        with open(f"{folder}/{name}", "w") as file:
            file.write(text)
    times = []
    for _ in range(5):
        agent, took = start(command, folder)
        times.append(took)
        agent.kill()
        agent.wait()
    print(f"start to READY: median {statistics.median(times):.2f} s ({min(times):.2f} to {max(times):.2f})")
    agent, _ = start(command, folder)
    time.sleep(2)

    def used():
        fields = open(f"/proc/{agent.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    before, began = used(), time.monotonic()
    time.sleep(30)
    share = 100 * (used() - before) / (time.monotonic() - began)
    rss = int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{agent.pid}/status").read())[1]) / 1024
    print(f"idle: {share:.2f} % of a core over 30 s, {rss:.1f} MiB RSS")
    agent.kill()
    agent.wait()
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
