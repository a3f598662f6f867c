"""A network of one machine: a bridge with the backends and the clients on it, and a network namespace for each gateway whose links can be cut.

Linux namespaces (ip-netns(8)), veth pairs and nftables inside each namespace; all of it needs root. What cannot be had says why (`Missing`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import uuid

GATEWAY_PORTS = "{ 9000, 9001 }"  # what clients and operators ask; every other packet of a gateway is to or from a backend
TABLE = "inet faults"


class Missing(Exception):
    """This machine permits no namespaces or no packet filter; the text says why."""


def run(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs a command. Errors: Missing with its words."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    if check and done.returncode:
        raise Missing(f"{' '.join(words[:4])}: {(done.stderr or done.stdout).strip()}")
    return done


class Network:
    """`host` is the address of backends and clients, `address(n)` that of gateway n (from 0), `enter(n)` the command that runs something there."""

    def __init__(self, gateways: int) -> None:
        if os.geteuid():
            raise Missing("network namespaces need root")
        for program, package in (("ip", "iproute2"), ("nft", "nftables")):
            if not shutil.which(program):
                raise Missing(f"{program} is not installed (Debian: {package})")
        self.name = "hf" + uuid.uuid4().hex[:6]
        self.gateways = gateways
        self.subnet = self._free_subnet()
        self.host = f"{self.subnet}.1"
        try:
            self._make()
        except Missing:
            self.close()
            raise

    def _free_subnet(self) -> str:
        taken = run("ip", "-4", "-o", "addr").stdout
        return next(one for number in range(1, 200) if f" {(one := f'10.213.{number}')}." not in taken)

    def _make(self) -> None:
        run("ip", "link", "add", self.name, "type", "bridge")
        run("ip", "addr", "add", f"{self.host}/24", "dev", self.name)
        run("ip", "link", "set", self.name, "up")
        for number in range(self.gateways):
            space, outer = self.space(number), f"{self.name}v{number}"
            run("ip", "netns", "add", space)
            run("ip", "link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", space)
            run("ip", "link", "set", outer, "master", self.name, "up")
            self.inside(number, "ip", "link", "set", "lo", "up")
            self.inside(number, "ip", "addr", "add", f"{self.address(number)}/24", "dev", "eth0")
            self.inside(number, "ip", "link", "set", "eth0", "up")
            self.inside(number, "nft", "add", "table", *TABLE.split())
            for chain in ("input", "output"):
                self.inside(number, "nft", f"add chain {TABLE} {chain} {{ type filter hook {chain} priority 0; }}")
            self.inside(number, "ping", "-c", "1", "-W", "3", self.host, check=False)  # the bridge learns where everybody is

    def space(self, number: int) -> str:
        return f"{self.name}g{number}"

    def address(self, number: int) -> str:
        return f"{self.subnet}.{10 + number}"

    def enter(self, number: int) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.space(number))

    def inside(self, number: int, *words: str, check: bool = True) -> None:
        run(*self.enter(number), *words, check=check)

    def cut(self, number: int, port: int = 0) -> None:
        """No packet between this gateway and the backends (or one port of theirs) any more: nobody is told, everything times out."""
        for chain, end in (("output", "dport"), ("input", "sport")):
            which = f"tcp {end} {port}" if port else f"tcp sport != {GATEWAY_PORTS} tcp dport != {GATEWAY_PORTS}"
            self.inside(number, "nft", f"add rule {TABLE} {chain} meta iif != lo {which} drop" if chain == "input" else
                        f"add rule {TABLE} {chain} meta oif != lo {which} drop")  # fmt: skip

    def lose(self, number: int, percent: int) -> None:
        """So many packets in a hundred are lost on every link of this gateway, those to clients too."""
        for chain, end in (("output", "oif"), ("input", "iif")):
            self.inside(number, "nft", f"add rule {TABLE} {chain} meta {end} != lo numgen random mod 100 < {percent} drop")

    def reset(self, number: int) -> None:
        """Connections to the backends are refused at once, as by a machine whose program has ended."""
        rule = f"add rule {TABLE} output meta oif != lo tcp sport != {GATEWAY_PORTS} tcp dport != {GATEWAY_PORTS} reject with tcp reset"
        self.inside(number, "nft", rule)

    def heal(self, number: int) -> None:
        """As if nothing had been."""
        for chain in ("input", "output"):
            self.inside(number, "nft", "flush", "chain", *TABLE.split(), chain)

    def close(self) -> None:
        """Takes it all away."""
        for number in range(self.gateways):
            with contextlib.suppress(subprocess.TimeoutExpired):
                run("ip", "netns", "del", self.space(number), check=False)
            run("ip", "link", "del", f"{self.name}v{number}", check=False)
        run("ip", "link", "del", self.name, check=False)
