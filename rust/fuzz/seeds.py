"""Put the shared vectors into the corpora of the targets that read texts."""

import json
from itertools import pairwise
from pathlib import Path

FUZZ = Path(__file__).parent
VECTORS = FUZZ.parents[1] / "tests" / "vectors" / "manifest_cases.jsonl"

texts = []
for line in VECTORS.read_bytes().split(b"\n")[:-1]:
    case = json.loads(line)
    texts.append(bytes.fromhex(case["hex"]) if "hex" in case else case["text"].encode())
# `compare` reads two texts, with a blank line between them: each vector and the next.
pairs = [left + b"\n" + right for left, right in pairwise(texts)]
for target, seeds in {"parse": texts, "normalize": texts, "compare": pairs}.items():
    corpus = FUZZ / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (corpus / f"vector-{number:03}").write_bytes(seed)
