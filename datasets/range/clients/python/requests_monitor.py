"""Probes a few addresses at a fixed interval and notes whether and how fast they answer."""

import time

import requests

from seat import EMAIL, KEY, PASSWORD, URL, at, chance, is_over, log, log_int, pause, random

http = requests.Session() if chance(0.3) else requests
name = random.choice(
    [
        None,
        'UptimeProbe/1.1 (+https://uptime.example)',
        'Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)',
        'nagios-plugins/check_http',
    ]
)
headers = {'User-Agent': name} if name else {}
probes = random.sample(
    [
        ('GET', at('health'), {}),
        ('GET', at('health'), {}),
        ('HEAD', '/', {}),
        ('GET', '/', {}),
        ('GET', at('products'), {}),
        ('GET', at('me'), {'headers': {'X-Api-Key': KEY}}),
        ('GET', at('me'), {}),
        ('OPTIONS', at('login'), {}),
        ('POST', at('login'), {'json': {'email': EMAIL, 'password': PASSWORD}}),
    ],
    random.choice([1, 1, 2, 3]),
)
every, slow_down = log(0.8, 12), chance(0.3)
for _ in range(log_int(8, 150)):
    if is_over():
        break
    began = time.monotonic()
    for method, path, more in probes:
        try:
            answer = http.request(method, URL + path, timeout=5, **{**more, 'headers': {**headers, **more.get('headers', {})}})
            if answer.status_code >= 500 and slow_down:
                pause(every)
        except requests.RequestException as error:
            print(error)
    pause(every - (time.monotonic() - began))
