"""Stuffing and copying with libraries made to pass for a browser: curl_cffi (its TLS and HTTP/2) and cloudscraper.

Arguments: cffi|cloudscraper stuffing|copy.
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'python'))

from seat import CA, FORM, URL, at, chance, left, log, log_int, pause, random  # noqa: E402

if not re.match(r'^https://([a-z0-9-]+\.range\.test|localhost)(:\d+)?$', URL):
    # These drivers are for the range's own mock API only.
    raise SystemExit(f'not an address of the range: {URL}')

LIBRARY, WHAT = sys.argv[1:3]
FORMS = FORM.split('+')
GAP = log(0.005, 0.5)
most = log_int(40, 500) if WHAT == 'stuffing' else log_int(80, 800)


def create():
    if LIBRARY == 'cffi':
        from curl_cffi import requests

        kind = random.choice(['chrome124', 'chrome131', 'safari17_0', 'edge101', 'firefox133'])
        return requests.Session(impersonate=None if FORM == 'plain' and chance(0.3) else kind, verify=CA, timeout=15)
    import cloudscraper

    faces = [
        None,
        {'browser': 'chrome', 'platform': 'windows', 'mobile': False},
        {'browser': 'firefox', 'platform': 'linux', 'mobile': False},
        {'browser': 'chrome', 'platform': 'android', 'desktop': False},
    ]
    scraper = cloudscraper.create_scraper(browser=random.choice(faces))
    scraper.verify = CA
    return scraper


client = create()
made = 0


def breathe():
    if 'jitter' in FORMS:
        pause(log(0.3, 3))
    elif 'pauses' in FORMS and made % 30 == 29:
        pause(random.uniform(4, 12))
    else:
        pause(GAP * random.uniform(0.8, 1.2))


def call(method, path, **options):
    global made
    made += 1
    try:
        answer = client.request(method, URL + path, **options)
    except Exception as error:  # noqa: BLE001, each library has its own
        print(str(error)[:120])
        return None
    if answer.status_code == 429:
        pause(random.uniform(0.5, 3))
    return answer


def is_done():
    return made >= most or left() <= 0


def stuffing():
    if 'page' in FORMS:
        call('GET', '/')
    with open(os.environ['RANGE_LEAKED'], encoding='utf-8') as file:
        pairs = [line.strip().split(':', 1) for line in file]
    random.shuffle(pairs)
    looks_in = chance(0.4)
    for email, password in pairs:
        if is_done():
            return
        answer = call('POST', at('login'), json={'email': email, 'password': password})
        if answer is not None and answer.status_code == 200 and looks_in:
            call('GET', at('me'), headers={'Authorization': f"Bearer {answer.json()['token']}"})
        if 'page' in FORMS and chance(0.3):
            call('GET', random.choice(['/', '/help', '/c/office']))
        breathe()


def copy():
    if chance(0.5):
        copy_pages()
    else:
        copy_lists()


def copy_pages():
    for place in random.sample(['kitchen', 'outdoor', 'office', 'textile', 'toys', 'audio'], 6):
        for page in range(1, 40):
            answer = call('GET', f'/c/{place}?page={page}')
            links = set(re.findall(r'href="(/p/[^"]+)"', answer.text)) if answer is not None else set()
            for link in links:
                if is_done():
                    return
                breathe()
                call('GET', link)
            if not links or is_done():
                break


def copy_lists():
    path = f"{at('products')}?limit={random.choice([20, 50, 100])}"
    opens = chance(0.8)
    while path and not is_done():
        answer = call('GET', path)
        breathe()
        if answer is None or answer.status_code != 200:
            continue
        page = answer.json()
        for one in page['items'] if opens else []:
            if is_done():
                return
            call('GET', at('product', one['id']))
            breathe()
        path = page['next']


stuffing() if WHAT == 'stuffing' else copy()
