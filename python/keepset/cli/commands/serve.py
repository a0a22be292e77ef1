"""`keepset serve`: the store over HTTP, as an Arvados cluster."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keepset.cli.options import Json, StoreOption
from keepset.cli.output import encode_json
from keepset.cli.run import Run
from keepset.cli.stores import choose
from keepset.errors import ConfigError

if TYPE_CHECKING:
    from keepset.serve.access import Access
    from keepset.serve.run import Listening
    from keepset.session import Store

__all__ = ["serve"]

_TOKENS = "Tokens"
_TLS = "TLS"
_LONGEST_TTL = 1_000_000_000  # a signature has four bytes for the time at which it ends


def serve(
    folder: StoreOption = None,
    host: Annotated[
        str, typer.Option("--host", metavar="NAME", help="The name or address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", "-p", min=0, max=65535, metavar="N", help="The port; 0 for one that is free.")
    ] = 8900,
    tls_cert: Annotated[
        Path | None,
        typer.Option("--tls-cert", metavar="FILE", help="The certificate.", show_default=False, rich_help_panel=_TLS),
    ] = None,
    tls_key: Annotated[
        Path | None,
        typer.Option("--tls-key", metavar="FILE", help="Its key.", show_default=False, rich_help_panel=_TLS),
    ] = None,
    self_signed: Annotated[
        bool, typer.Option("--self-signed", help="Make a certificate, with openssl.", rich_help_panel=_TLS)
    ] = False,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Let others reach the server without TLS.", rich_help_panel=_TLS)
    ] = False,
    signature_ttl: Annotated[
        int,
        typer.Option(
            "--signature-ttl",
            min=1,
            max=_LONGEST_TTL,
            metavar="SECONDS",
            help="For how long signatures of blocks are valid.",
        ),
    ] = 1_209_600,
    storage_class: Annotated[
        list[str] | None,
        typer.Option(
            "--storage-class", metavar="NAME", help="Offer this storage class, too. Repeat it.", show_default=False
        ),
    ] = None,
    new_token: Annotated[
        bool, typer.Option("--new-token", help="Make a token, print it, and serve nothing.", rich_help_panel=_TOKENS)
    ] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="With --new-token: for reading only.", rich_help_panel=_TOKENS)
    ] = False,
    revoke: Annotated[
        str | None,
        typer.Option(
            "--revoke", metavar="UUID", help="Make a token worthless.", show_default=False, rich_help_panel=_TOKENS
        ),
    ] = None,
    tokens: Annotated[bool, typer.Option("--tokens", help="List the tokens.", rich_help_panel=_TOKENS)] = False,
    json: Json = False,
) -> None:
    """Serve the store over HTTP: the Arvados API, Keep, and a web page.

    Clients of Arvados take it for a cluster: set ARVADOS_API_HOST to its address, and ARVADOS_API_TOKEN to a token.
    The first start makes a token and prints it, once. A line of JSON about each request goes to standard error.
    """
    if read_only and not new_token:
        raise typer.BadParameter("--read-only goes with --new-token")
    if folder is not None:
        choose(folder)
    with Run() as run:
        _check_extra()
        from keepset.serve.access import Access

        store = run.stores.own()
        access = Access(store.path)
        if new_token:
            run.output.line(access.new(may_write=not read_only))
        elif revoke is not None:
            access.revoke(revoke)
        elif tokens:
            _list(run, access, json)
        else:
            from keepset.serve.discovery import STORAGE_CLASSES
            from keepset.serve.run import Listening

            classes = tuple(dict.fromkeys([*STORAGE_CLASSES, *(storage_class or [])]))
            listening = Listening(host, port, tls_cert, tls_key, self_signed, insecure, signature_ttl, classes)
            _serve(run, store, access, listening)


def _check_extra() -> None:
    try:
        import httptools
        import starlette
        import uvicorn
    except ImportError as error:
        raise ConfigError(f"`keepset serve` needs the extra: pip install 'keepset[serve]' ({error})") from error
    del httptools, starlette, uvicorn


def _list(run: Run, access: "Access", json: bool) -> None:
    known = access.tokens()
    if json:
        fields = ("uuid", "may_write", "created_at")
        run.output.line(encode_json([{name: getattr(token, name) for name in fields} for token in known]))
        return
    for token in known:
        run.output.line(f"{token.uuid} {token.created_at} {'read and write' if token.may_write else 'read only'}")


def _serve(run: Run, store: "Store", access: "Access", listening: "Listening") -> None:
    from keepset.serve.run import serve as serve_store

    def ready(url: str) -> None:
        if not access.tokens():  # not before, when a server that cannot start would take it along
            run.output.line(f"token: {access.new(may_write=True)}")
            run.output.line("(shown this once; `keepset serve --new-token` makes another)")
        run.output.line(f"listening on {url}")
        run.output.flush()

    serve_store(store, access, listening, ready)
