"""What the server says of itself: the discovery document, the configuration, the Keep service, the user.

The document is what googleapiclient builds the official client from
(https://developers.google.com/discovery/v1/reference/apis); it lists what there is here, and no more.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from keepset.catalog.changes import TRASH_LIFETIME
from keepset.catalog.fields import FIELDS, LOCAL_USER, SHOWN, Kind, Record
from keepset.catalog.local import IDLE_SECONDS
from keepset.catalog.queries import DEFAULT_LIMIT, LARGEST_LIMIT
from keepset.catalog.records import CLUSTER
from keepset.serve.signatures import LIFETIME

__all__ = ["LARGEST_REQUEST", "STORAGE_CLASSES", "configuration", "discovery_document", "keep_services", "user"]

LARGEST_REQUEST = 1 << 27
"""How long a request to the API may be: `API.MaxRequestSize`, 128 MiB."""

STORAGE_CLASSES = ("default",)
"""Those that there are unless more are named; the first one is what blocks get when nobody says otherwise."""

_REVISION = "20250402"
_EPOCH = "1970-01-01T00:00:00.000000000Z"
_KEEP_SERVICE = f"{CLUSTER}-bi6l4-000000000000000"

_JSON_TYPES = {
    Kind.TEXT: {"type": "string"},
    Kind.TIME: {"type": "datetime"},
    Kind.INTEGER: {"type": "integer"},
    Kind.BOOLEAN: {"type": "boolean"},
}
_JSON_FIELDS = {"properties": "Hash", "storage_classes_desired": "Array", "storage_classes_confirmed": "Array"}


def _parameter(kind: str, description: str, **more: object) -> dict[str, Any]:
    return {"type": kind, "required": False, "description": description, "location": "query", **more}


_UUID = {
    "uuid": {
        "type": "string",
        "required": True,
        "description": "The UUID, or where a record is only read, the portable data hash.",
        "location": "path",
    }
}
_SELECT = {"select": _parameter("array", "The attributes wanted in the reply.")}
_UNIQUE = {"ensure_unique_name": _parameter("boolean", "Change the name if it is taken.", default="false")}
_TRASH = {"include_trash": _parameter("boolean", "Whether what is in the trash counts.", default="false")}
_REPLACE = {
    "replace_files": _parameter("object", "Sources of files and directories, by target."),
    "replace_segments": _parameter("object", "New segments of blocks, by old ones."),
}
_LIST = {
    "filters": _parameter("array", "[attribute, operator, operand]; all must hold."),
    "where": _parameter("object", "Not taken: use filters."),
    "order": _parameter("array", "Attributes, each with asc or desc behind it."),
    **_SELECT,
    "distinct": _parameter("boolean", "Whether equal records count as one.", default="false"),
    "limit": _parameter("integer", "How many records at most.", default=str(DEFAULT_LIMIT)),
    "offset": _parameter("integer", "How many to leave out at the beginning.", default="0"),
    "count": _parameter("string", "Whether to count them all: exact or none.", default="exact"),
    "cluster_id": _parameter("string", "There is one cluster here."),
    "bypass_federation": _parameter("boolean", "There is one cluster here.", default="false"),
    **_TRASH,
    "include_old_versions": _parameter("boolean", "Whether past versions count.", default="false"),
}


def _method(
    resource: str,
    name: str,
    http: str,
    path: str,
    parameters: Mapping[str, Any],
    reply: str | None,
    record: str | None = None,
) -> dict[str, Any]:
    description: dict[str, Any] = {
        "id": f"arvados.{resource}.{name}",
        "path": path,
        "httpMethod": http,
        "description": f"{name} of {resource}",
        "parameters": dict(parameters),
        "parameterOrder": [key for key, value in parameters.items() if value["required"]],
        "response": {} if reply is None else {"$ref": reply},
        "scopes": ["https://api.arvados.org/auth/arvados"],
    }
    if record is not None:
        description["request"] = {"required": True, "properties": {record.lower(): {"$ref": record}}}
    return description


def _collections() -> dict[str, Any]:
    def method(
        name: str,
        http: str,
        path: str,
        parameters: Mapping[str, Any],
        reply: str = "Collection",
        has_body: bool = False,
    ) -> tuple[str, dict[str, Any]]:
        record = "Collection" if has_body else None
        return name, _method("collections", name, http, f"collections{path}", parameters, reply, record)

    return dict(
        [
            method("get", "GET", "/{uuid}", {**_UUID, **_SELECT, **_TRASH}),
            method("list", "GET", "", _LIST, "CollectionList"),
            method("create", "POST", "", {**_SELECT, **_UNIQUE, **_REPLACE}, has_body=True),
            method("update", "PUT", "/{uuid}", {**_UUID, **_SELECT, **_REPLACE}, has_body=True),
            method("delete", "DELETE", "/{uuid}", _UUID),
            method("trash", "POST", "/{uuid}/trash", _UUID),
            method("untrash", "POST", "/{uuid}/untrash", _UUID),
            method("provenance", "GET", "/{uuid}/provenance", _UUID),
            method("used_by", "GET", "/{uuid}/used_by", _UUID),
        ]
    )


def _schemas() -> dict[str, Any]:
    fields = {
        name: {"type": _JSON_FIELDS[name]} if name in _JSON_FIELDS else _JSON_TYPES[FIELDS[name].kind] for name in SHOWN
    }
    service = {
        "uuid": {"type": "string"},
        "service_host": {"type": "string"},
        "service_port": {"type": "integer"},
        "service_ssl_flag": {"type": "boolean"},
        "service_type": {"type": "string"},
        "read_only": {"type": "boolean"},
    }
    person = {name: {"type": "boolean" if name.startswith("is_") else "string"} for name in user()}
    kinds = {"Collection": ("4zz18", fields), "KeepService": ("bi6l4", service), "User": ("tpzed", person)}
    schemas: dict[str, Any] = {}
    for name, (prefix, properties) in kinds.items():
        schemas[name] = {
            "id": name,
            "description": name,
            "type": "object",
            "uuidPrefix": prefix,
            "properties": properties,
        }
        schemas[f"{name}List"] = {
            "id": f"{name}List",
            "description": f"A page of the list of {name}",
            "type": "object",
            "properties": {
                "kind": {"type": "string"},
                "items": {"type": "array", "items": {"$ref": name}},
                "items_available": {"type": "integer"},
                "offset": {"type": "integer"},
                "limit": {"type": "integer"},
            },
        }
    return schemas


def discovery_document(root: str, lifetime: int = LIFETIME) -> Record:
    """Return the discovery document.

    Args:
        root: The URL of the server, with a slash at the end, as the client sees it.
        lifetime: For how long signatures are valid, in seconds.
    """
    services = {
        "accessible": _method("keep_services", "accessible", "GET", "keep_services/accessible", {}, "KeepServiceList"),
        "list": _method("keep_services", "list", "GET", "keep_services", _LIST, "KeepServiceList"),
    }
    return {
        "kind": "discovery#restDescription",
        "discoveryVersion": "v1",
        "id": "arvados:v1",
        "name": "arvados",
        "version": "v1",
        "revision": _REVISION,
        "source_version": "keepset",
        "generatedAt": _EPOCH,
        "title": "Arvados API",
        "description": "Collections of a local store, by keepset",
        "documentationLink": "https://doc.arvados.org/api/index.html",
        "defaultCollectionReplication": 1,
        "protocol": "rest",
        "baseUrl": f"{root}arvados/v1/",
        "basePath": "/arvados/v1/",
        "rootUrl": root,
        "servicePath": "arvados/v1/",
        "batchPath": "batch",
        "uuidPrefix": CLUSTER,
        "defaultTrashLifetime": int(TRASH_LIFETIME),
        "blobSignatureTtl": lifetime,
        "maxRequestSize": LARGEST_REQUEST,
        "maxItemsPerResponse": LARGEST_LIMIT,
        "keepWebServiceUrl": root,
        "workbench2Url": root,
        "dockerImageFormats": [],
        "remoteHosts": {},
        "remoteHostsViaDNS": False,
        "parameters": {
            "alt": {"type": "string", "description": "The form of the reply.", "default": "json", "location": "query"},
            "oauth_token": {"type": "string", "description": "The token.", "location": "query"},
        },
        "auth": {"oauth2": {"scopes": {"https://api.arvados.org/auth/arvados": {"description": "All of it"}}}},
        "schemas": _schemas(),
        "resources": {
            "collections": {"methods": _collections()},
            "keep_services": {"methods": services},
            "users": {
                "methods": {
                    "current": _method("users", "current", "GET", "users/current", {}, "User"),
                    "get": _method("users", "get", "GET", "users/{uuid}", _UUID, "User"),
                }
            },
            "configs": {"methods": {"get": _method("configs", "get", "GET", "config", {}, None)}},
        },
    }


def _duration(seconds: int) -> str:
    """Write a duration as Go does."""
    return f"{seconds // 3600}h{seconds // 60 % 60}m{seconds % 60}s"


def configuration(root: str, lifetime: int = LIFETIME, storage_classes: tuple[str, ...] = STORAGE_CLASSES) -> Record:
    """Return the public part of the configuration of this cluster.

    Args:
        root: As for `discovery_document`.
        lifetime: As for `discovery_document`.
        storage_classes: What blocks can have; the first one is the default.
    """
    services = ("Controller", "Keepproxy", "WebDAV", "WebDAVDownload", "Workbench2")
    return {
        "ClusterID": CLUSTER,
        "API": {
            "MaxItemsPerResponse": LARGEST_LIMIT,
            "MaxRequestSize": LARGEST_REQUEST,
            "MaxKeepBlobBuffers": 0,
        },
        "Collections": {
            "BlobSigning": True,
            "BlobSigningTTL": _duration(lifetime),
            "CollectionVersioning": True,
            "DefaultReplication": 1,
            "DefaultTrashLifetime": _duration(int(TRASH_LIFETIME)),
            "ForwardSlashNameSubstitution": "",
            "PreserveVersionIfIdle": f"{IDLE_SECONDS:.0f}s",
            "TrustAllContent": False,
        },
        "RemoteClusters": {},
        "Services": {name: {"ExternalURL": root} for name in services},
        "StorageClasses": {name: {"Default": name == storage_classes[0], "Priority": 0} for name in storage_classes},
    }


def keep_services(root: str) -> Record:
    """Return the list of Keep services: this server, and that as a proxy.

    A proxy is trusted to know how many copies it has stored. There is one copy here whatever is asked for, and a client
    that wants two must not look for a second server.

    Args:
        root: As for `discovery_document`.
    """
    url = urlsplit(root)
    is_tls = url.scheme == "https"
    service = {
        "kind": "arvados#keepService",
        "etag": "1",
        "uuid": _KEEP_SERVICE,
        "owner_uuid": LOCAL_USER,
        "service_host": url.hostname or "",
        "service_port": url.port or (443 if is_tls else 80),
        "service_ssl_flag": is_tls,
        "service_type": "proxy",
        "read_only": False,
        "created_at": _EPOCH,
        "modified_at": _EPOCH,
        "modified_by_user_uuid": LOCAL_USER,
    }
    return {
        "kind": "arvados#keepServiceList",
        "etag": "",
        "self_link": "",
        "offset": 0,
        "limit": None,
        "items_available": 1,
        "items": [service],
    }


def user() -> Record:
    """Return the only user."""
    return {
        "kind": "arvados#user",
        "etag": "1",
        "uuid": LOCAL_USER,
        "owner_uuid": LOCAL_USER,
        "email": "local@localhost",
        "username": CLUSTER,
        "first_name": "Local",
        "last_name": "User",
        "full_name": "Local User",
        "is_active": True,
        "is_admin": False,
        "is_invited": True,
        "prefs": {},
        "created_at": _EPOCH,
        "modified_at": _EPOCH,
        "modified_by_user_uuid": LOCAL_USER,
    }
