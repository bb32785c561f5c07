"""A crawler that says who it is, asks robots.txt first and keeps to it, and takes its time."""

import re
import urllib.robotparser

import requests

from seat import URL, chance, is_over, link, log, log_int, pause, random, retry_after

name = random.choice(
    ['ExampleBot/2.1 (+https://example.org/bot)', 'ArchiveWalker/0.9 (+https://archive.example/walker)', 'SeoCheck/5 bot']
)
http = requests.Session()
http.headers['User-Agent'] = name
rules = urllib.robotparser.RobotFileParser()
rules.parse(http.get(link('robots'), timeout=15).text.splitlines())
between = max(log(0.15, 2.5), min(float(rules.crawl_delay(name) or 0), 2.0))
queue, seen = ['/'], {'/'}
etags = {}


def enqueue(paths):
    for path in paths:
        if path not in seen and len(seen) < 3000 and rules.can_fetch(name, URL + path):
            seen.add(path)
            queue.append(path)


def visit(path):
    headers = {'If-None-Match': etags[path]} if path in etags else {}
    answer = http.get(URL + path, headers=headers, timeout=15)
    if answer.status_code in (429, 503):
        pause(retry_after(answer, 3))
        return
    if 'ETag' in answer.headers:
        etags[path] = answer.headers['ETag']
    if 'html' in answer.headers.get('Content-Type', ''):
        enqueue(re.findall(r'(?:href|src)="(/[^"#]*)"' if fetches_assets else r'href="(/[^"#]*)"', answer.text))


fetches_assets = chance(0.3)
if chance(0.6):
    enqueue(
        '/' + found.split('://', 1)[-1].split('/', 1)[-1]
        for found in re.findall(r'<loc>([^<]+)', http.get(link('sitemap'), timeout=15).text)[:500]
    )
for _ in range(log_int(10, 400)):
    if is_over():
        break
    if not queue:
        queue = random.sample(sorted(etags), min(len(etags), 30)) if chance(0.7) else []
        if not queue:
            break
    try:
        visit(queue.pop(0))
    except requests.RequestException as error:
        print(error)
    pause(between * random.uniform(0.9, 1.2))
