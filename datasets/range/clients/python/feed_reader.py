"""A feed reader: polls the feed with what it remembers of the last answer, and opens a new entry now and then."""

import urllib.request

import feedparser

from seat import chance, is_over, link, log, log_int, pause, random, URL

name = random.choice(
    [None, 'NewsBlur Feed Fetcher - 12 subscribers', 'Miniflux/2.1.3', 'Tiny Tiny RSS/24.04 (https://tt-rss.example/)']
)
remembers = random.choice(['both', 'etag', 'modified', 'neither'])
etag, modified = None, None
every = log(1, 20)
seen = set()
for _ in range(log_int(3, 60)):
    if is_over():
        break
    feed = feedparser.parse(link('feed'), etag=etag, modified=modified, agent=name)
    if feed.get('status') == 200:
        etag = feed.get('etag') if remembers in ('both', 'etag') else None
        modified = feed.get('modified') if remembers in ('both', 'modified') else None
        new = [entry.get('link', '') for entry in feed.entries if entry.get('link') not in seen]
        seen.update(new)
        for address in random.sample(new, min(len(new), 2)) if chance(0.2) else []:
            path = '/' + address.split('://', 1)[-1].split('/', 1)[-1]
            request = urllib.request.Request(URL + path, headers={'User-Agent': name or feedparser.USER_AGENT})
            try:
                urllib.request.urlopen(request, timeout=15).read()
            except OSError as error:
                print(error)
    pause(every * random.uniform(0.97, 1.03))
