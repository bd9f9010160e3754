"""What was signed over a journal, read from docs/journal-format.md and the C2SP pages it names alone.

In: a journal's folder, then the hash of each record. Out: whether the records are what was signed, and
what of the signed is not here. Standard library, and the `openssl` program for Ed25519.
"""

import base64
import hashlib
import pathlib
import struct
import subprocess
import tempfile

ED25519_INFO = bytes.fromhex("302a300506032b6570032100")  # RFC 8410, 4: SubjectPublicKeyInfo


class Broken(Exception):
    pass


class Tree:
    def __init__(self, folder, first):
        self.folder, self.first = folder, first
        self.log, self.epochs = read_vkeys(folder / "vkeys")
        self.newest = checkpoint(folder / "checkpoint")
        self.ends = {n: checkpoint(folder / "epochs" / f"{n}.checkpoint") for n in range(1, len(self.epochs) + 1)}
        self.leaves = leaves_before(folder / "tiles", first)

    def missing(self, pruned):
        """Why the first records are not here, or nothing where that is in order."""
        if self.first == 0:
            return None
        if not pruned:
            return "the first records are not here"
        event, before = pruned
        if not self.newest or self.newest.size <= event:
            return "no checkpoint covers the event that says that they were pruned"
        if before < self.first:
            return f"records {before} to {self.first - 1} are not here, and no event says that they were pruned"
        if self.leaves is None:
            return "the tiles that stand in for what was pruned are not here"
        return None

    def check(self, origin, leaves):
        """Holds all records against each checkpoint; says which records are signed and not here."""
        gone = None
        known = None if self.leaves is None else self.leaves + leaves
        for name, note in [("checkpoint", self.newest), *((f"epochs/{n}", end) for n, end in self.ends.items())]:
            if note is None:
                continue
            demand(note.origin == origin, f"{name}: another log")
            demand(note.is_signed_by(self.log), f"{name}: not signed by the log's key")
            if known is None:
                continue
            if note.size > len(known):
                gone = f"records {len(known)} to {note.size - 1} were signed and are not here"
            else:
                demand(root(known[:note.size]) == note.root, f"{name}: the records are not what was signed")
        for n, end in self.ends.items():
            demand(end is None or end.is_signed_by(self.epochs[n - 1]), f"epochs/{n}: not signed by its key")
        if self.newest and self.epochs:
            *before, last = self.epochs
            end = self.ends.get(len(before))
            in_time = before and end and self.newest.size <= end.size and self.newest.is_signed_by(before[-1])
            demand(self.newest.is_signed_by(last) or in_time, "checkpoint: not signed by the newest epoch's key")
        return gone


class Note:
    def __init__(self, text):
        self.text, _, lines = text.rpartition("\n\n")
        self.text += "\n"
        origin, size, digest = self.text.split("\n")[:3]
        self.origin, self.size, self.root = origin, int(size), base64.b64decode(digest, validate=True)
        demand(str(self.size) == size and len(self.root) == 32, "no checkpoint")
        self.lines = [line.split(" ") for line in lines.splitlines()]

    def is_signed_by(self, key):
        name, number, public = key
        for dash, of, line in self.lines:
            signed = base64.b64decode(line, validate=True)
            if dash == "\u2014" and of == name and signed[:4] == number:
                demand(verifies(public, self.text.encode(), signed[4:]), f"a signature of {name} does not hold")
                return True
        return False


def checkpoint(path):
    return Note(path.read_text()) if path.exists() else None


def read_vkeys(path):
    lines = path.read_text().splitlines() if path.exists() else []
    log = [vkey(line.split(" ")[1]) for line in lines if line.startswith("log ")]
    epochs = [vkey(line.split(" ")[2]) for line in lines if line.startswith("epoch ")]
    return (log or [("", b"", b"")])[0], epochs


def vkey(text):
    name, number, key = text.split("+", 2)
    raw = base64.b64decode(key, validate=True)
    number = bytes.fromhex(number)
    demand(raw[:1] == b"\x01" and len(raw) == 33, f"{name}: no Ed25519 key")
    demand(hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4] == number, f"{name}: the id is another key's")
    return name, number, raw[1:]


def verifies(public, message, signature):
    with tempfile.TemporaryDirectory() as folder:
        files = {name: pathlib.Path(folder, name) for name in ("key", "message", "signature")}
        files["key"].write_bytes(ED25519_INFO + public)
        files["message"].write_bytes(message)
        files["signature"].write_bytes(signature)
        command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", files["key"],
                   "-in", files["message"], "-sigfile", files["signature"]]
        return subprocess.run(command, capture_output=True).returncode == 0


def root(leaves):
    """RFC 6962, 2.1, with the peaks of a growing tree."""
    peaks = []
    for leaf in leaves:
        size = 1
        while peaks and peaks[-1][0] == size:
            leaf = hashlib.sha256(b"\1" + peaks.pop()[1] + leaf).digest()
            size *= 2
        peaks.append((size, leaf))
    if not peaks:
        return hashlib.sha256().digest()
    _, whole = peaks.pop()
    while peaks:
        whole = hashlib.sha256(b"\1" + peaks.pop()[1] + whole).digest()
    return whole


def leaves_before(tiles, first):
    """The hashes of the records before the first one that is here, from the tiles of level 0."""
    leaves = []
    while len(leaves) < first:
        path = tile(tiles / "tile" / "0", len(leaves) // 256)
        partials = sorted(path.parent.glob(path.name + ".p/*"), key=lambda p: int(p.name))
        path = path if path.exists() else (partials or [path])[-1]
        if not path.exists():
            return None
        data = path.read_bytes()
        before = len(leaves)
        leaves += [data[at:at + 32] for at in range(0, len(data) // 32 * 32, 32)]
        if len(leaves) < min(first, before + 256):
            return None
    return leaves[:first]


def records_in(bundle):
    """The records of a bundle of entries: a length of two bytes before each."""
    at = 0
    while at < len(bundle):
        size, = struct.unpack(">H", bundle[at:at + 2])
        yield bundle[at + 2:at + 2 + size]
        at += 2 + size


def bundles_fit(tiles, first, leaves):
    """Whether each bundle that is here has the records of the journal at its place."""
    entries = tiles / "tile" / "entries"
    for index in range(first // 256, (first + len(leaves)) // 256):
        path = tile(entries, index)
        if not path.exists():
            continue
        for at, record in enumerate(records_in(path.read_bytes()), index * 256):
            if at >= first and hashlib.sha256(b"\0" + record).digest() != leaves[at - first]:
                return f"{path.name}: record {at} is another one"
    return None


def tile(folder, index):
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at:at + 3] for at in range(0, len(digits), 3)]
    return folder.joinpath(*["x" + group for group in groups[:-1]], groups[-1])


def demand(holds, fault):
    if not holds:
        raise Broken(fault)
