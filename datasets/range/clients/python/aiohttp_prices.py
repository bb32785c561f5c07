"""Watches the prices of a partner's own few products, with its key, round after round; some remember ETags."""

import asyncio

import aiohttp

from seat import KEY, URL, at, chance, is_over, left, log, log_int, random, spend

name = random.choice([None, 'price-watch/3.0', 'repricer/1.9 (+https://repricer.example)'])
etags = {} if chance(0.5) else None


async def rest(seconds):
    await asyncio.sleep(max(0.0, min(seconds, left())))


async def look(http, path):
    spend()
    headers = {'If-None-Match': etags[path]} if etags and path in etags else {}
    async with http.get(URL + path, headers=headers) as answer:
        await answer.read()
        if etags is not None and answer.status == 200 and 'ETag' in answer.headers:
            etags[path] = answer.headers['ETag']
        if answer.status in (429, 503):
            await rest(float(answer.headers.get('Retry-After', '2')))
        return answer.status


async def choose(http, count):
    """The partner's own products: from a page or two of the list, read once."""
    found, path = [], f'{at("products")}?limit=100'
    while path and len(found) < count * 3 and not is_over():
        async with http.get(URL + path) as answer:
            if answer.status != 200:
                break
            page = await answer.json()
        found += [item['id'] for item in page['items']]
        path = page['next']
    return random.sample(found, min(count, len(found)))


async def main():
    headers = {'X-Api-Key': KEY, **({'User-Agent': name} if name else {})}
    limit = random.choice([1, 2, 4, 8])
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=limit)) as http:
        mine = await choose(http, log_int(4, 60))
        every, gap = log(2, 25), log(0.01, 0.6)
        for _ in range(log_int(2, 30)):
            if is_over() or not mine:
                return
            if limit > 1 and gap < 0.1:
                await asyncio.gather(*(look(http, at('product', id)) for id in mine))
            else:
                for id in mine:
                    if is_over():
                        return
                    await look(http, at('product', id))
                    await rest(gap)
            await rest(every * random.uniform(0.95, 1.05))


asyncio.run(main())
