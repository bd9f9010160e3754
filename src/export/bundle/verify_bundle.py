#!/usr/bin/env python3
"""Verifies a bundle of `stile audit export` without stile, by Python's standard library alone.

    verify_bundle.py BUNDLE [VKEY]

BUNDLE is the tar or the folder it was unpacked to. VKEY is the journal's public key, from somewhere
else than the bundle. Written after HOW-TO-VERIFY.txt. Exits with 0 when nothing is wrong.
"""

import base64
import csv
import hashlib
import io
import json
import os
import sys
import tarfile

wrong = []


def check(is_right, file, what):
    if not is_right:
        wrong.append(f"{file}: {what}")


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def files_of(path):
    """Name and bytes of each file; a name that stands twice is wrong."""
    files = {}
    if os.path.isdir(path):
        for folder, _, names in os.walk(path):
            for name in names:
                full = os.path.join(folder, name)
                with open(full, "rb") as file:
                    files[os.path.relpath(full, path)] = file.read()
        return files
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            check(member.isreg() and member.name not in files, member.name, "not a file, or there twice")
            if member.isreg():
                files[member.name] = tar.extractfile(member).read()
    return files


def digests(files):
    listed = {}
    for line in files.get("SHA256SUMS", b"").decode().splitlines():
        digest, _, name = line.partition("  ")
        check(name not in listed, "SHA256SUMS", f"{name} is listed twice")
        listed[name] = digest
    check(listed, "SHA256SUMS", "missing or empty")
    for name in sorted((set(files) | set(listed)) - {"SHA256SUMS"}):
        check(name in files, name, "missing")
        check(name in listed, name, "not in SHA256SUMS")
        if name in files and name in listed:
            is_it = hashlib.sha256(files[name]).hexdigest() == listed[name]
            check(is_it, name, "another digest than in SHA256SUMS")


def root_of(leaves, begin, end, hashes):
    """The root over leaves (number, hash) and the hashes beside them, RFC 6962 2.1."""
    if not leaves:
        return next(hashes)
    if end - begin == 1:
        return leaves[0][1]
    middle = begin + (1 << ((end - begin - 1).bit_length() - 1))
    left = [leaf for leaf in leaves if leaf[0] < middle]
    right = [leaf for leaf in leaves if leaf[0] >= middle]
    return sha256(b"\x01", root_of(left, begin, middle, hashes), root_of(right, middle, end, hashes))


def whole(leaf, beside, name):
    """A record with what it says of a person, which its leaf has the salted digest of."""
    said = json.loads(leaf)
    is_it = len(beside) == 2 and len(beside[0]) == 32
    is_it = is_it and sha256(bytes.fromhex(beside[0].decode()), beside[1]).hex() == said.pop("personal", "")
    check(is_it, name, "what is said of a person is not what the leaf says")
    if not is_it:
        return b""
    for member, value in json.loads(beside[1]).items():
        both = isinstance(value, dict) and isinstance(said.get(member), dict)
        said[member] = {**said[member], **value} if both else said.get(member, value)
    return canonical(said).encode()


def canonical(value):
    """RFC 8785, for what records are made of."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(name)}:{canonical(value[name])}" for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def journal(files, number, said, vkey):
    """The records of one journal by number, after holding them against its signed tree."""
    name = f"leaves/{number}.txt"
    records, leaves = {}, []
    for line in files.get(name, b"").split(b"\n")[:-1]:
        seq, _, kept = line.partition(b"\t")
        record, *beside = kept.split(b"\t", 2)
        check(seq.isdigit() and (not leaves or leaves[-1][0] < int(seq)), name, f"{seq!r} out of order")
        records[int(seq)] = whole(record, beside, name) if beside else record
        leaves.append((int(seq), sha256(b"\x00", record)))
    check(len(leaves) == said["leaves"], name, "another number of records than in MANIFEST.json")
    note = files.get(f"keys/{number}.checkpoint", b"").decode()
    check(note.endswith("\n"), f"keys/{number}.checkpoint", "its last line is not ended")
    text, _, signatures = note.rpartition("\n\n")
    origin, size, root = (text + "\n").split("\n")[:3] if text.count("\n") >= 2 else ("", "0", "")
    check(origin == said["origin"], f"keys/{number}.checkpoint", "of another journal")
    check((int(size), root) == (said["size"], said["root"]), "MANIFEST.json", "another size or root")
    name = f"proofs/{number}.txt"
    lines = files.get(name, b"").decode().split("\n")
    check(lines[0] == "stile multiproof 1", name, "of no known form")
    hashes = iter([base64.b64decode(line) for line in lines[1:-1]])
    try:
        is_it = leaves[-1][0] < int(size) and root_of(leaves, 0, int(size), hashes) == base64.b64decode(root)
        check(is_it and next(hashes, None) is None, name, "does not lead to the root")
    except (IndexError, StopIteration, RuntimeError):
        check(False, name, "has too few hashes")
    keys = files.get(f"keys/{number}.vkeys", b"").decode().splitlines()
    log = next((line[4:] for line in keys if line.startswith("log ")), "")
    signed = f"{text}\n".encode()
    check(is_signed(signed, signatures, log), f"keys/{number}.checkpoint", "not signed by the log's key")
    if vkey:
        check(is_signed(signed, signatures, vkey), f"keys/{number}.checkpoint", "not signed by the key you gave")
    return records


def rows(files, records):
    """Holds the rows against the records, and their number in each form against each other."""
    lines = files.get("data.jsonl", b"").split(b"\n")[:-1]
    used, decisions = set(), {}
    for number, line in enumerate(lines, 1):
        row = json.loads(line)
        origin, seq = row["origin"], row["seq"]
        of = records.get(origin, {})
        record = of.get(seq, b"")
        outcome = b""
        used.add((origin, seq))
        if "outcome" in row:
            used.add((origin, row["outcome_seq"]))
            written = of.get(row["outcome_seq"], b"")
            outcome = b'"outcome":%s,"outcome_seq":%d,' % (written, row["outcome_seq"])
            check(row["outcome"].get("ref") == row["record"].get("id"), "data.jsonl", f"row {number}: foreign outcome")
        name = json.dumps(origin, ensure_ascii=False).encode()
        expected = b'{"origin":%s,%s"record":%s,"seq":%d}' % (name, outcome, record, seq)
        check(line == expected, "data.jsonl", f"row {number} is not what the journal has")
        decision = row["record"].get("decision", "event")
        decisions[decision] = decisions.get(decision, 0) + 1
    for origin, of in records.items():
        for seq, record in of.items():
            is_key = json.loads(record).get("event") == "key.rotate"
            check(is_key or (origin, seq) in used, "leaves", f"record {seq} belongs to no row")
    table = csv.reader(io.StringIO(files.get("data.csv", b"").decode(), newline=""), strict=True)
    check(sum(1 for _ in table) == len(lines) + 1, "data.csv", "another number of rows than data.jsonl")
    ocsf = files.get("data.ocsf.jsonl", b"").split(b"\n")[:-1]
    check(len(ocsf) == len(lines), "data.ocsf.jsonl", "another number of rows than data.jsonl")
    for number, (line, event) in enumerate(zip(lines, ocsf), 1):
        row, event = json.loads(line), json.loads(event)
        is_same = (event["metadata"]["sequence"], event["time"]) == (row["seq"], row["record"]["time"])
        check(is_same, "data.ocsf.jsonl", f"row {number} is another")
    return len(lines), decisions


# Ed25519, RFC 8032 5.1.7. Slow and for public values only.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(a, b):
    (x1, y1, z1, t1), (x2, y2, z2, t2) = a, b
    e, f = (y1 - x1) * (y2 - x2), (y1 + x1) * (y2 + x2)
    g, h = 2 * t1 * t2 * D, 2 * z1 * z2
    p, q, r, s = f - e, h - g, h + g, f + e
    return (p * q % P, r * s % P, q * r % P, p * s % P)


def times(point, factor):
    result = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            result = add(result, point)
        point, factor = add(point, point), factor >> 1
    return result


def point_of(encoded):
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def holds(public, message, signature):
    a, r = point_of(public), point_of(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L or len(signature) != 64:
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    one = times(BASE, s)
    other = add(r, times(a, int.from_bytes(digest, "little") % L))
    return (one[0] * other[2] - other[0] * one[2]) % P == 0 and (one[1] * other[2] - other[1] * one[2]) % P == 0


def is_signed(text, signatures, vkey):
    """Whether a key (C2SP signed-note, type 1) made one of the signatures."""
    name, _, rest = vkey.partition("+")
    key_id, _, key = rest.partition("+")
    key = base64.b64decode(key or "")
    if len(key) != 33 or key[0] != 1:
        return False
    is_id = sha256(name.encode(), b"\n", key)[:4].hex() == key_id
    for line in signatures.splitlines():
        dash, by, made = (line.split(" ") + ["", ""])[:3]
        made = base64.b64decode(made or "")
        if dash == "\u2014" and by == name and made[:4].hex() == key_id:
            return is_id and holds(key[1:], text, made[4:])
    return False


def main(path, vkey=None):
    files = files_of(path)
    digests(files)
    manifest = json.loads(files["MANIFEST.json"])
    for name, said in manifest["files"].items():
        is_it = name in files and hashlib.sha256(files[name]).hexdigest() == said["sha256"]
        check(is_it and len(files[name]) == said["bytes"], name, "not as in MANIFEST.json")
    records = {}
    for number, said in enumerate(manifest["journals"], 1):
        records[said["origin"]] = journal(files, number, said, vkey)
    count, decisions = rows(files, records)
    check(count == manifest["rows"], "MANIFEST.json", "another number of rows")
    check(decisions == manifest["decisions"], "MANIFEST.json", "other decisions")
    for what in wrong:
        print(f"WRONG {what}")
    if wrong:
        sys.exit(1)
    print(f"{count} rows, each in a journal's signed tree")
    if not vkey:
        print("not proved: who signed it (give the journal's public key)")
    print("not proved: that no row was left out; who exported and when")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])
