"""The tool calls of a language model: reads the description, lists, looks, errs, reads the error and mends it; thinks between."""

import httpx

from seat import CA, EMAIL, KEY, PASSWORD, URL, around, at, chance, is_over, log, log_int, pause, random, retry_after

name = random.choice([None, None, 'agent-http-tool/0.2', 'AssistantFetcher/1.0 (user-initiated)'])
http = httpx.Client(
    base_url=URL,
    verify=CA if isinstance(CA, str) else True,
    timeout=20,
    http2=chance(0.3),
    headers={'User-Agent': name} if name else {},
)
state = {'token': KEY if chance(0.4) else None}
thinking = log(0.7, 7)


def login():
    answer = http.post(at('login'), json={'email': EMAIL, 'password': PASSWORD})
    state['token'] = answer.json().get('token') if answer.status_code == 200 else None


def call(method, path, **more):
    headers = {'Authorization': f'Bearer {state["token"]}'} if state['token'] else {}
    answer = http.request(method, path, headers=headers, **more)
    if answer.status_code == 401:
        pause(around(thinking))
        login()
        answer = http.request(method, path, headers={'Authorization': f'Bearer {state["token"]}'}, **more)
    elif answer.status_code in (429, 503):
        pause(retry_after(answer, 3))
    return answer


def items(answer):
    try:
        return answer.json().get('items', []) if answer.status_code == 200 else []
    except ValueError:
        return []


def search():
    words = random.choice(
        ['soft red towel', 'orders that were returned', 'lamp for a small desk', 'select a quiet clock', 'cheapest kettle OR mug']
    )
    for found in items(call('GET', at('search'), params={'q': words}))[: random.randint(0, 3)]:
        pause(around(thinking / 4))
        call('GET', at('product', found['id']))


def walk():
    kind = random.choice(['orders', 'products', 'products', 'customers'])
    shown = items(call('GET', at(kind)))
    for found in random.sample(shown, min(len(shown), random.randint(0, 4))):
        pause(around(thinking / 5))
        call('GET', at(kind[:-1], found['id']))


def invent():
    """An id or a path made up from the pattern, then the list after all."""
    tried = random.choice(
        [
            at('order', '12345'),
            at('order', 'ORD-2026-001'),
            at('customer', 'me'),
            at('orders') + '/count',
            at('product', 'lamp'),
            '/api/v1/tools',
        ]
    )
    call('GET', tried)
    pause(around(thinking / 2))
    walk()


def err():
    answer = call(
        'POST',
        at('orders'),
        json=random.choice([{}, {'product': 'lamp'}, {'items': []}, {'items': [{'productId': 'lamp', 'qty': 1}]}]),
    )
    if answer.status_code < 400:
        return
    pause(around(thinking / 2))
    shown = items(call('GET', at('products')))
    if shown:
        pause(around(thinking / 3))
        call('POST', at('orders'), json={'items': [{'productId': shown[0]['id'], 'qty': 1}]})


if chance(0.6):
    call('GET', at('openapi'))
for _ in range(log_int(2, 45)):
    if is_over():
        break
    pause(around(thinking))
    random.choice([search, search, walk, walk, walk, invent, err])()
