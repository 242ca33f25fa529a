"""Downloads over https, with a certificate made for the test, directly and through a proxy."""

import base64
import contextlib
import http.server
import re
import select
import socket
import ssl
import subprocess
import threading

import pytest

from mrcnn.errors import WeightsError
from mrcnn.weights import downloads, published
from tests.download_server import (
    CONTENT,
    HALF,
    QUICK,
    Server,
    cut_at,
    fetch,
    mirror,
    names,
    running,
    status,
)

# A name that no name server knows: whoever reaches it was led there by the proxy.
HOST = "weights.invalid"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Certificate and key of `HOST` and localhost, in one file."""
    folder = tmp_path_factory.mktemp("certificate")
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-days", "2", "-subj", f"/CN={HOST}",
        "-addext", f"subjectAltName=DNS:{HOST},DNS:localhost",
        "-keyout", str(folder / "key"), "-out", str(folder / "certificate"),
    ]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no openssl that makes a certificate for the test")
    both = folder / "both.pem"
    both.write_bytes((folder / "key").read_bytes() + (folder / "certificate").read_bytes())
    return both


@pytest.fixture
def server(certificate, monkeypatch):
    """An https server whose certificate is trusted; the mirror is its address on localhost."""
    server = Server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    monkeypatch.setattr(downloads, "PAUSES", QUICK)
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv(published.MIRROR_VARIABLE, f"https://localhost:{server.server_port}")
    with running(server):
        yield server


class Proxy(http.server.ThreadingHTTPServer):
    """Leads every CONNECT to one server, and notes what was asked."""

    daemon_threads = True

    def __init__(self, target_port):
        super().__init__(("127.0.0.1", 0), ProxyHandler)
        self.target_port = target_port
        self.asked = []
        self.users = []
        self.refusal = None


class ProxyHandler(http.server.BaseHTTPRequestHandler):
    def do_CONNECT(self):
        self.server.asked.append(self.path)
        self.server.users.append(self.headers["Proxy-Authorization"])
        if self.server.refusal:
            self.send_error(self.server.refusal)
            return
        with socket.create_connection(("127.0.0.1", self.server.target_port)) as target:
            self.send_response(200)
            self.end_headers()
            ends = {self.connection: target, target: self.connection}
            with contextlib.suppress(OSError):
                while True:
                    for end in select.select(list(ends), [], [])[0]:
                        data = end.recv(1 << 16)
                        if not data:
                            return
                        ends[end].sendall(data)

    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_error(500)

    def log_message(self, *args):
        pass


@pytest.fixture
def proxy(server, monkeypatch):
    """A proxy that knows where `HOST` is; the mirror is there."""
    with Proxy(server.server_port) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv(published.MIRROR_VARIABLE, f"https://{HOST}/mirror")
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.server_port}")
        yield proxy
        proxy.shutdown()
        thread.join()


def test_https_brings_the_file_after_a_cut(server, tmp_path):
    server.answers = [cut_at(HALF)]
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.requests == ["/good.h5"] * 2


def test_a_certificate_that_nobody_vouches_for_is_final(server, tmp_path, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(WeightsError, match="certificate verify failed") as error:
        fetch(tmp_path)
    assert "set SSL_CERT_FILE to a file with its certificates" in str(error.value)
    assert server.requests == []


def test_a_certificate_of_another_host_is_final(server, tmp_path, monkeypatch):
    address = f"https://127.0.0.1:{server.server_port}"
    monkeypatch.setenv(published.MIRROR_VARIABLE, address)
    with pytest.raises(WeightsError, match="certificate verify failed"):
        fetch(tmp_path)
    assert server.requests == []


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_the_proxy_of_the_environment_is_used(proxy, server, tmp_path, monkeypatch, variable):
    monkeypatch.delenv("HTTPS_PROXY")
    monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.server_port}")
    server.answers = [cut_at(HALF)]
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert proxy.asked == [f"{HOST}:443"] * 2
    assert server.requests == ["/mirror/good.h5"] * 2


def test_the_name_and_password_of_a_proxy_are_given(proxy, tmp_path, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://anna:s%40cret@127.0.0.1:{proxy.server_port}")
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert proxy.users == ["Basic " + base64.b64encode(b"anna:s@cret").decode()]


def test_a_proxy_that_refuses_is_told_without_its_password(proxy, tmp_path, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://anna:secret@127.0.0.1:{proxy.server_port}")
    proxy.refusal = 407
    with pytest.raises(WeightsError, match="Tunnel connection failed: 407") as error:
        fetch(tmp_path)
    assert "secret" not in str(error.value)
    assert proxy.asked == [f"{HOST}:443"]
    assert names(tmp_path) == []


def test_no_proxy_is_asked_for_hosts_that_need_none(proxy, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", HOST)
    with pytest.raises(WeightsError, match="could not be downloaded"):
        fetch(tmp_path)
    assert proxy.asked == []


def test_no_proxy_is_asked_for_this_machine(proxy, server, tmp_path, monkeypatch):
    address = f"https://localhost:{server.server_port}"
    monkeypatch.setenv(published.MIRROR_VARIABLE, address)
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert proxy.asked == []


def test_a_redirect_from_this_machine_to_another_one_goes_through_the_proxy(
    proxy, server, tmp_path, monkeypatch
):
    address = f"https://localhost:{server.server_port}"
    monkeypatch.setenv(published.MIRROR_VARIABLE, address)
    server.answers = [status(302, {"Location": f"https://{HOST}/elsewhere.h5"})]
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert proxy.asked == [f"{HOST}:443"]


def test_no_redirect_leads_from_https_elsewhere_to_http_here(proxy, server, tmp_path, monkeypatch):
    with mirror(monkeypatch) as plain:
        monkeypatch.setenv(published.MIRROR_VARIABLE, f"https://{HOST}/")
        address = f"{plain.address}/good.h5"
        server.answers = [status(302, {"Location": address})]
        with pytest.raises(WeightsError, match=f"redirects to {re.escape(address)}, which is not"):
            fetch(tmp_path)
        assert plain.requests == []
