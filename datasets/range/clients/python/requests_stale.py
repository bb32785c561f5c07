"""Brings a list of old records up to date for a mailing: a share of the people and orders in it are gone."""

import os
import uuid

import requests

from seat import EMAIL, KEY, PASSWORD, URL, around, at, chance, is_over, link, log, log_int, pause, random, retry_after

http = requests.Session()
name = random.choice([None, 'crm-cleanup/0.8', 'mailing-refresh (python)'])
if name:
    http.headers['User-Agent'] = name
as_user = chance(0.3)


def enter():
    if as_user:
        answer = http.post(link('login'), json={'email': EMAIL, 'password': PASSWORD}, timeout=20)
        answer.raise_for_status()
        http.headers['Authorization'] = f'Bearer {answer.json()["token"]}'
    else:
        http.headers['X-Api-Key'] = KEY


def get(path):
    answer = None
    for tries in range(4):
        answer = http.get(URL + path, timeout=20)
        if answer.status_code == 401 and as_user:
            enter()
        elif answer.status_code in (429, 503):
            pause(retry_after(answer, 2**tries))
        else:
            break
        if is_over():
            break
    return answer


def known(kind, count):
    """Ids that exist: from the books where the range hands them out, else from the list."""
    books = os.environ.get('RANGE_IDS' if kind == 'order' else 'RANGE_CUSTOMER_IDS', '')
    if not as_user and os.path.exists(books):
        with open(books, encoding='utf-8') as file:
            return file.read().split()
    found, path = [], f'{at(kind + "s")}?limit=100'
    while path and len(found) < count and not is_over():
        answer = get(path)
        if answer.status_code != 200:
            break
        page = answer.json()
        found += [str(item['id']) for item in page['items']]
        path = page['next']
    return found


def lost(id, there):
    """The id of a record that has been there and is gone."""
    if not id.isdigit():
        return str(uuid.UUID(int=random.getrandbits(128), version=4))
    for near in range(int(id) + 1, int(id) + 40):
        if str(near) not in there:
            return str(near)
    return str(int(id) + 2_000_000)


enter()
kind = 'order' if as_user else random.choice(['order', 'customer', 'customer'])
count, gone, between = log_int(8, 300), random.uniform(0.3, 0.6), log(0.02, 1.2)
there = known(kind, count)
everything = set(there)
start = random.randint(0, max(0, len(there) - count))
old = there[start : start + count] if chance(0.5) else random.sample(there, min(count, len(there)))
for id in old:
    if is_over():
        break
    get(at(kind, lost(id, everything) if chance(gone) else id))
    pause(around(between))
