/** Good clients that move files: drives kept in step, exports and attachments fetched. */
import {
  ask,
  browse,
  type Context,
  type Course,
  call,
  enter,
  givesUp,
  type Part,
  pickResource,
  type Step,
  size,
  step,
  write,
} from './actor.ts';
import { idOf } from './api.ts';
import { ownNumber } from './good-habits.ts';
import { ALL } from './server.ts';

interface Drive {
  readonly names: readonly string[];
  readonly files: number;
  /** Share of files looked for before they are put, of folders that are not there yet, of locks, of what changed meanwhile. */
  readonly looksFirst: number;
  readonly news: number;
  readonly locks: number;
  readonly conflicts: number;
  readonly puts: number;
}

export function* webdavSync(ctx: Context): Course {
  const { random, api } = ctx;
  ctx.credential = ctx.issueKey(ctx.account, random.pick(['basic', 'basic', 'bearer']));
  // Many clients try without a credential first, and are told to send one.
  const isAsked = random.chance(0.4);
  const drive: Drive = {
    names: random
      .shuffle(['Photos', 'Documents', 'backup', 'work', 'calendar', 'Music', 'sites', 'Scans'])
      .slice(0, random.int(1, 5)),
    files: random.logInt(1, 20),
    looksFirst: random.pick([0, 0.25, 1]),
    news: random.pick([0, 0.2, 0.6, 1]),
    locks: random.pick([0, 0, 0.3, 1]),
    conflicts: random.pick([0, 0.03, 0.15, 0.4]),
    puts: random.real(0.05, 0.95),
  };
  for (let folders = size(ctx, 1, 25); folders > 0 && !givesUp(ctx); folders--) {
    const folder = `${api.dav}/${random.pick(drive.names)}/${random.int(2015, 2026)}`;
    if (isAsked) yield* call(ctx, step(ctx, 'PROPFIND', folder, { credential: null }));
    if (random.chance(drive.news)) yield* makeFolder(ctx, folder, drive);
    else yield* ask(ctx, step(ctx, 'PROPFIND', folder, { bodyBytes: random.int(0, 400), contentType: 'application/xml' }));
    for (let files = random.int(0, drive.files); files > 0; files--) yield* syncFile(ctx, folder, drive);
  }
}

/** Looks, finds nothing, makes it; where the one above is missing as well, that one first. */
function* makeFolder(ctx: Context, folder: string, { conflicts }: Drive): Part<void> {
  const { random } = ctx;
  if (random.chance(0.8)) yield* call(ctx, step(ctx, random.pick(['PROPFIND', 'PROPFIND', 'HEAD']), folder, { wish: 404 }));
  if (random.chance(0.3)) {
    yield* call(ctx, step(ctx, 'MKCOL', folder, { wish: 409 }));
    yield* call(ctx, step(ctx, 'MKCOL', folder.slice(0, folder.lastIndexOf('/'))));
  }
  yield* call(ctx, step(ctx, 'MKCOL', folder, random.chance(conflicts) ? { wish: 'conflict' } : {}));
}

function* syncFile(ctx: Context, folder: string, drive: Drive): Part<void> {
  const { random } = ctx;
  const path = `${folder}/file-${random.int(1, 900)}.${random.pick(['jpg', 'pdf', 'ics', 'md'])}`;
  if (random.chance(drive.looksFirst)) yield* ask(ctx, step(ctx, random.pick(['HEAD', 'PROPFIND']), path, { wish: 404 }));
  if (!random.chance(drive.puts)) {
    yield* ask(ctx, step(ctx, random.pick(['GET', 'GET', 'GET', 'DELETE', 'PROPFIND', 'MOVE', 'COPY']), path));
    return;
  }
  const isLocked = random.chance(drive.locks);
  if (isLocked)
    yield* call(
      ctx,
      step(ctx, 'LOCK', path, {
        bodyBytes: 220,
        contentType: 'application/xml',
        wish: random.chance(drive.conflicts) ? 423 : 200,
      }),
    );
  // Somebody else changed it or holds it; or the folder went meanwhile.
  const refused = random.chance(drive.conflicts) ? ({ wish: random.pick([412, 412, 423, 409]) } as const) : {};
  yield* ask(ctx, write(ctx, 'PUT', path, { bodyBytes: random.logInt(500, 5e6), ...refused }));
  if (isLocked) yield* call(ctx, step(ctx, 'UNLOCK', path, { wish: 204 }));
}

interface Fetching {
  readonly root: string;
  readonly ending: string;
  readonly missing: number;
  readonly broken: number;
  readonly lastRun: number | null;
  readonly heads: number;
}

/** Fetches many files: by a list, by names that it can work out, in ranges, or all that is new since the last time. */
export function* download(ctx: Context): Course {
  const { random, api } = ctx;
  yield* enter(ctx, random.chance(0.5) ? ALL : ctx.account);
  const resource = pickResource(ctx);
  const fetching: Fetching = {
    root: random.pick([`${api.base}/files`, '/downloads', `${api.base}/exports`, '/media/archive', `${resource.path}`]),
    ending: random.pick(['csv.gz', 'zip', 'pdf', 'parquet', 'jpg', 'tar.gz', 'mp4', 'json']),
    missing: random.pick([0, 0, 0.02, 0.1, 0.4]),
    broken: random.pick([0, 0, 0.05, 0.3]),
    lastRun: random.chance(0.4) ? ctx.now - random.log(6e4, 1e9) : null,
    heads: random.pick([0, 0, 0.2, 1]),
  };
  const how = random.weighted({ listed: 3, dated: 2, numbered: 2, parts: 2 });
  const first = random.int(1, 90_000);
  for (let i = 0, count = size(ctx, 3, random.chance(0.15) ? 800 : 150); i < count && !givesUp(ctx); i++) {
    if (how === 'listed' && i % resource.pageSize === 0) yield* browse(ctx, resource, Math.floor(i / resource.pageSize), 0);
    yield* fetchFile(ctx, fetching, nameOf(ctx, how, first + i), how === 'parts');
  }

  function nameOf({ random }: Context, by: string, n: number): string {
    if (by === 'listed') return `${idOf(resource, ownNumber(ctx, resource))}/content`;
    if (by === 'dated')
      return `20${15 + (n % 11)}-${String(1 + (n % 12)).padStart(2, '0')}-${String(1 + (n % 28)).padStart(2, '0')}`;
    return by === 'numbered' ? `part-${String(n).padStart(6, '0')}` : `bundle-${random.int(1, 5)}`;
  }
}

/** What breaks off is taken up again where it broke. */
function* fetchFile(ctx: Context, fetching: Fetching, name: string, inParts: boolean): Part<void> {
  const { random } = ctx;
  const path = `${fetching.root}/${name}.${fetching.ending}`;
  const wanted: Step = step(ctx, 'GET', path, fetching.lastRun === null ? {} : { seenAt: fetching.lastRun });
  if (random.chance(fetching.missing)) {
    yield* ask(ctx, wanted);
    return;
  }
  if (random.chance(fetching.heads)) yield* ask(ctx, { ...wanted, method: 'HEAD', wish: 'file' });
  const parts = inParts ? random.logInt(2, 30) : 1;
  for (let part = 0; part < parts && !givesUp(ctx); part++) {
    const breaks = random.chance(fetching.broken);
    const waitMs = part === 0 ? wanted.waitMs : random.log(1, 300);
    if (breaks) yield* call(ctx, { ...wanted, waitMs, wish: 'abort' });
    yield* ask(ctx, { ...wanted, waitMs, wish: inParts || breaks ? 'part' : 'file' });
  }
}
