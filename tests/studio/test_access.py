"""Test who may talk to the studio: other names, other sites, requests without a token, TLS."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from command_line import kws, refused
from conftest import skip_without
from studio_client import StudioClient, running_studio

pytest.importorskip("starlette", reason="kws[studio] is not here")

from starlette.requests import Request

from kws.errors import KwsError
from kws.studio.access import Access, Guard, is_loopback
from kws.studio.phone_page import SCALE, PhonePage, interface_address, own_address
from kws.studio.workspace import Workspace

TOKEN = "0123456789abcdef"


def status(
    access: Access, kind: str = "http", method: str = "GET", path: str = "/api/models", **headers
) -> int:
    """Return the status that a request is refused with, 200 where it may go on."""
    query = headers.pop("query", "")
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
    }
    refusal = access.refusal(scope)
    return refusal.status_code if refusal else 200


HOME = Access(None, False, 10800)
ABROAD = Access(TOKEN, True, 10800)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:10800", "127.0.0.2:80", "localhost:10800", "[::1]:10800", "LOCALHOST"]
)
def test_this_machine_is_known_by_its_own_names(host: str) -> None:
    assert status(HOME, host=host) == 200


@pytest.mark.parametrize(
    "host", ["evil.example:10800", "127.0.0.1.evil.example", "", "[::1", "@", "192.168.1.4"]
)
def test_a_name_that_was_rebound_to_this_machine_is_refused(host: str) -> None:
    assert status(HOME, host=host) == 403


@pytest.mark.parametrize("access", [HOME, ABROAD])
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_requests_that_other_sites_make_a_browser_send_are_refused(
    access: Access, kind: str
) -> None:
    known = {"host": "localhost:10800", "authorization": f"Bearer {TOKEN}"}
    own = "https://localhost:10800" if access.secure else "http://localhost:10800"
    assert status(access, kind, "POST", **known, origin=own) == 200
    other_port = own.replace("10800", "3000")
    for origin in ("https://evil.example", "null", other_port, own + ".evil.example", ""):
        assert status(access, kind, "POST", **known, origin=origin) == 403
    for site in ("cross-site", "same-site"):
        assert status(access, kind, "GET", **known, sec_fetch_site=site) == 403
    assert status(access, kind, "GET", **known, sec_fetch_site="same-origin") == 200


def test_a_link_may_lead_into_the_studio_and_to_nothing_else() -> None:
    link = {"host": "localhost", "sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert status(HOME, path="/", **link) == 200
    assert status(HOME, path="/api/listen", **link) == 403
    assert status(HOME, "http", "POST", "/", **link) == 403


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("path", ["/", "/api/models", "/static/studio.js", "/api/listen/audio"])
def test_nothing_is_answered_without_the_token(kind: str, path: str) -> None:
    host = {"host": "kitchen.local:10800"}
    assert status(ABROAD, kind, path=path, **host) == 401
    for wrong in (f"kws_studio_10800={TOKEN}x", f"other={TOKEN}", "kws_studio_10800=", "\x00=;;"):
        assert status(ABROAD, kind, path=path, **host, cookie=wrong) == 401
    for wrong in ("", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}"):
        assert status(ABROAD, kind, path=path, **host, authorization=wrong) == 401
    assert status(ABROAD, kind, path=path, **host, cookie=f"a=b; kws_studio_10800={TOKEN}") == 200
    assert status(ABROAD, kind, path=path, **host, authorization=f"bearer {TOKEN}") == 200


def test_the_printed_address_gives_a_browser_the_token() -> None:
    host = {"host": "kitchen.local:10800"}
    assert status(ABROAD, path="/", **host, query="token=wrong") == 401
    assert status(ABROAD, path="/api/models", **host, query=f"token={TOKEN}") == 401
    assert status(ABROAD, path="/", **host, query=f"token={TOKEN}") == 303


@pytest.mark.parametrize(
    ("host", "only_this_machine"),
    [
        *(("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True)),
        *(("0.0.0.0", False), ("::", False), ("192.168.1.4", False), ("kitchen.local", False)),
    ],
)
def test_which_addresses_need_a_token(host: str, only_this_machine: bool) -> None:
    assert is_loopback(host) == only_this_machine


@pytest.fixture(scope="module")
def open_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioClient]:
    """Return a client of a studio that others reach, over TLS."""
    skip_without("openssl", shutil.which("openssl"))
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    words += ["-nodes", "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(words, check=True, capture_output=True)
    tls = ("--certificate", certificate, "--key", key)
    with running_studio(folder / "workspace", "--host", "0.0.0.0", *tls) as client:
        yield client


def test_a_studio_that_others_reach_makes_a_token_and_a_cookie(open_studio: StudioClient) -> None:
    parts = urlsplit(open_studio.url)
    token = parts.query.removeprefix("token=")
    assert (parts.scheme, len(token)) == ("https", 32)
    assert open_studio.ask("GET", "/")[0] == 401
    status, headers, _ = open_studio.ask("GET", f"/?token={token}")
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"]
    assert {"HttpOnly", "Secure", "SameSite=lax"} <= set(cookie.split("; "))
    status, headers, body = open_studio.ask("GET", "/", headers={"Cookie": cookie.split(";")[0]})
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"/static/studio.js" in body


def code_of(address: str) -> str:
    """Return the picture of an address."""
    skip_without("segno", find_spec("segno"))
    import segno

    return segno.make_qr(address).svg_data_uri(scale=SCALE, dark="#000", light="#fff")


def test_a_phone_gets_a_code_of_the_studio(open_studio: StudioClient) -> None:
    query = urlsplit(open_studio.url).query
    bearer = {"Authorization": f"Bearer {query.removeprefix('token=')}", "Host": "192.168.7.8:1"}
    answer = open_studio.ask("GET", "/api/phone", headers=bearer)
    address = f"https://192.168.7.8:{urlsplit(open_studio.url).port}/?{query}#record"
    assert json.loads(answer[2]) == {"missing": "", "code": code_of(address)}
    assert open_studio.ask("GET", "/api/phone")[0] == 401


@pytest.mark.parametrize(
    ("host", "asked", "expected"),
    [
        ("0.0.0.0", "192.168.7.8:1", "192.168.7.8"),
        ("0.0.0.0", "studio.example:1", "studio.example"),
        ("0.0.0.0", "kitchen:1", "192.168.9.4"),
        ("::", "127.0.0.1", "192.168.9.4"),
        ("fd00::7", "127.0.0.1", "[fd00::7]"),
    ],
)
def test_the_code_is_of_an_address_that_others_reach(
    tmp_path: Path, host: str, asked: str, expected: str
) -> None:
    page = PhonePage(Workspace(tmp_path), Access(TOKEN, True, 8), host, own=lambda: "192.168.9.4")
    scope = {"type": "http", "path": "/", "headers": [(b"host", asked.encode())]}
    answer = json.loads(asyncio.run(page.phone(Request(scope))).body)
    assert answer["code"] == code_of(f"https://{expected}:8/?token={TOKEN}#record")


def test_a_network_without_a_way_out_has_addresses() -> None:
    nowhere = ("255.255.255.255", 9)  # which a socket must not ask for unless it says so
    assert own_address(nowhere, lambda index: "192.168.9.4") == "192.168.9.4"
    for address in ("0.0.0.0", "127.0.0.1"):
        with pytest.raises(KwsError, match="this machine has no network"):
            own_address(nowhere, lambda index, address=address: address)


def test_the_address_of_an_interface_is_one_of_this_machine() -> None:
    found = []
    for index, _ in socket.if_nameindex():
        with suppress(OSError), socket.socket() as one:  # it may not be up
            address = interface_address(index)
            one.bind((address, 0))
            found.append(address)
    assert found


def test_where_no_phone_can_record_the_page_says_what_is_missing(studio, tmp_path: Path) -> None:
    found = studio.get("/api/phone")
    assert found["missing"] == "loopback"
    assert found["command"].endswith(" --host 0.0.0.0 --certificate cert.pem --key key.pem")
    page = PhonePage(Workspace(tmp_path / "a b"), Access(TOKEN, False, 1), "0.0.0.0")
    answer = json.loads(asyncio.run(page.phone(Request({"type": "http"}))).body)
    assert answer["missing"] == "tls"
    assert f"kws studio '{tmp_path / 'a b'}' --host" in answer["command"]


def test_every_answer_binds_the_browser(studio: StudioClient) -> None:
    for path in ("/", "/api/models", "/static/studio.js", "/nothing"):
        headers = studio.ask("GET", path)[1]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
    foreign = {"Origin": "http://evil.example", "Content-Type": "application/json"}
    assert studio.ask("POST", "/api/listen", b"{}", foreign)[0] == 403


def test_what_is_under_way_when_the_studio_ends_is_answered_by_a_line() -> None:
    sent = []

    async def forever(scope, receive, send) -> None:
        await asyncio.Event().wait()

    async def send(message) -> None:
        sent.append(message)

    async def run() -> None:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost")]}
        task = asyncio.create_task(Guard(forever, HOME)(scope, None, send))
        await asyncio.sleep(0)
        task.cancel()  # as the server does after a while
        await task

    asyncio.run(run())
    start, body = sent
    assert (start["status"], body["body"]) == (503, b"The studio has ended.")


def test_an_encrypted_key_does_not_ask_on_the_terminal(tmp_path: Path) -> None:
    skip_without("openssl", shutil.which("openssl"))
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-subj", "/CN=a"]
    for name, secret in (("a", ["-passout", "pass:secret"]), ("b", ["-nodes"])):
        files = ["-keyout", tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.pem"]
        subprocess.run([*new, *secret, *files], check=True, capture_output=True)
    for key, problem in (
        ("a", "can be read without a passphrase"),
        ("b", "of another certificate"),
    ):
        files = ("--certificate", tmp_path / "a.pem", "--key", tmp_path / f"{key}.key")
        message = refused(kws("studio", tmp_path / "new", "--port", 0, *files))
        assert message.startswith(f"{tmp_path / 'a.pem'}, {tmp_path / f'{key}.key'}: ")
        assert problem in message


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--token", "short"), "--token"),
        (("--certificate", "a.pem"), "belong together"),
        (("--certificate", "a.pem", "--key", "b.pem"), "a.pem, b.pem: No such file"),
        (("--host", "no.such.host.invalid"), "cannot listen at no.such.host.invalid"),
    ],
)
def test_what_cannot_be_served_is_one_line(tmp_path: Path, options, problem: str) -> None:
    done = kws("studio", tmp_path / "new", "--port", 0, *options)
    assert done.returncode != 0
    assert problem in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
