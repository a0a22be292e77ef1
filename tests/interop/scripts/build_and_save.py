"""Build a collection in the ways that scripts do, save it, change it and save it again."""

import csv
import io
import json
import os
import shutil
from typing import Any

from arvados.collection import Collection


def main(texts: list[str], session: dict[str, Any]) -> tuple[dict[str, Any], Collection]:
    """Build a collection, and say what became of it."""
    report: dict[str, Any] = {}
    collection = Collection(**session)
    with collection.open("readme.txt", "w") as file:
        file.write("Twelve samples.\n")
        file.write("Zw\u00f6lf Proben.\n")
    with collection.open("data/numbers.bin", "wb") as file:
        for number in range(100):
            file.write(bytes([number]) * number)
        report["size"] = file.tell(), file.size()
    with collection.open("data/copy.bin", "wb") as target:
        shutil.copyfileobj(io.BytesIO(bytes(range(256)) * 40), target, 1000)
    with collection.open("data/table.csv", "w") as file:
        csv.writer(file, lineterminator="\n").writerows([["name", "reads"], ["one", 1], ["two, too", 2]])
    collection.mkdirs("results/empty")
    with collection.find("results").open("summary.json", "w") as file:
        json.dump({"samples": 12}, file)
    with collection.open("readme.txt", "a") as file:
        file.write("The end.\n")
    with collection.open("readme.txt") as file:
        report["readme"] = file.read()
    report["before"] = collection.manifest_locator(), collection.modified(), collection.portable_data_hash()
    report["first"] = collection.save_new(name="built by a script", properties={"kind": "example"})
    record = collection.api_response()
    report["record"] = record["name"], record["portable_data_hash"], record["properties"], record["manifest_text"]
    report["saved"] = collection.modified(), collection.portable_data_hash(), collection.get_properties()

    again = Collection(collection.manifest_locator(), **session)
    report["loaded"] = again == collection, again.modified(), again.manifest_text()
    with again.open("data/numbers.bin", "rb+") as file:
        file.seek(1000)
        file.write(b"here")
        file.seek(0, os.SEEK_END)
        file.write(b"there")
    with again.open("data/copy.bin", "ab") as file:
        file.truncate(5000)
    with again.open("data/list.txt", "wb") as file:
        file.writelines([b"one\n", b"two\n"])
    again.remove("data/table.csv")
    report["differs"] = again == collection, again.modified()
    report["second"] = again.save()
    with Collection(collection.manifest_locator(), **session) as last, last.open("results/log.txt", "w") as file:
        file.write("saved on the way out\n")
    reader = Collection(collection.manifest_locator(), **session)
    report["third"] = reader.manifest_text()
    report["hash"] = reader.portable_data_hash()
    report["names"] = list(reader), list(reader["data"]), list(reader["results"])
    report["text"] = reader.manifest_text(strip=True)
    return report, reader
