#!/usr/bin/env python3
"""Shows what a simulated power cut does to syncs, without anything of stile: sync-under-a-cut.py [CUTS]

A thread writes blocks to an ext4 in a file, one sync after the other, and notes when each sync that
returned without an error began and ended. The file system is shut down without its log being written
(EXT4_IOC_SHUTDOWN), mounted again, and each noted block looked for. Needs root and loop devices.

What is printed tells which syncs the kernel called successful and lost all the same: it matters to
tests/endure/power.rs that all of them were under way when the cut came.
"""

import fcntl
import os
import random
import struct
import subprocess
import sys
import tempfile
import threading
import time

SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, struct.pack("I", 2)
BLOCK, BLOCKS = 4096, 2000


def block(number):
    return struct.pack("<Q", number + 1) * (BLOCK // 8)


def write_until_it_fails(descriptor, noted):
    for number in range(BLOCKS):
        try:
            os.pwrite(descriptor, block(number), number * BLOCK)
            begun = time.monotonic_ns()
            os.fdatasync(descriptor)
        except OSError:
            return
        noted.append((number, begun, time.monotonic_ns()))


def unmount(mounted):
    for _ in range(100):
        if subprocess.run(["umount", mounted], stderr=subprocess.DEVNULL).returncode == 0:
            return
        time.sleep(0.05)
    sys.exit(f"{mounted} stays in use")


def one_cut():
    """The syncs that were lost: how many had ended before the cut, were under way, began after it."""
    with tempfile.TemporaryDirectory() as folder:
        image, mounted = f"{folder}/image", f"{folder}/mounted"
        os.mkdir(mounted)
        with open(image, "wb") as file:
            file.truncate(96 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, mounted], check=True)
        path = f"{mounted}/blocks"
        descriptor, above = os.open(path, os.O_RDWR | os.O_CREAT), os.open(mounted, os.O_RDONLY)
        os.posix_fallocate(descriptor, 0, BLOCKS * BLOCK)
        os.fsync(descriptor)
        os.fsync(above)
        noted = []
        writer = threading.Thread(target=write_until_it_fails, args=(descriptor, noted))
        writer.start()
        time.sleep(random.uniform(0.02, 0.3))
        cut = time.monotonic_ns()
        fcntl.ioctl(above, SHUTDOWN, NO_LOG_FLUSH)
        cut_ended = time.monotonic_ns()
        writer.join()
        os.close(descriptor)
        os.close(above)
        unmount(mounted)
        subprocess.run(["mount", "-o", "loop", image, mounted], check=True)
        with open(path, "rb") as file:
            found = file.read()
        unmount(mounted)
    lost = [0, 0, 0]
    for number, begun, ended in noted:
        if found[number * BLOCK:(number + 1) * BLOCK] != block(number):
            lost[0 if ended < cut else 1 if begun <= cut_ended else 2] += 1
    return lost


def main():
    cuts = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    all_lost = [sum(some) for some in zip(*(one_cut() for _ in range(cuts)))]
    print(f"{cuts} cuts. Syncs that were called successful and lost: {all_lost[0]} that had ended before")
    print(f"the cut, {all_lost[1]} that were under way, {all_lost[2]} that began after it")
    sys.exit(1 if all_lost[0] or all_lost[2] else 0)


main()
