"""A Scrapy crawler with its good manners on: robots.txt kept to, a name of its own, throttled by how fast the site answers."""

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.downloadermiddlewares import cookies
from tldextract import TLDExtract

from seat import URL, chance, left, log, log_int, random

# The list of public suffixes that comes with the library; it would fetch a newer one.
cookies._split_domain = TLDExtract(suffix_list_urls=(), include_psl_private_domains=True)
pages = log_int(10, 300)
width = random.choice([1, 1, 2])


class Crawler(scrapy.Spider):
    name = 'site'
    start_urls = [URL + '/']

    def parse(self, response):
        if 'html' not in response.headers.get('Content-Type', b'').decode():
            return
        for href in response.css('a::attr(href)').getall():
            if href.startswith('/'):
                yield response.follow(href)


process = CrawlerProcess(
    {
        'ROBOTSTXT_OBEY': True,
        'USER_AGENT': random.choice(
            ['CatalogueBot/1.0 (+https://catalogue.example/bot)', 'UniSearch-crawler/0.3 (research@uni.example)']
        ),
        'AUTOTHROTTLE_ENABLED': chance(0.6),
        'AUTOTHROTTLE_START_DELAY': 0.5,
        'DOWNLOAD_DELAY': log(0.1, 1.2),
        # What waits in the downloader is still fetched when the time is up; so little may wait.
        'CONCURRENT_REQUESTS': width,
        'CONCURRENT_REQUESTS_PER_DOMAIN': width,
        'DEPTH_LIMIT': random.randint(2, 6),
        'CLOSESPIDER_PAGECOUNT': pages,
        'CLOSESPIDER_TIMEOUT': max(3, int(left()) - 4),
        'HTTPCACHE_ENABLED': False,
        'LOG_LEVEL': 'WARNING',
        'TELNETCONSOLE_ENABLED': False,
    }
)
process.crawl(Crawler)
process.start()
