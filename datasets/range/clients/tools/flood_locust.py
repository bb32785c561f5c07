"""Locust as a stranger runs it: no key, someone else's API. FLOOD_* as for flood.lua, and headers by lines."""

import os
import random

from locust import FastHttpUser, HttpUser, task
from locust.exception import StopUser

PATHS = os.environ["FLOOD_PATHS"].split()
CALLS = int(os.environ["FLOOD_CALLS"])
DELAY_S = int(os.environ["FLOOD_DELAY_MS"]) / 1000
HEADERS = dict(line.split(": ", 1) for line in os.environ.get("FLOOD_HEADERS", "").split("\n") if line)
random.seed(int(os.environ["RANGE_SEED"]))
made = 0


Client = FastHttpUser if os.environ.get("FLOOD_CLIENT") == "fast" else HttpUser


class Flood(Client):
    def on_start(self):
        if isinstance(self, HttpUser):
            # Its session takes no trust from the environment.
            self.client.verify = os.environ["RANGE_CA"]

    def wait_time(self):
        return DELAY_S * random.uniform(0.3, 1.7)

    @task
    def call(self):
        global made
        made += 1
        if made > CALLS:
            self.environment.runner.quit()
            raise StopUser()
        self.client.get(random.choice(PATHS), headers=HEADERS)
