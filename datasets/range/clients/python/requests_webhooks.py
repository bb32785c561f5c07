"""Delivers another company's events to our hooks with requests, again with growing pauses where that fails. Forms: `steady`, `batch`,
`gone` (some of its subscriptions point to hooks that are no more)."""

import hashlib
import hmac
import json

import requests

from seat import FORM, URL, around, chance, is_over, link, log, log_int, pause, random, spend

NAMES = ['billing-events/1.2', 'ParcelHub-Notify', 'python-requests/2.34.2', 'FormRelay (+https://relay.example)']


def deliver(client, hook, secret):
    event = {
        'id': f'ev_{random.getrandbits(64):x}',
        'type': random.choice(['invoice.paid', 'parcel.delivered', 'form.sent']),
        'data': 'x' * log_int(20, 1500),
    }
    body = json.dumps(event).encode()
    mark = hmac.new(secret, body, hashlib.sha256).hexdigest()
    for tries in range(6):
        if is_over():
            return
        spend()
        try:
            answer = client.post(
                hook,
                data=body,
                headers={'Content-Type': 'application/json', 'X-Hook-Signature': mark, 'X-Attempt': str(tries + 1)},
                timeout=5,
            )
            if answer.status_code < 300 or answer.status_code == 410:
                return
        except requests.RequestException:
            pass
        pause(0.5 * 2**tries * random.uniform(0.8, 1.2))


def main():
    client = requests.Session()
    client.headers['User-Agent'] = random.choice(NAMES)
    secret = random.randbytes(16)
    hooks = [link('hooks', name) for name in ('billing', 'parcels', 'forms')]
    if FORM == 'gone':
        hooks += [f'{URL}/integrations/{random.getrandbits(32):x}/callback'] * 2
    hooks = random.sample(hooks, random.randint(1, len(hooks)))
    gap = log(0.3, 5)
    for _ in range(log_int(8, 150)):
        if is_over():
            return
        for _ in range(log_int(2, 20) if FORM == 'batch' and chance(0.3) else 1):
            deliver(client, random.choice(hooks), secret)
        pause(around(gap))


main()
