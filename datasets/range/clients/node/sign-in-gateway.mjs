/** An identity gateway of an app with its own servers: one address from which many people sign in, renew, and now and then mistype. */
import { accounts, at, isOver, linger, load, main, random } from './seat.mjs';
import { Visitor } from './visitor.mjs';

await main(async () => {
  const { Agent, fetch: send } = await load('undici');
  const dispatcher = new Agent({ connections: 8 });
  const headers = { accept: 'application/json', 'user-agent': random.pick(['identity-gateway/2.0', 'undici', 'node']) };
  const betweenMs = random.log(100, 3000);
  const people = accounts.map((account) => new Visitor(send, account, headers, { dispatcher }));
  for (let left = random.logInt(15, 250); left > 0 && !isOver(); left--) {
    const person = random.pick(people);
    if (random.chance(0.1)) await person.login(`${person.password.slice(0, -1)}x`);
    else if (person.refresh && random.chance(0.5)) await person.renew();
    else await person.login();
    if (person.token && random.chance(0.8)) await person.get(at('me'));
    if (person.token && random.chance(0.3)) await person.browse(`${at('orders')}?limit=10`, 'order', 1, 200);
    await linger(betweenMs);
  }
});
