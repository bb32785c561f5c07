"""Leaked pairs tried by the users of a load test (locust), each with the next line of the list."""

import os
import random
import re

from locust import HttpUser, task
from locust.exception import StopUser
import json

if not re.match(r'^https://([a-z0-9-]+\.range\.test|localhost)(:\d+)?$', os.environ['RANGE_URL']):
    # For the range's own mock API only.
    raise SystemExit('not an address of the range')
random.seed(int(os.environ['RANGE_SEED']))
LOGIN = json.loads(os.environ['RANGE_API'])['login']
HEADERS = dict(line.split(': ', 1) for line in os.environ.get('TOOL_HEADERS', '').split('\n') if line)
DELAY_S = float(os.environ['TOOL_DELAY_S'])
with open(os.environ['TOOL_LIST'], encoding='utf-8') as file:
    pairs = [line.strip().split(':', 1) for line in file]


class Stuffer(HttpUser):
    def on_start(self):
        self.client.verify = os.environ['RANGE_CA']

    def wait_time(self):
        return DELAY_S * random.uniform(0.4, 1.6)

    @task
    def login(self):
        if not pairs:
            self.environment.runner.quit()
            raise StopUser()
        email, password = pairs.pop()
        self.client.post(LOGIN, json={'email': email, 'password': password}, headers=HEADERS)
