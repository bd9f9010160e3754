#!/usr/bin/env python3
"""A second verifier of journals, written from docs/journal-format.md alone.

In: a journal's folder. Out: one line of JSON: {"verdict": "verified"|"incomplete"|"invalid",
"records": N, "chain": hex after the last good record, "fault": text or null, "tiles": what is wrong with
them or null}. Exits with 0, 3 or 1. What was signed is read by `journal_tree.py`. Standard library and the
`zstd` program for packed segments, nothing of stile's: two readings of one page that agree.
"""

import hashlib
import json
import pathlib
import struct
import subprocess
import sys

import journal_tree

DISCLOSED = 0x40
KINDS = {1: "decision", 2: "outcome", 3: "session", 4: "event"}


class Invalid(Exception):
    pass


class Torn(Exception):
    pass


def main():
    journal, folder = Journal(), pathlib.Path(sys.argv[1])
    try:
        paths = segments(folder)
        demand(paths, "no segment")
        for path in paths:
            journal.segment(path, is_last=path == paths[-1])
        verdict, fault = journal.ending(folder)
    except (Invalid, journal_tree.Broken, KeyError, ValueError) as broken:
        verdict, fault = "invalid", str(broken)
    except Torn as torn:
        verdict, fault = "incomplete", str(torn)
        if journal.erased:
            verdict, fault = "invalid", "erased without a record"
    print(json.dumps({"verdict": verdict, "records": journal.records,
                      "chain": (journal.chain or b"").hex(), "fault": fault,
                      "tiles": journal_tree.bundles_fit(folder / "tiles", journal.first, journal.leaves)}))
    sys.exit({"verified": 0, "incomplete": 3, "invalid": 1}[verdict])


class Journal:
    def __init__(self):
        self.seq = self.chain = self.origin = None
        self.records, self.open, self.last, self.first = 0, set(), None, 0
        self.erased, self.pruned, self.leaves = set(), None, []

    def segment(self, path, is_last):
        is_packed = path.suffix == ".zst"
        data = unpacked(path) if is_packed else path.read_bytes()
        first = self.head(data[:512], path.name)
        demand(int(path.name[:20]) == first, f"{path.name}: another number in its head")
        at = 512
        while data[at:at + 1] not in (b"", b"\0"):
            frame = whole_frame(data, at)
            if frame is None:
                behind = any(whole_frame(data, found) for found in occurrences(data, at + 1))
                demand(is_last and not is_packed and not behind, f"{path.name}: no frame at byte {at}")
                raise Torn(f"{path.name}: ends within a frame at byte {at}")
            place = f"{path.name} at byte {at}"
            at += 53 + len(frame[3])
            beside = None
            if frame[0] & DISCLOSED:
                beside = disclosure(data, at)
                if beside is None:
                    behind = any(whole_frame(data, found) for found in occurrences(data, at))
                    demand(is_last and not behind, f"{place}: disclosure")
                    raise Torn(f"{place}: ends within a disclosure")
                at += 6 + len(beside)
            self.frame(*frame, beside, place)
        if data[at:].strip(b"\0"):
            demand(is_last and not is_packed and not any(whole_frame(data, found) for found in occurrences(data, at)),
                   f"{path.name}: zeros, then something, from byte {at}")
            raise Torn(f"{path.name}: not only zeros behind byte {at}")

    def head(self, head, name):
        demand(len(head) == 512 and head[:16] == b"stile\xf5\r\n" + struct.pack(">II", 1, 512),
               f"{name}: no head of format 1")
        demand(crc32c(head[:16] + head[20:]) == number(head[16:20]), f"{name}: checksum of the head")
        first, chain, _, size, _ = struct.unpack(">Q32sQHH", head[20:72])
        origin = head[72:72 + size].decode()
        if self.origin is None:
            self.origin, self.first = origin, first
            begin = hashlib.sha256(b"stile journal 1\n" + origin.encode()).digest()
            demand(first > 0 or chain == begin, f"{name}: the chain does not begin with the origin")
            self.seq, self.chain = first, chain
        demand((origin, first, chain) == (self.origin, self.seq, self.chain),
               f"{name}: not the segment that should follow")
        return first

    def frame(self, kind, seq, chain, record, beside, place):
        kind &= ~DISCLOSED
        demand(seq == self.seq, f"{place}: sequence number")
        leaf = hashlib.sha256(b"\0" + record).digest()
        self.leaves.append(leaf)
        demand(chain == hashlib.sha256(self.chain + leaf).digest(), f"{place}: chain value")
        demand(min(record) >= 0x20, f"{place}: not one line")
        said = json.loads(record)
        demand(said["kind"] == KINDS.get(kind) and said["log"] == self.origin, f"{place}: record")
        self.personal(seq, said, beside, place)
        inputs = said.get("inputs", {"at": "", "issuer": ""})
        demand(type(inputs.get("at")) is type(inputs.get("issuer")) is str or "inputs" in said.get("cut", {}),
               f"{place}: inputs")
        if said.get("decision") == "allow":
            demand(said["id"] not in self.open, f"{place}: decided twice")
            self.open.add(said["id"])
        if kind == 2:
            demand(said["ref"] in self.open or self.first > 0, f"{place}: outcome of no open allow")
            self.open.discard(said["ref"])
        self.seq, self.chain, self.last = seq + 1, chain, said
        self.records += 1

    def personal(self, seq, said, beside, place):
        demand((beside is None) == ("personal" not in said), f"{place}: a disclosure or its digest is missing")
        if beside is not None and not beside.strip(b"\0"):
            self.erased.add(seq)
        elif beside is not None:
            demand(hashlib.sha256(beside).hexdigest() == said["personal"], f"{place}: digest of the disclosure")
        if said.get("event") == "prune":
            self.pruned = (seq, said["detail"]["before"])
        if said.get("event") == "redaction":
            last = -1
            for word in said["detail"]["seqs"].split():
                first, _, to = word.partition("-")
                first, to = int(first), int(to or first)
                demand(last < first <= to, f"{place}: seqs")
                self.erased = {seq for seq in self.erased if not first <= seq <= to}
                last = to

    def ending(self, folder):
        demand(not self.erased, f"erased without a record: {sorted(self.erased)[:5]}")
        tree = journal_tree.Tree(folder, self.first)
        gone = tree.missing(self.pruned) or tree.check(self.origin, self.leaves)
        if gone:
            return "incomplete", gone
        if self.open or self.last is None or self.last.get("event") != "stop":
            return "incomplete", f"not closed, {len(self.open)} allows without an outcome"
        return "verified", None


def segments(folder):
    """The segments in order; one that is there plain and packed is read plain."""
    names = {path.name[:20]: path for path in sorted(folder.glob("[0-9]" * 20 + ".seg.zst"))}
    names.update({path.name[:20]: path for path in folder.glob("[0-9]" * 20 + ".seg")})
    return [names[first] for first in sorted(names)]


def unpacked(path):
    data = path.read_bytes()
    head, body = data[:32], data[32:]
    demand(len(head) == 32 and head[:16] == b"\x5e*M\x18\x18\0\0\0stile\xf5\rz"
           and crc32c(head[:28]) == number(head[28:]), f"{path.name}: no head of a packed segment")
    demand(crc32c(body) == number(head[24:28]), f"{path.name}: checksum of what is packed")
    done = subprocess.run(["zstd", "-dc", str(path)], capture_output=True)
    demand(done.returncode == 0, f"{path.name}: {done.stderr.decode()}")
    demand(len(done.stdout) == number(head[16:24]), f"{path.name}: another size when unpacked")
    return done.stdout


def whole_frame(data, at):
    """Kind, sequence number, chain value and record of a frame whose checksum fits, or None."""
    if data[at:at + 4] != b"\xf5STL":
        return None
    end = at + 53 + number(data[at + 4:at + 8])
    if not at + 53 < end <= min(len(data), at + 53 + 65535):
        return None
    if crc32c(data[at:at + 8] + data[at + 12:end]) != number(data[at + 8:at + 12]):
        return None
    kind, seq, chain = struct.unpack(">BQ32s", data[at + 12:at + 53])
    return kind & 0x7F, seq, chain, data[at + 53:end]


def disclosure(data, at):
    """Salt and object behind a record, or None."""
    end = at + 22 + number(data[at:at + 2])
    if end == at + 22 or end > len(data):
        return None
    if crc32c(data[at:at + 2] + data[at + 6:end]) != number(data[at + 2:at + 6]):
        return None
    return data[at + 6:end]


def occurrences(data, at):
    while (at := data.find(b"\xf5STL", at)) >= 0:
        yield at
        at += 1


def number(digits):
    return int.from_bytes(digits, "big")


def crc_table():
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        yield byte


TABLE = list(crc_table())


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def demand(holds, fault):
    if not holds:
        raise Invalid(fault)


if __name__ == "__main__":
    assert crc32c(b"123456789") == 0xE3069283  # the check value of RFC 3720's CRC
    main()
