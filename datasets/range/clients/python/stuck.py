"""Integrations that nobody looks after, and an office behind one address; the argument says which: revoked, moved, office."""

import os
import sys

import httpx
import requests

from seat import (
    CA,
    EMAIL,
    KEY,
    PASSWORD,
    URL,
    around,
    at,
    chance,
    is_over,
    log,
    log_int,
    pause,
    random,
    retry_after,
    spend,
)


ACCOUNTS = [(EMAIL, PASSWORD), *(tuple(pair.split(':', 1)) for pair in os.environ.get('RANGE_ACCOUNTS', '').split())]


def get(client, path, headers=None):
    spend()
    try:
        return client.get(URL + path, headers=headers, timeout=10)
    except (requests.RequestException, httpx.HTTPError):
        return None


def revoked():
    """Its key was taken back; it asks on, as often as ever."""
    client = requests.Session()
    client.headers['X-Api-Key'] = f'pk_{random.getrandbits(96):x}'
    if chance(0.5):
        client.headers['User-Agent'] = random.choice(['stock-widget/1.2', 'zap-runner', 'excel-connector'])
    every, paths = log(0.3, 6), random.choice([['orders'], ['orders', 'customers'], ['me', 'orders']])
    for _ in range(log_int(8, 150)):
        for name in paths:
            if is_over():
                return
            answer = get(client, at(name))
            if answer is not None and answer.status_code == 429:
                pause(retry_after(answer))
        pause(every)


def moved():
    """It still calls the paths of an API that is no more, or the right ones with a slash too many."""
    client = httpx.Client(verify=CA, headers={'X-Api-Key': KEY})
    orders = at('orders')
    old = random.choice(['/api/v1/items', '/v0/orders', f'{orders}/list', f'/api{orders}'])
    by_id, first, every = chance(0.5), random.randint(1000, 90000), log(0.2, 5)
    for n in range(log_int(10, 200)):
        if is_over():
            return
        get(client, f'{old}/{first + n}' if by_id else old)
        pause(every)


def office():
    """Several people behind one address, each with a session of their own in a desktop app."""
    people = []
    for email, password in random.sample(ACCOUNTS, random.randint(3, len(ACCOUNTS))):
        client = httpx.Client(
            verify=CA, headers={'User-Agent': f'DeskClient/{random.randint(2, 4)}.{random.randint(0, 9)}'}, timeout=10
        )
        people.append((client, email, password))
    between = log(0.1, 1.5)
    tokens = {}
    for _ in range(log_int(30, 350)):
        if is_over():
            return
        client, email, password = random.choice(people)
        if email not in tokens:
            spend()
            wrong = 'x' if chance(0.08) else ''
            answer = client.post(URL + at('login'), json={'email': email, 'password': password + wrong})
            if answer.status_code != 200:
                pause(around(between))
                continue
            tokens[email] = answer.json()['token']
        path = random.choice(
            [at('orders') + '?limit=20', at('products') + '?limit=20', at('me'), at('orders') + '?limit=20']
        )
        answer = get(client, path, {'Authorization': f'Bearer {tokens[email]}'})
        if answer is not None and answer.status_code == 401:
            del tokens[email]
        if answer is not None and answer.status_code == 200 and 'orders' in path and chance(0.5):
            for one in answer.json()['items'][:2]:
                get(client, at('order', one['id']), {'Authorization': f'Bearer {tokens[email]}'})
        pause(around(between))


{'revoked': revoked, 'moved': moved, 'office': office}[sys.argv[1]]()
