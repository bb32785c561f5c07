"""What the range hands a client: addresses, paths, credentials, a seeded generator and a clock that ends in time."""

import json
import math
import os
import random as _random
import re
import time
from urllib.parse import quote

URL = os.environ.get('RANGE_URL', '')
FORM = os.environ.get('RANGE_FORM', 'plain')
EMAIL = os.environ.get('RANGE_EMAIL', '')
PASSWORD = os.environ.get('RANGE_PASSWORD', '')
KEY = os.environ.get('RANGE_API_KEY', '')
CLIENT_ID = os.environ.get('RANGE_CLIENT_ID', '')
CLIENT_SECRET = os.environ.get('RANGE_CLIENT_SECRET', '')
CA = os.environ.get('RANGE_CA') or True


def _read_api():
    if 'RANGE_API' in os.environ:
        return json.loads(os.environ['RANGE_API'])
    with open(os.environ['RANGE_API_FILE'], encoding='utf-8') as file:
        return json.load(file)


API = _read_api()
random = _random.Random(int(os.environ.get('RANGE_SEED', '1')))
_ends_at = time.monotonic() + float(os.environ.get('RANGE_SECONDS', '60')) - 0.5


def at(name, *ids):
    """Path of a logical name; ids fill its `{}` in turn."""
    rest = list(ids)
    return re.sub(r'\{[^}]*\}', lambda _: quote(str(rest.pop(0) if rest else ''), safe=''), API[name])


def link(name, *ids):
    return URL + at(name, *ids)


def left():
    """Seconds that are left."""
    return _ends_at - time.monotonic()


_calls = 600


def spend(calls=1):
    """What repeats itself says how many calls it has made."""
    global _calls
    _calls -= calls


def is_over():
    return left() <= 0 or _calls <= 0


def pause(seconds):
    time.sleep(max(0.0, min(seconds, left())))


def log(low, high):
    """Small values often, large ones now and then."""
    return low * (high / low) ** random.random()


def log_int(low, high):
    return max(low, min(high, round(log(low, high))))


def chance(p):
    return random.random() < p


def around(value):
    """How long a person or a schedule lets pass around `value`."""
    return value * log(0.4, 2.5)


def retry_after(response, otherwise=1.0):
    """Seconds of a Retry-After header; a guess where there is none."""
    try:
        seconds = float(response.headers.get('Retry-After', ''))
    except ValueError:
        return otherwise
    return seconds if math.isfinite(seconds) and seconds > 0 else otherwise


def day_before(days):
    """A day of the last `days`, as an ISO time."""
    return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(1769558400 - days * 86400))
