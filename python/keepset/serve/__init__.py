"""The server of `keepset serve`: the Arvados API, Keep and a web page, over HTTP, on a local store.

| module | what it knows |
| --- | --- |
| `run` | sockets, TLS, signals: a server from start to end |
| `app` | which part answers which request |
| `api`, `calls`, `discovery` | the API: what a request asks for, and what the cluster says of itself |
| `collections`, `replacing` | the resource `collections` |
| `blocks` | Keep |
| `pages`, `files`, `html` | the web page |
| `access`, `signatures` | who may do what |
| `bodies`, `replies`, `log` | bytes in, bytes out, and a line about each request |

Only the command imports it: it needs the extra `keepset[serve]`.
"""
