"""A data warehouse fills in a month it has missed: lists with httpx's async client, then each record, some at once."""

import asyncio

import httpx

from seat import KEY, URL, at, chance, day_before, is_over, log, log_int, random, retry_after, spend


async def get(client, path):
    for tries in range(4):
        if is_over():
            return None
        spend()
        try:
            answer = await client.get(path)
        except httpx.HTTPError:
            await asyncio.sleep(tries + 1)
            continue
        if answer.status_code not in (429, 503):
            return answer
        await asyncio.sleep(retry_after(answer))
    return None


async def main():
    headers = {
        'X-Api-Key': KEY,
        **({'User-Agent': random.choice(['dwh-backfill/1.0', 'airbyte-like/0.4'])} if chance(0.6) else {}),
    }
    async with httpx.AsyncClient(base_url=URL, headers=headers, timeout=20, http2=chance(0.3)) as client:
        list_name, item = random.choice([('orders', 'order'), ('orders', 'order'), ('customers', 'customer')])
        path = f'{at(list_name)}?limit=100&updated_since={day_before(random.randint(5, 40))}'
        width, opens = random.choice([1, 2, 4, 8]), chance(0.8)
        gap, most = log(0.005, 0.4), log_int(60, 500)
        slots = asyncio.Semaphore(width)

        async def open_one(identity):
            async with slots:
                await get(client, at(item, identity))
                await asyncio.sleep(gap * random.uniform(0.5, 1.5))

        while path and most > 0 and not is_over():
            answer = await get(client, path)
            if answer is None or answer.status_code != 200:
                return
            page = answer.json()
            ids = [one['id'] for one in page['items']][:most]
            most -= len(ids)
            if opens:
                await asyncio.gather(*[open_one(identity) for identity in ids])
            path = page['next']
            await asyncio.sleep(gap)


asyncio.run(main())
