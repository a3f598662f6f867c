"""`holdfast login` and `logout`: a session of the control listener, allowed in a browser, kept for the commands that follow.

Source: RFC 8252 (the browser comes back to a loopback port), RFC 7636 (only who began can have the session).
"""

from __future__ import annotations

import argparse
import os
import queue
import secrets
import sys
import time
import webbrowser
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from holdfast.cli import kept_sessions
from holdfast.cli.admin import DONE, FAILED, Parser, UsageError, complain
from holdfast.cli.client import DEFAULT_CONTROL, Client, ClientError, ServiceError, Session
from holdfast.cli.kept_sessions import Session as Kept

WAIT_S = 300.0
_CODE_CHARACTERS_MAX = 128
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_EPILOG = """\
examples:
  holdfast login                                     opens a browser; then `holdfast token list` and the other commands act as you
  holdfast login --no-browser                        only prints the address; open it on this machine
  holdfast login --control https://store.example.org:9001

The session counts for eight hours, or until `holdfast logout`. Keys in the environment, and profiles that are named, go before it.
On a machine without a browser, forward the port that the address names: ssh -L PORT:127.0.0.1:PORT MACHINE.
Exit codes: 0 done, 1 refused or not reached, 2 wrong usage.
"""
_THANKS = b"<!doctype html><title>Holdfast</title><p>You can close this window and go back to the command line.</p>"


def parser(name: str, says: str) -> Parser:
    made = Parser(
        prog=f"holdfast {name}", description=says, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    made.add_argument("--control", metavar="URL", help=f"the control listener [HOLDFAST_CONTROL; default {DEFAULT_CONTROL}]")
    made.add_argument("--ca-bundle", metavar="FILE", default="", help="certificates to trust for https [AWS_CA_BUNDLE]")
    return made


class Waiting(ThreadingHTTPServer):
    """Waits on a loopback port for the browser with the code. Whatever else comes there is answered and changes nothing."""

    daemon_threads = True

    def __init__(self) -> None:
        self.state, self.verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        self.codes: queue.SimpleQueue[str] = queue.SimpleQueue()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def request(self) -> str:
        """What the page is told of this program."""
        challenge = urlsafe_b64encode(sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        return f"{self.server_port}.{challenge}.{self.state}"

    def code(self, wait_s: float) -> str:
        """The code; "" if none came in time."""
        self.timeout = 0.2
        until = time.monotonic() + wait_s
        while time.monotonic() < until:
            self.handle_request()
            try:
                return self.codes.get_nowait()
            except queue.Empty:
                continue
        return ""


class _Handler(BaseHTTPRequestHandler):
    timeout = 10
    server: Waiting

    def do_GET(self) -> None:
        at = urlsplit(self.path)
        given = {name: values[0] for name, values in parse_qs(at.query, max_num_fields=5).items()}
        code = given.get("code", "")
        right = at.path == "/" and compare_digest(given.get("state", "").encode(), self.server.state.encode()) and bool(code)
        self.send_response(200 if right else 404)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("cache-control", "no-store")
        self.end_headers()
        self.wfile.write(_THANKS if right else b"")
        if right and len(code) <= _CODE_CHARACTERS_MAX:
            self.server.codes.put(code)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed: the line would hold the code."""


def _checked(control: str) -> str:
    """Errors: UsageError for an address over which a session must not go."""
    at = urlsplit(control)
    if at.scheme != "https" and not (at.scheme == "http" and at.hostname in _LOOPBACK):
        raise UsageError(f"{control} must begin with https:// (http only on this machine): a session goes over it")
    return control.rstrip("/")


def main(arguments: Sequence[str]) -> int:
    """The entry point of `login`."""
    made = parser("login", "Signs in through a browser, for the commands that follow.")
    made.add_argument("--no-browser", action="store_true", help="only print the address")
    made.add_argument("--wait-s", type=float, default=WAIT_S, metavar="SECONDS", help=f"how long to wait for the browser [{WAIT_S:g}]")
    options = made.parse_args(arguments)
    try:
        control = _checked(options.control or os.environ.get("HOLDFAST_CONTROL") or DEFAULT_CONTROL)
        client = Client(control, None, options.ca_bundle or os.environ.get("AWS_CA_BUNDLE", ""))
        if not client.has_page("/sign-in"):
            raise ClientError(f"{control} has no issuer by which people sign in: use a key (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)")
        with Waiting() as waiting:
            url = f"{control}/account/cli?cli={waiting.request}"
            print(f"Open this address in a browser on this machine, and allow it there:\n  {url}", file=sys.stderr, flush=True)
            if not options.no_browser:
                webbrowser.open(url)
            code = waiting.code(options.wait_s)
        if not code:
            raise ClientError(f"nobody allowed it within {options.wait_s:g} s")
        given = client.ask("POST", "/sessions/exchange", None, {"code": code, "verifier": waiting.verifier})["data"]
        mine = Client(control, Session(given["token"]), options.ca_bundle or os.environ.get("AWS_CA_BUNDLE", ""))
        name = mine.ask("GET", "/whoami")["data"]["name"]
        kept_sessions.keep(os.environ, control, Kept(given["token"], given["time-expires"], name))
    except (ServiceError, ClientError, UsageError) as error:
        return complain(error)
    except OSError as error:
        return complain(ClientError(f"the session cannot be kept: {error}"))
    except KeyboardInterrupt:
        return FAILED
    print(f"Signed in as {name}, until {given['time-expires']}.")
    return DONE


def logout(arguments: Sequence[str]) -> int:
    """The entry point of `logout`."""
    options = parser("logout", "Ends the session that `holdfast login` began.").parse_args(arguments)
    control = options.control or os.environ.get("HOLDFAST_CONTROL") or DEFAULT_CONTROL
    kept = kept_sessions.find(os.environ, control)
    if kept is None:
        print("There is no session.")
        return DONE
    try:
        kept_sessions.keep(os.environ, control, None)
        Client(control, Session(kept.token), options.ca_bundle or os.environ.get("AWS_CA_BUNDLE", "")).ask("DELETE", "/sessions/current")
    except ServiceError as error:
        if error.status != 401:  # it has ended already
            return complain(error)
    except (ClientError, OSError) as error:
        return complain(error)
    print("Signed out.")
    return DONE
