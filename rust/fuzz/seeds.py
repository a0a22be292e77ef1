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
# `merge` reads three in the same way.
triples = [b"\n".join(three) for three in zip(texts, texts[1:], texts[2:], strict=False)]
for target, seeds in {"parse": texts, "normalize": texts, "compare": pairs, "merge": triples}.items():
    corpus = FUZZ / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (corpus / f"vector-{number:03}").write_bytes(seed)
