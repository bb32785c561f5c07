"""A nightly export: signs in, reads the lists page by page, writes a file. Some scripts know sessions, some don't."""

import csv

import requests

from seat import (
    CLIENT_ID,
    CLIENT_SECRET,
    EMAIL,
    KEY,
    PASSWORD,
    around,
    at,
    chance,
    day_before,
    is_over,
    link,
    log,
    log_int,
    pause,
    random,
    retry_after,
    spend,
    URL,
)

session = requests.Session() if chance(0.7) else None
name = random.choice(
    [
        None,
        None,
        'nightly-export/1.3',
        'reporting-job (data@partner.example)',
        'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36',
    ]
)
state = {'token': None, 'refresh': None}
how = random.choice(['login', 'login', 'app', 'key'])


def send(method, url, **more):
    spend()
    headers = {**({'User-Agent': name} if name else {}), **more.pop('headers', {})}
    return (session or requests).request(method, url, headers=headers, timeout=20, **more)


def enter():
    if how == 'key':
        state['token'] = KEY
        return
    if how == 'app':
        answer = send(
            'POST',
            link('token'),
            data={'grant_type': 'client_credentials', 'client_id': CLIENT_ID, 'client_secret': CLIENT_SECRET},
        )
        state['token'] = answer.json().get('access_token')
        return
    answer = send('POST', link('login'), json={'email': EMAIL, 'password': PASSWORD})
    answer.raise_for_status()
    state['token'] = answer.json()['token']


def get(path):
    answer = None
    for tries in range(5):
        answer = send('GET', URL + path, headers={'Authorization': f'Bearer {state["token"]}'})
        if answer.status_code == 401:
            enter()
        elif answer.status_code in (429, 502, 503):
            pause(retry_after(answer, 1.5**tries))
        else:
            break
        if is_over():
            break
    answer.raise_for_status()
    return answer.json()


def export(kind, pages, details, between):
    since = f'&updated_since={day_before(log(1, 30))}' if chance(0.5) else ''
    path = f'{at(kind)}?limit={random.choice([20, 50, 100])}{since}'
    with open(f'{kind}.csv', 'w', newline='', encoding='utf-8') as file:
        rows = csv.writer(file)
        for _ in range(pages):
            if not path or is_over():
                return
            answer = get(path)
            for item in answer['items']:
                rows.writerow([item['id'], str(item)[:200]])
            for item in answer['items'][:details]:
                if is_over():
                    return
                get(at(kind[:-1], item['id']))
            path = answer['next']
            pause(around(between))


kinds = ['orders', 'products'] if how == 'login' else ['orders', 'customers', 'products']
for run in range(random.randint(1, 4)):
    if is_over():
        break
    try:
        enter()
        for kind in random.sample(kinds, random.randint(1, len(kinds))):
            export(kind, log_int(1, 40), random.choice([0, 0, 0, 3, 20]), log(0.01, 1.2))
    except requests.RequestException as error:
        print(error)
    pause(around(10))
