"""Sends scans and photographs as multipart forms, and fetches some again, in ranges where it went on before."""

import requests

from seat import EMAIL, KEY, PASSWORD, around, chance, is_over, link, log, log_int, pause, random, retry_after

http = requests.Session()
name = random.choice([None, 'scanner-inbox/2.2', 'backup-agent/0.7 (nas)'])
if name:
    http.headers['User-Agent'] = name
as_user = chance(0.5)


def enter():
    if not as_user:
        http.headers['X-Api-Key'] = KEY
        return
    answer = http.post(link('login'), json={'email': EMAIL, 'password': PASSWORD}, timeout=20)
    answer.raise_for_status()
    http.headers['Authorization'] = f'Bearer {answer.json()["token"]}'


def call(method, url, **more):
    answer = None
    for tries in range(4):
        answer = http.request(method, url, timeout=30, **more)
        if answer.status_code == 401 and as_user:
            enter()
        elif answer.status_code in (429, 503):
            pause(retry_after(answer, 2**tries))
        else:
            break
        if is_over():
            break
    return answer


def fetch_again(id, size):
    if chance(0.4):
        call('GET', link('file', id))
        return
    start, step = random.randint(0, size // 2), max(1, size // random.randint(2, 6))
    while start < size and not is_over():
        if call('GET', link('file', id), headers={'Range': f'bytes={start}-{start + step - 1}'}).status_code != 206:
            return
        start += step


enter()
size, between = log_int(2_000, 110_000), log(0.02, 2.5)
for number in range(log_int(2, 80)):
    if is_over():
        break
    data = random.randbytes(max(100, int(size * log(0.3, 2))))
    if chance(0.8):
        parts = [('file', (f'scan-{number:04d}.pdf', data, 'application/pdf')), ('folder', (None, 'inbox'))]
        answer = call('POST', link('files'), files=parts)
    else:
        answer = call('POST', link('files'), data=data, headers={'Content-Type': 'application/octet-stream'})
    if answer.status_code < 300 and chance(0.3):
        fetch_again(answer.json()['id'], len(data))
    pause(around(between))
