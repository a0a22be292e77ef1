"""The command `keepset serve`: its tokens, where it dares to listen, and TLS."""

import json
import os
import ssl
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import typer.testing

from keepset.cli.app import app
from keepset.serve.access import Access
from serving import Server, environment


def cli(store: Path, *arguments: str) -> typer.testing.Result:
    """Run the command within this process."""
    return typer.testing.CliRunner().invoke(app, ["serve", "--store", str(store), *arguments])


def test_tokens_are_made_listed_and_revoked(tmp_path: Path) -> None:
    writing = cli(tmp_path, "--new-token").stdout.strip()
    reading = cli(tmp_path, "--new-token", "--read-only").stdout.strip()
    lines = cli(tmp_path, "--tokens").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [writing.split("/")[1], reading.split("/")[1]]
    assert [line.split(maxsplit=2)[2] for line in lines] == ["read and write", "read only"]
    listed = json.loads(cli(tmp_path, "--tokens", "--json").stdout)
    assert [(token["uuid"], token["may_write"]) for token in listed] == [
        (writing.split("/")[1], True),
        (reading.split("/")[1], False),
    ]
    assert cli(tmp_path, "--revoke", writing.split("/")[1]).exit_code == 0
    assert cli(tmp_path, "--tokens").stdout.split()[0] == reading.split("/")[1]
    again = cli(tmp_path, "--revoke", writing)
    assert (again.exit_code, "there is no token" in again.stderr) == (3, True)


def test_no_token_and_no_secret_is_readable_by_others(tmp_path: Path) -> None:
    token = cli(tmp_path, "--new-token").stdout.strip()
    for path in tmp_path.glob("access.*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert token.rpartition("/")[2] not in path.read_text()


def test_a_running_server_notices_new_and_revoked_tokens(server: Server) -> None:
    access = Access(server.store)
    token = access.new(may_write=False)
    assert server.request("GET", "/arvados/v1/users/current", token=token).status == 200
    access.revoke(token)
    assert server.request("GET", "/arvados/v1/users/current", token=token).status == 401


def test_signatures_outlive_a_restart(own_server: Server) -> None:
    locator = own_server.put(b"foo")
    own_server.stop()
    own_server.start()
    assert own_server.request("GET", f"/{locator}").body == b"foo"


def test_the_first_start_shows_a_token_once(tmp_path: Path) -> None:
    def first_lines() -> list[str]:
        command = [sys.executable, "-c", "from keepset.cli import main; main()"]
        command += ["serve", "--store", str(tmp_path / "store"), "--port", "0"]
        with subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as run:
            assert run.stdout is not None
            lines: list[str] = []
            while not lines or not lines[-1].startswith("listening"):
                lines.append(run.stdout.readline())
            run.terminate()
        assert run.returncode == 0
        return lines

    first, second = first_lines(), first_lines()
    assert first[0].startswith("token: v2/local-gj3su-")
    assert Access(tmp_path / "store").find(first[0].split()[1])
    assert len(second) == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_beyond_loopback_it_wants_tls(tmp_path: Path, host: str) -> None:
    result = cli(tmp_path, "--host", host)
    assert result.exit_code == 3
    assert "--tls-cert" in result.stderr
    assert "token:" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tls-cert", "x.pem"], "go together"),
        (["--tls-cert", "x.pem", "--tls-key", "y.pem", "--self-signed"], "not both"),
        (["--tls-cert", "x.pem", "--tls-key", "y.pem"], "cannot be used"),
        (["--host", "192.0.2.1", "--insecure"], "cannot listen"),
        (["--storage-class", "a, b"], "no name of a storage class: 'a, b'"),
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, arguments: list[str], message: str) -> None:
    result = cli(tmp_path, *arguments)
    assert (result.exit_code, message in result.stderr) == (3, True), result.stderr
    assert Access(tmp_path).tokens() == []  # nobody would ever see the first one


def test_read_only_is_for_new_tokens(tmp_path: Path) -> None:
    assert cli(tmp_path, "--read-only").exit_code == 2


def test_a_signature_cannot_outlive_its_four_bytes(tmp_path: Path) -> None:
    assert cli(tmp_path, "--signature-ttl", "4000000000").exit_code == 2


def test_a_certificate_of_one_s_own_needs_openssl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Access(tmp_path).new(may_write=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    result = cli(tmp_path, "--self-signed")
    assert (result.exit_code, "openssl" in result.stderr) == (3, True)


def test_the_certificate_is_valid_for_this_machine_and_its_key_private(tls_server: Server) -> None:
    certificate = tls_server.store / "serve-127.0.0.1.crt"
    context = ssl.create_default_context(cafile=str(certificate))
    with urllib.request.urlopen(f"{tls_server.url}_health/ping", context=context) as reply:
        assert reply.read() == b'{"health":"OK"}'
    assert stat.S_IMODE((tls_server.store / "serve-127.0.0.1.key").stat().st_mode) == 0o600


def test_a_damaged_file_of_tokens_is_named(tmp_path: Path) -> None:
    Access(tmp_path)
    (tmp_path / "access.json").write_text("{")
    result = cli(tmp_path, "--tokens")
    assert (result.exit_code, "access.json is damaged" in result.stderr) == (3, True)


def test_importing_the_command_line_loads_no_server() -> None:
    script = "import sys, keepset.cli.app; print([name for name in sys.modules if name in ('starlette', 'uvicorn')])"
    done = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"


def test_without_the_extra_the_command_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    result = cli(tmp_path)
    assert (result.exit_code, "pip install 'keepset[serve]'" in result.stderr) == (3, True)


def test_the_store_is_served_whatever_cluster_is_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARVADOS_API_HOST", "cluster.example")
    monkeypatch.setenv("ARVADOS_API_TOKEN", "v2/x/y")
    monkeypatch.setenv("KEEPSET_STORE", str(tmp_path / "mine"))
    result = typer.testing.CliRunner().invoke(app, ["serve", "--new-token"])
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "mine" / "access.json").exists()


def test_health_takes_no_token(server: Server) -> None:
    reply = server.request("GET", "/_health/ping", token=None)
    assert (reply.status, reply.json) == (200, {"health": "OK"})


def test_a_client_that_leaves_is_noted_as_such(server: Server) -> None:
    connection = server.connect()
    connection.putrequest("PUT", f"/{'0' * 32}")
    for name, value in {
        "Authorization": f"Bearer {server.token}",
        "Content-Length": "100",
        "X-Request-Id": f"left-{os.getpid()}",
    }.items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(b"some")
    connection.close()
    count = len(server.log_lines(0))
    server.request("GET", "/_health/ping")
    lines = server.log_lines(count + 1)
    while not (found := [line for line in lines if line["request_id"] == f"left-{os.getpid()}"]):
        lines = server.log_lines(len(lines))
    assert (found[0]["status"], found[0]["received"]) == (499, 4)
