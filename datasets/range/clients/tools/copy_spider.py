"""A scraper on scrapy: takes the catalogue through the API or the pages, as scrapers do that someone writes in an afternoon."""

import json
import os
import random
from urllib.parse import quote, urljoin

import scrapy

WORDS = "lamp chair desk mug tent kettle scarf boots radio clock shelf basket towel kite drum pan red blue oak steel linen small".split()


class CopySpider(scrapy.Spider):
    name = "copy"
    handle_httpstatus_list = [401, 403, 404]

    def __init__(self, way="items", headers="{}", **kwargs):
        super().__init__(**kwargs)
        self.way = way
        self.own_headers = json.loads(headers)
        self.api = json.loads(os.environ["RANGE_API"])
        self.base = os.environ["RANGE_URL"]
        self.dice = random.Random(int(os.environ["RANGE_SEED"]))

    def ask(self, path, callback):
        return scrapy.Request(urljoin(self.base, path), callback=callback, headers=self.own_headers)

    async def start(self):
        if self.way == "search":
            for word in self.dice.sample(WORDS, len(WORDS)):
                yield self.ask(f"{self.api['search']}?q={quote(word)}&limit=20", self.read_list)
        elif self.way == "pages":
            yield self.ask("/", self.read_page)
        else:
            size = 20 if self.way == "lists" else self.dice.choice([20, 50, 100])
            yield self.ask(f"{self.api['products']}?limit={size}", self.read_list)

    def read_list(self, response):
        if response.status != 200:
            return
        page = json.loads(response.text)
        if page.get("next"):
            yield self.ask(page["next"], self.read_list)
        if self.way != "items":
            return
        for item in page.get("items", []):
            yield self.ask(self.api["product"].replace("{}", str(item["id"])), self.read_item)

    def read_item(self, response):
        return None

    def read_page(self, response):
        if b"html" not in response.headers.get("Content-Type", b""):
            return
        for link in response.css("a::attr(href)").getall():
            url = response.urljoin(link)
            if url.startswith(self.base):
                yield self.ask(url, self.read_page)
