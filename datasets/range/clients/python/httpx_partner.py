"""A partner's service over HTTP/2: an application's token, renewed when it runs out, several calls at once."""

import asyncio

import httpx

from seat import (
    CA,
    CLIENT_ID,
    CLIENT_SECRET,
    URL,
    around,
    at,
    chance,
    day_before,
    is_over,
    left,
    log,
    log_int,
    random,
    retry_after,
    spend,
)

name = random.choice([None, 'fulfilment-partner/2.0', 'stocksync/0.14 python'])
width = asyncio.Semaphore(random.randint(1, 8))
state = {'token': None}


async def rest(seconds):
    await asyncio.sleep(max(0.0, min(seconds, left())))


async def enter(client):
    form = {'grant_type': 'client_credentials', 'client_id': CLIENT_ID, 'client_secret': CLIENT_SECRET}
    answer = await client.post(at('token'), data=form)
    answer.raise_for_status()
    state['token'] = answer.json()['access_token']


async def call(client, method, path, body=None):
    answer = None
    async with width:
        for tries in range(4):
            spend()
            used = state['token']
            answer = await client.request(method, path, json=body, headers={'Authorization': f'Bearer {used}'})
            if answer.status_code == 401:
                if used == state['token']:
                    await enter(client)
            elif answer.status_code in (429, 503):
                await rest(retry_after(answer, 0.5 * 2**tries))
            else:
                break
            if is_over():
                break
    return answer


async def bring(client, kind, item, writes):
    answer = await call(client, 'GET', at(kind[:-1], item['id']))
    if answer.status_code == 200 and chance(writes):
        await call(client, 'PATCH', at(kind[:-1], item['id']), {'note': random.choice(['packed', 'sent', 'checked'])})


async def sync(client, kind, pages, share, writes, between):
    path = f'{at(kind)}?limit=50&updated_since={day_before(log(0.2, 20))}'
    for _ in range(pages):
        if not path or is_over():
            return
        answer = await call(client, 'GET', path)
        if answer.status_code != 200:
            return
        page = answer.json()
        wanted = [item for item in page['items'] if chance(share)]
        await asyncio.gather(*(bring(client, kind, item, writes) for item in wanted))
        path = page['next']
        await rest(around(between))


async def main():
    headers = {'User-Agent': name} if name else {}
    async with httpx.AsyncClient(
        http2=True, base_url=URL, verify=CA if isinstance(CA, str) else True, headers=headers, timeout=20
    ) as client:
        await enter(client)
        share, writes = (0 if chance(0.3) else log(0.05, 0.6)), (log(0.05, 0.6) if chance(0.5) else 0)
        for _ in range(random.randint(1, 4)):
            if is_over():
                return
            await sync(client, random.choice(['orders', 'orders', 'customers']), log_int(1, 20), share, writes, log(0.05, 2))
            await rest(around(8))


asyncio.run(main())
