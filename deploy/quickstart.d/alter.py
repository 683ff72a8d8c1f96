"""Changes one byte of an entry in a mirror of a log, as somebody would who wants another history: alter.py MIRROR."""
import pathlib
import sys

mirror = pathlib.Path(sys.argv[1])
size = int((mirror / "checkpoint").read_text(encoding="utf-8").split("\n")[1])
entry = size // 2
number, width = entry // 256, min(256, size - entry // 256 * 256)
parts = [f"{number % 1000:03d}"]
while number >= 1000:
    number //= 1000
    parts.insert(0, f"x{number % 1000:03d}")
path = mirror / "tile/entries" / ("/".join(parts) + ("" if width == 256 else f".p/{width}"))
bundle, at = bytearray(path.read_bytes()), 0
for _ in range(entry % 256):
    at += 2 + int.from_bytes(bundle[at:at + 2], "big")
# A letter or digit in the middle of the entry.
change = at + 2 + int.from_bytes(bundle[at:at + 2], "big") // 2
while not chr(bundle[change]).isalnum():
    change += 1
before = chr(bundle[change])
bundle[change] = ord("1" if before == "0" else "0")
path.chmod(0o600)
path.write_bytes(bundle)
print(f"  byte {change} of {path.relative_to(mirror)}, in entry {entry}: {before} is now {chr(bundle[change])}")
