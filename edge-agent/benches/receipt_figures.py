#!/usr/bin/env python3
"""What receipts cost: `edge-agent tap` and `edge-agent run` with many tills.

    receipt_figures.py AGENT [TILLS] [ROUNDS]

Starts mosquitto (which must be installed) on the loopback interface, a pretended printer, `AGENT tap` with TILLS (200)
in-line printers and one HTTP feed, and `AGENT run` beside it, and prints:

  http         receipts a second that were answered 200 (each is on the disk then), from TILLS senders at once, and how long
               one waited
  proxy        round trip of a status request (3 bytes, answered with 1) through the proxy and straight to the printer
  printing     TILLS tills print a 2 kB receipt at once, ROUNDS (5) times: receipts a second until the last is printed
  recorded     records in the book of the daemon's store afterwards: every receipt once, and the totals of each till
  memory       resident set of tap and daemon, largest
"""

import asyncio
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

TOKEN = "0123456789abcdef0123456789abcdef"
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def free_ports(count):
    """Ports outside the kernel's ephemeral range: none is given to a connection before it is bound."""
    end = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = []
    for port in range(10_000, end):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                ports.append(port)
            except OSError:
                continue
        if len(ports) == count:
            return ports
    sys.exit(f"no {count} free ports below {end}")


def install(folder, broker, http, printer, listen):
    site = ['[site]\nid = "mall"\ntimezone = "Asia/Shanghai"\n[[floor]]\nid = "F1"\nlevel = 0\n'
            '[[zone]]\nid = "door"\nfloor = "F1"\nkind = "entrance"\nposition = [0.0, 0.0]\nneighbours = ["shop"]\n'
            '[[zone]]\nid = "shop"\nfloor = "F1"\nkind = "shop"\nposition = [9.0, 0.0]\nneighbours = ["door"]\n'
            '[[sensor]]\nid = "S1"\nzone = "shop"\nposition = [9.0, 0.0]\n']
    agent = [f'gateway = "gw-1"\n[store]\ndir = "store"\n[mqtt]\nhost = "127.0.0.1"\nport = {broker}\n'
             '[privacy]\nkey_file = "key"\n[receipts]\ncurrency = "CNY"\ndecide_after_s = 1\ntap_socket = "tap.sock"\n'
             f'[[source]]\nkind = "http"\nlisten = "127.0.0.1:{http}"\ntoken_file = "tokens"\n']
    for n, port in enumerate(listen):
        site.append(f'[[till]]\nid = "t{n}"\nzone = "shop"\nstore = "s{n}"\n')
        agent.append(f'[[source]]\nkind = "printer"\ntill = "t{n}"\nlisten = "127.0.0.1:{port}"\n'
                     f'forward = "127.0.0.1:{printer}"\ntemplate = "{ROOT}/templates/zh-generic.toml"\n')
    (folder / "site.toml").write_text("\n".join(site))
    (folder / "agent.toml").write_text("\n".join(agent))
    (folder / "tokens").write_text(TOKEN)


def receipt(number):
    lines = ["单号:" + number, "日期:2026-01-05 11:00:00"] + [f"商品{i:02} 连衣裙 S/M/L     1   242.00" for i in range(50)]
    text = "\n".join(lines + ["应收:66.00", "实收:70.00 找零:4.00", "", ""])
    return b"\x1b@" + text.encode("gb18030") + b"\n\x1dV\x42\x00"


async def printer(reader, writer):
    try:
        while data := await reader.read(65536):
            if b"\x10\x04\x01" in data:
                writer.write(b"\x16")
                await writer.drain()
    finally:
        writer.close()


async def print_on(port, data):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    writer.write_eof()
    await reader.read()
    writer.close()


async def round_trips(port, times=2000):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        writer.write(b"\x10\x04\x01")
        await reader.readexactly(1)
        taken.append(time.perf_counter() - began)
    writer.close()
    return sorted(taken)


async def sender(port, till, numbers, waits):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in numbers:
        body = (f'{{"till":"t{till}","number":"{number}","at":"2026-01-05T03:00:00Z","business_date":"2026-01-05",'
                f'"amount_minor":12900}}').encode()
        began = time.perf_counter()
        writer.write(f"POST /v1/receipts HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {TOKEN}\r\n"
                     f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        waits.append(time.perf_counter() - began)
    writer.close()


def resident(process):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


async def until_open(port):
    for _ in range(500):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        except OSError:
            await asyncio.sleep(0.02)
    raise SystemExit(f"nothing listens on {port}")


async def main():
    agent = pathlib.Path(sys.argv[1]).resolve()
    tills = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    folder = pathlib.Path(tempfile.mkdtemp(prefix="receipt-figures-"))
    broker, http, *listen = free_ports(tills + 2)
    server = await asyncio.start_server(printer, "127.0.0.1", 0)
    printed_at = server.sockets[0].getsockname()[1]
    install(folder, broker, http, printed_at, listen)
    (folder / "mosquitto.conf").write_text(f"listener {broker} 127.0.0.1\nallow_anonymous true\n")
    log = open(folder / "log", "w")
    mosquitto = subprocess.Popen(["mosquitto", "-c", folder / "mosquitto.conf"], stdout=log, stderr=log)
    tap = subprocess.Popen([agent, "tap", "--config", folder / "agent.toml"], stdout=log, stderr=log)
    await until_open(listen[-1])
    run = subprocess.Popen([agent, "run", "--config", folder / "agent.toml"], stdout=log, stderr=log)
    try:
        await until_open(http)
        waits = []
        began = time.perf_counter()
        await asyncio.gather(*(sender(http, t, [f"H{t}-{n}" for n in range(20)], waits) for t in range(tills)))
        taken = time.perf_counter() - began
        waits.sort()
        print(f"http         {len(waits) / taken:.0f} receipts/s durable and answered, {tills} senders; "
              f"one waits p50 {statistics.median(waits) * 1e3:.1f} ms, p99 {waits[len(waits) * 99 // 100] * 1e3:.1f} ms")
        through, straight = await round_trips(listen[0]), await round_trips(printed_at)
        at = lambda s, q: s[int(len(s) * q)] * 1e3
        print(f"proxy        round trip p50 {at(through, .5):.3f} ms, p99 {at(through, .99):.3f} ms, largest "
              f"{through[-1] * 1e3:.3f} ms; straight p50 {at(straight, .5):.3f} ms, p99 {at(straight, .99):.3f} ms")
        began = time.perf_counter()
        for r in range(rounds):
            await asyncio.gather(*(print_on(p, receipt(f"P{r}-{n}")) for n, p in enumerate(listen)))
        taken = time.perf_counter() - began
        print(f"printing     {tills * rounds / taken:.0f} receipts/s of {len(receipt('P0-0'))} bytes printed, {tills} tills")
        wanted = tills * (20 + rounds)
        # Idle time of the papers, decision, commit.
        await asyncio.sleep(8)
        run.terminate()
        daemon = resident(run)
        run.wait(30)
        tap_memory = resident(tap)
        stats = subprocess.run([agent, "outbox", "stats", "--store", folder / "store"], capture_output=True, text=True)
        book = [line for line in stats.stdout.splitlines() if line.startswith("receipt book")]
        print(f"recorded     {book[0].split()[-1] if book else '?'} records in the book for {wanted} receipts and "
              f"two days of {tills} tills")
        print(f"memory       tap {tap_memory:.1f} MiB, daemon {daemon:.1f} MiB")
    finally:
        for process in (run, tap, mosquitto):
            process.terminate()


asyncio.run(main())
