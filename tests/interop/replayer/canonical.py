"""FORMAT.md section 2: canonical JSON, the types of fields, and a reader that refuses what it does not know."""
import base64
import binascii
import datetime
import json
import re

LIMIT = 2**53 - 1
MAX_VALUES, MAX_DEPTH = 100_000, 16


class Bad(Exception):
    """What is wrong, as half a sentence; the caller adds where."""


def unbase64(text, what):
    """RFC 4648 section 4 with padding; one text for each value, so that no bit of it is free."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Bad(f"{what} is not base64") from None
    if base64.b64encode(data).decode() != text:
        raise Bad(f"{what} is not base64 in its one form")
    return data


def canonical(value):
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")


def _pairs(pairs):
    out = dict(pairs)
    if len(out) != len(pairs):
        raise Bad("an object has a key twice")
    return out


def _refuse(text):
    raise Bad(f"the number {text[:20]} is no integer")


def _walk(value):
    """Checks what the parser lets through: ranges, keys, depth and the number of values."""
    stack, seen = [(value, 1)], 0
    while stack:
        v, depth = stack.pop()
        seen += 1
        if seen > MAX_VALUES or depth > MAX_DEPTH + 1:
            raise Bad("the JSON text has too many values or is nested too deep")
        if isinstance(v, dict):
            if not all(re.fullmatch(r"[\x20-\x7e]*", k) for k in v):
                raise Bad("a key is not printable ASCII")
            stack += [(x, depth + 1) for x in v.values()]
        elif isinstance(v, list):
            stack += [(x, depth + 1) for x in v]
        elif isinstance(v, int) and not isinstance(v, bool) and abs(v) > LIMIT:
            raise Bad("a number is out of range")


def parse(data):
    """The value of a canonical text; Bad for every other text."""
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_pairs, parse_float=_refuse, parse_constant=_refuse)
    except (UnicodeDecodeError, ValueError, RecursionError) as e:
        raise Bad(f"it is not JSON: {type(e).__name__}") from None
    _walk(value)
    try:
        same = canonical(value) == data
    except UnicodeEncodeError:
        same = False
    if not same:
        raise Bad("the JSON is not in canonical form")
    return value


def is_int(v):
    return isinstance(v, int) and not isinstance(v, bool)


class Fields:
    """One object, read field by field. end() refuses fields that nobody asked for."""

    def __init__(self, value, what):
        if not isinstance(value, dict):
            raise Bad(f"{what} is no object")
        self.value, self.what, self.seen = value, what, set()

    def has(self, key):
        return key in self.value

    def get(self, key, kind, name):
        self.seen.add(key)
        v = self.value.get(key)
        if v is None or not isinstance(v, kind) or (kind is int and isinstance(v, bool)):
            raise Bad(f"{self.what}: {key} is missing or no {name}")
        return v

    def refuse(self, key, why):
        raise Bad(f"{self.what}: {key} {why}")

    def text(self, key, limit):
        v = self.get(key, str, "text")
        if len(v.encode("utf-8", "surrogatepass")) > limit:
            self.refuse(key, f"is longer than {limit} bytes")
        return v

    def one_of(self, key, allowed):
        v = self.text(key, 64)
        if v not in allowed:
            self.refuse(key, "has a value that is not in its list")
        return v

    def int(self, key, low, high):
        v = self.get(key, int, "integer")
        if not low <= v <= high:
            self.refuse(key, f"is not from {low} to {high}")
        return v

    def bool(self, key):
        return self.get(key, bool, "boolean")

    def hex(self, key, size):
        v = self.get(key, str, "text")
        if not re.fullmatch(rf"[0-9a-f]{{{2 * size}}}", v):
            self.refuse(key, f"is not {size} bytes in hexadecimal")
        return v

    def slug(self, key):
        v = self.get(key, str, "text")
        if not is_slug(v):
            self.refuse(key, "is no slug")
        return v

    def principal(self, key):
        return self.text(key, 72)

    def time(self, key):
        v = self.get(key, str, "text")
        if parse_time(v) is None:
            self.refuse(key, "is no time")
        return v

    def day(self, key):
        v = self.get(key, str, "text")
        if parse_day(v) is None:
            self.refuse(key, "is no day")
        return v

    def list(self, key, limit):
        v = self.get(key, list, "list")
        if len(v) > limit:
            self.refuse(key, f"has more than {limit} items")
        return v

    def object(self, key):
        return self.get(key, dict, "object")

    def end(self):
        unknown = sorted(set(self.value) - self.seen)
        if unknown:
            raise Bad(f"{self.what} has the unknown field {unknown[0][:64]!r}")


def is_slug(v):
    return isinstance(v, str) and re.fullmatch(r"[a-z][a-z0-9-]{0,63}", v) is not None


DAY_MS = 86_400_000
_EPOCH = datetime.date(1970, 1, 1).toordinal()


def parse_day(text):
    """Milliseconds of its midnight, or None."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        ordinal = datetime.date(int(text[:4]), int(text[5:7]), int(text[8:])).toordinal()
    except ValueError:
        return None
    return (ordinal - _EPOCH) * DAY_MS if ordinal >= _EPOCH else None


def parse_time(text):
    m = re.fullmatch(r"([0-9-]{10})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.([0-9]{3})Z", text)
    day = parse_day(m[1]) if m else None
    if day is None or int(m[2]) > 23 or int(m[3]) > 59 or int(m[4]) > 59:
        return None
    return day + ((int(m[2]) * 60 + int(m[3])) * 60 + int(m[4])) * 1000 + int(m[5])


def format_day(ms):
    return datetime.date.fromordinal(ms // DAY_MS + _EPOCH).isoformat()


def format_time(ms):
    s, milli = divmod(ms % DAY_MS, 1000)
    return f"{format_day(ms)}T{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}.{milli:03d}Z"
