"""People and small jobs over requests or httpx; the argument says which, see the end."""

import os
import sys

import httpx
import requests

from seat import (
    CA,
    CLIENT_ID,
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

APPS = [
    'ShopApp/5.3.0 (Android 14; Pixel 7a)',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
    None,
]


class Client:
    """Calls with the patience of a good client: waits where it is told, renews what ran out."""

    def __init__(self, library, agent=None, key=None):
        self.http = (
            requests.Session() if library == 'requests' else httpx.Client(timeout=15, verify=CA, http2=chance(0.4))
        )
        if agent:
            self.http.headers['User-Agent'] = agent
        if key:
            self.http.headers['X-Api-Key'] = key
        self.refresh = None

    def once(self, method, path, body=None, **options):
        spend()
        return self.http.request(method, URL + path, json=body, **options)

    def call(self, method, path, body=None):
        for tries in range(3):
            answer = self.once(method, path, body)
            if answer.status_code == 401 and self.refresh and tries == 0:
                self.renew()
            elif answer.status_code in (429, 503):
                pause(retry_after(answer))
            else:
                break
        return answer

    def data(self, path):
        answer = self.call('GET', path)
        return answer.json() if answer.status_code == 200 else {'items': [], 'next': None}

    def renew(self):
        self.http.headers.pop('Authorization', None)
        spend()
        answer = self.http.post(URL + at('token'), data={'grant_type': 'refresh_token', 'refresh_token': self.refresh})
        if answer.status_code == 200:
            self.take(answer.json()['access_token'], answer.json()['refresh_token'])
        else:
            self.login()

    def take(self, token, refresh):
        self.http.headers['Authorization'] = f'Bearer {token}'
        self.refresh = refresh

    def login(self, email=EMAIL, password=PASSWORD):
        answer = self.once('POST', at('login'), {'email': email, 'password': password})
        if answer.status_code == 200:
            self.take(answer.json()['token'], answer.json()['refresh'])
        return answer.status_code


def words(*choices):
    return ' '.join(random.choice(choice) for choice in choices)


def support():
    """An agent at the help desk: opens one case after the other, writes a note or two; macros fill in much of the text."""
    agent = Client(
        'httpx',
        random.choice(
            [None, 'Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0', 'HelpdeskDesktop/3.2']
        ),
        key=KEY if chance(0.6) else None,
    )
    if 'X-Api-Key' not in agent.http.headers and agent.login() != 200:
        return
    between, reply = (
        log(0.4, 6),
        words(
            ['Hello,', 'Hi,', 'Dear customer,'],
            ['your parcel is on its way.', 'we have refunded it.', 'please send a photo.'],
        ),
    )
    page = agent.data(at('orders') + '?limit=50')
    for _ in range(log_int(8, 150)):
        if is_over() or not page['items']:
            return
        case = random.choice(page['items'])['id']
        agent.call('GET', at('order', case))
        pause(around(between))
        note = (
            reply
            if chance(0.5)
            else words(
                ['Called back,', 'Checked:', 'Customer says'],
                ['stock is there', 'address is wrong', 'wants another colour'],
                ['.', '; waiting.'],
            )
        )
        agent.call('PATCH', at('order', case), {'note': note, 'status': random.choice(['open', 'waiting', 'done'])})
        pause(around(between))
        if chance(0.15):
            page = agent.data(at('orders') + '?limit=50')
        if chance(0.1):
            agent.call('GET', at('search') + '?q=' + random.choice(['lamp', 'desk', 'rug']))


def onboarding():
    """A partner opens accounts for its staff from a list, with its key, and notes which were there already."""
    partner = Client('requests', random.choice([None, 'hr-onboarding/1.1', 'bulk-import']), key=KEY)
    firm, between = f'firm{random.randint(100, 999)}', log(0.02, 2)
    people = [
        f'{words(["ada", "ben", "cleo", "dan", "eva"])}.{random.getrandbits(28):x}' for _ in range(log_int(15, 180))
    ]
    known = random.sample(people, len(people) // 10)
    for name in people[: len(people) - len(known)] + known:
        if is_over():
            return
        answer = partner.call(
            'POST',
            at('signup'),
            {'email': f'{name}@{firm}.example', 'password': f'{random.getrandbits(60):x}A!', 'name': name.title()},
        )
        if answer.status_code == 201 and chance(0.1):
            partner.call('GET', at('me'))
        pause(around(between))


def billing():
    """Subscriptions on their day: each stored card once, declined ones once more after the others."""
    merchant = Client(
        'requests',
        random.choice([None, 'subscriptions-billing/4', 'recurring-charge']),
        key=KEY if chance(0.7) else None,
    )
    cards = [
        '4242424242424242',
        '5555555555554444',
        '4111111111111111',
        '4000000000000002',
        '5105105105105100',
        '4012888888881881',
    ]
    between, declined = log(0.03, 1.5), []
    due = [(random.choice(cards[:3] * 6 + cards[3:]), random.choice([9, 12, 19, 49])) for _ in range(log_int(15, 200))]
    for attempt in (1, 2):
        for card, amount in due if attempt == 1 else declined:
            if is_over():
                return
            bill = {'card': card, 'expiry': f'{random.randint(1, 12):02}/29', 'cvc': '123', 'amount': amount}
            if merchant.call('POST', at('payments'), bill).status_code == 402 and attempt == 1:
                declined.append((card, amount))
            pause(around(between))
        pause(around(4))


def look_around(user, rounds, between):
    for _ in range(rounds):
        if is_over():
            return
        pause(around(between))
        name, item = random.choice([('products', 'product'), ('products', 'product'), ('orders', 'order')])
        page = user.data(at(name) + '?limit=20')
        for one in random.sample(page['items'], min(len(page['items']), random.randint(0, 3))):
            pause(around(between / 2))
            user.call('GET', at(item, one['id']))


def newcomer():
    """Opens an account, corrects what was wrong with it, confirms a phone, looks around."""
    user, between = Client('httpx', random.choice(APPS)), log(0.6, 5)
    look_around_first = chance(0.5)
    if look_around_first:
        user.data(at('products') + '?limit=20')
    email = f'new.{random.getrandbits(40):x}@mail.example'
    if chance(0.3):
        user.call('POST', at('signup'), {'email': email, 'password': 'short', 'name': 'New'})
        pause(around(between))
    if chance(0.15):
        user.call('POST', at('signup'), {'email': EMAIL, 'password': PASSWORD, 'name': 'New'})
        pause(around(between))
    user.call('POST', at('signup'), {'email': email, 'password': 'Long-enough-1', 'name': 'New Person'})
    confirm(user, between)
    pause(around(between))
    if user.login(email, 'Long-enough-1') == 200:
        look_around(user, random.randint(1, 8), between)


def confirm(user, between):
    for _ in range(random.choice([0, 1, 1, 2])):
        user.call('POST', at('otpSend'), {'phone': os.environ['RANGE_PHONE']})
        pause(around(between * 2))
    if chance(0.3):
        user.call(
            'POST', at('otpVerify'), {'phone': os.environ['RANGE_PHONE'], 'code': f'{random.randint(0, 999999):06}'}
        )
        pause(around(between))
    user.call('POST', at('otpVerify'), {'phone': os.environ['RANGE_PHONE'], 'code': os.environ['RANGE_OTP']})


def forgetful():
    """Signs in with what it remembers, has codes sent that come late, and in the end is in."""
    user, between = Client('httpx', random.choice(APPS)), log(1, 6)
    for _ in range(random.randint(0, 4)):
        user.login(password=random.choice([PASSWORD[:-1], PASSWORD + '!', PASSWORD.lower(), 'Winter2025']))
        pause(around(between))
    if chance(0.3):
        user.call('POST', at('reset'), {'email': EMAIL})
        pause(around(between))
    for _ in range(random.randint(1, 4)):
        user.call('POST', at('otpSend'), {'phone': os.environ['RANGE_PHONE']})
        pause(around(between * 1.5))
    if chance(0.5):
        user.call('POST', at('otpVerify'), {'phone': os.environ['RANGE_PHONE'], 'code': os.environ['RANGE_OTP'][::-1]})
        pause(around(between))
    user.call('POST', at('otpVerify'), {'phone': os.environ['RANGE_PHONE'], 'code': os.environ['RANGE_OTP']})
    if user.login() == 200:
        user.call('GET', at('me'))
        look_around(user, random.randint(1, 6), between)


def poll():
    """Starts a build or an export and asks until it is done."""
    job, every = Client('requests', random.choice([None, 'job-runner/2', 'deploy-bot']), key=KEY), log(0.3, 5)
    for _ in range(random.randint(1, 6)):
        made = job.call('POST', at('builds'), {'ref': 'main', 'commit': f'{random.getrandbits(40):x}'})
        for _ in range(120):
            if is_over() or made.status_code != 201:
                return
            pause(every * random.uniform(0.95, 1.05))
            answer = job.call('GET', at('build', made.json()['id']))
            if answer.status_code == 200 and answer.json()['status'] == 'done':
                break
        pause(around(3))


def telemetry():
    """A small device: a measurement every so often, some at once after it was away."""
    device, every = (
        Client('requests', random.choice([None, 'MicroPython/1.22', 'esp32-node/0.3', 'sensor-hub']), key=KEY),
        log(0.3, 4),
    )
    name = f'dev-{CLIENT_ID[-4:]}{random.randint(10, 99)}'
    waiting = 0
    for _ in range(log_int(20, 250)):
        if is_over():
            return
        waiting += 1
        if chance(0.05):
            pause(around(5))
            waiting += random.randint(2, 12)
        for _ in range(waiting):
            if (
                device.once(
                    'POST', at('telemetry', name), {'t': round(random.uniform(15, 30), 1), 'v': random.randint(0, 5)}
                ).status_code
                >= 500
            ):
                break
            waiting -= 1
        pause(every * random.uniform(0.9, 1.1))


{
    'support': support,
    'onboarding': onboarding,
    'billing': billing,
    'newcomer': newcomer,
    'forgetful': forgetful,
    'poll': poll,
    'telemetry': telemetry,
}[sys.argv[1]]()
