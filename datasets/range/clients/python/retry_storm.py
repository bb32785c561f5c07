"""A worker that tries again too eagerly. Forms: `urllib3` (Retry on the adapter with hardly a back-off), `tenacity` (a decorator around
each task, and one around the whole batch, so that retries multiply)."""

from concurrent.futures import ThreadPoolExecutor

import requests
import tenacity
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from seat import FORM, KEY, chance, is_over, left, link, log, log_int, pause, random, spend

client = requests.Session()
client.headers['Authorization'] = f'Bearer {KEY}'
if chance(0.5):
    client.headers['User-Agent'] = random.choice(['task-worker/2.0', 'celery-jobs', 'etl/0.9.1'])
if FORM == 'urllib3':
    again = Retry(
        total=random.randint(3, 10),
        backoff_factor=random.choice([0, 0.05, 0.1]),
        status_forcelist=[403, 404, 429, 500, 502, 503],
        allowed_methods=None,
        respect_retry_after_header=chance(0.3),
        raise_on_status=False,
    )
    client.mount('https://', HTTPAdapter(max_retries=again, pool_maxsize=16))


@tenacity.retry(
    stop=tenacity.stop_after_attempt(random.randint(3, 8)), wait=tenacity.wait_random(0, log(0.05, 1)), reraise=True
)
def insist(method, path, **options):
    return once(method, path, **options)


def once(method, path, **options):
    if is_over():
        return None
    spend()
    answer = client.request(method, path, timeout=min(10, max(1, left())), **options)
    if FORM == 'tenacity':
        answer.raise_for_status()
    return answer


def task(n):
    call = insist if FORM == 'tenacity' else once
    what = random.random()
    try:
        if what < 0.5:
            call(
                'GET',
                link('orders'),
                params={'limit': 50, 'updated_since': '2026-01-2%dT00:00:00Z' % random.randint(0, 7)},
            )
        elif what < 0.7:
            call('GET', link('customers'), params={'limit': 20})
        elif what < 0.85:
            call('POST', link('hooks', 'jobs'), json={'job': n})
        else:
            # Something that was deleted while the job waited.
            call('GET', link('order', random.randint(5_000_000, 6_000_000)))
    except requests.RequestException:
        pass
    pause(log(0.01, 0.8))


def main():
    workers = random.randint(2, 8)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(task, range(log_int(15, 150))))


main()
