/** A note-taking app that keeps its files on a WebDAV folder: looks what is there, brings new ones, fetches others'. */
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { at, email, isOver, linger, load, main, random, spend, url } from './seat.mjs';

await main(async () => {
  const { createClient } = await load('webdav');
  const ca = process.env.RANGE_CA ? readFileSync(process.env.RANGE_CA) : undefined;
  const client = createClient(url + at('dav').replace(/\/$/, ''), {
    username: email,
    password: 'notes',
    httpsAgent: new https.Agent({ ca, keepAlive: true }),
  });
  const folder = `/notes-${random.hex(4)}`;
  await client.createDirectory(folder).catch(() => null);
  const everyMs = random.log(500, 6000);
  for (let rounds = random.logInt(4, 40); rounds > 0 && !isOver(); rounds--) {
    spend(3);
    const there = await client.getDirectoryContents(folder).catch(() => []);
    for (let n = random.int(0, 3); n > 0; n--)
      await client
        .putFileContents(`${folder}/note-${random.int(1, 30)}.md`, random.hex(random.logInt(50, 3000)))
        .catch(() => null);
    for (const { filename } of random.shuffle(there).slice(0, random.int(0, 3)))
      await client.getFileContents(filename).catch(() => null);
    if (there.length > 5 && random.chance(0.3)) await client.deleteFile(random.pick(there).filename).catch(() => null);
    await linger(everyMs);
  }
});
