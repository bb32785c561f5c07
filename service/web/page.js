// The clients, live. The list comes from /v1/clients, what changes from /v1/verdicts/stream. Whatever came from a
// client is shown through textContent only.

const MAX_ROWS = 200;
const REPAINT_MS = 250;
const RECONNECT_MS = 3000;
/** The order holds for so long after the pointer moved over the table, so that nobody clicks on what just moved. */
const HOLD_MS = 1500;
const SHORT_ID = 10;
/** Counts remembered for the rate. */
const RATE_SECONDS = 5;

const VERDICTS = ['bad', 'unsure', 'good'];
const LABELS = { bad: 'Bad', unsure: 'Unsure', good: 'Good' };
const ORDERS = {
  score: (a, b) => (b.score ?? -1) - (a.score ?? -1),
  time: (a, b) => b.time - a.time,
  calls: (a, b) => b.calls - a.calls,
};

const byId = (id) => document.getElementById(id);
const table = byId('table');
const body = byId('rows');
const detail = byId('detail');

/** Verdicts by client, the one that changed longest ago first; at most MAX_ROWS. */
const clients = new Map();
/** The rows that are shown, by client. */
const rows = new Map();
const state = { filter: '', order: 'score', selected: null, painted: 0, painting: null, heldUntil: 0, loaded: false, counts: [] };

/** Makes an element; strings become text, never markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const whole = new Intl.NumberFormat();
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const clock = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
const thisYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', ...clock, second: '2-digit' });
const otherYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric', ...clock });

/** Event time: a replayed log may be years old. */
function seenText(time) {
  const isThisYear = new Date(time).getFullYear() === new Date().getFullYear();
  return (isThisYear ? thisYear : otherYear).format(time);
}

function scoreText(score) {
  if (score === null) return '–';
  // 0.9997 is not 1, and 0.0004 is not 0.
  if (score > 0.99 && score < 1) return '>.99';
  if (score < 0.01 && score > 0) return '<.01';
  return score.toFixed(2);
}

// Rows

function makeScore() {
  const fill = make('span');
  const number = make('output');
  return {
    fill,
    number,
    element: make('div', { class: 'score' }, make('div', { class: 'track', 'aria-hidden': 'true' }, fill), number),
  };
}

function cell(kind, ...children) {
  return make('td', { role: 'cell', class: kind }, ...children);
}

function makeRow(clientId) {
  const badge = make('span', { class: 'badge' });
  const open = make('button', { type: 'button', class: 'client', title: clientId }, clientId.slice(0, SHORT_ID));
  const score = makeScore();
  const [family, calls, seen, reasons] = ['family', 'number', 'seen', 'reasons'].map((kind) => cell(kind));
  const element = make(
    'tr',
    { role: 'row' },
    cell('', badge),
    cell('', open),
    cell('', score.element),
    family,
    calls,
    seen,
    reasons,
  );
  element.dataset.client = clientId;
  return { element, badge, open, score, family, calls, seen, reasons, shown: null };
}

function fillRow(row, verdict) {
  if (row.shown === verdict) return;
  const { element } = row;
  // A new verdict flashes once; taking the class away and on again would need a layout for each row.
  element.classList.toggle('changed', row.shown !== null && row.shown.verdict !== verdict.verdict);
  element.dataset.verdict = verdict.verdict;
  row.badge.dataset.verdict = verdict.verdict;
  setText(row.badge, LABELS[verdict.verdict]);
  row.score.fill.style.width = `${100 * (verdict.score ?? 0)}%`;
  setText(row.score.number, scoreText(verdict.score));
  setText(row.family, verdict.family ?? '–');
  setText(row.calls, whole.format(verdict.calls));
  setText(row.seen, seenText(verdict.time));
  row.seen.title = moment.format(verdict.time);
  const text = verdict.reasons
    .slice(0, 3)
    .map((reason) => reason.text)
    .join(' · ');
  setText(row.reasons, text || 'nothing stands out');
  row.reasons.title = row.reasons.textContent;
  row.shown = verdict;
}

/** The client whose row holds the focus, if one does. */
function focusedClient() {
  return body.contains(document.activeElement) ? document.activeElement.closest('tr').dataset.client : null;
}

/** Puts rows in their places, moving as few as possible; a row that holds the focus isn't moved at all. */
function place(elements) {
  const focused = rows.get(focusedClient())?.element;
  let at = body.firstElementChild;
  for (const element of elements) {
    if (element === at) at = at.nextElementSibling;
    else if (element !== focused || !element.isConnected) body.insertBefore(element, at);
  }
}

function paintRows() {
  const wanted = [...clients.values()].filter(({ verdict }) => state.filter === '' || verdict === state.filter);
  wanted.sort((a, b) => ORDERS[state.order](a, b) || b.time - a.time || (a.clientId < b.clientId ? -1 : 1));
  const ids = new Set(wanted.map(({ clientId }) => clientId));
  for (const [clientId, row] of rows)
    if (!ids.has(clientId)) {
      row.element.remove();
      rows.delete(clientId);
    }
  for (const verdict of wanted) {
    const row = rows.get(verdict.clientId) ?? makeRow(verdict.clientId);
    rows.set(verdict.clientId, row);
    fillRow(row, verdict);
  }
  const held = performance.now() < state.heldUntil;
  const fresh = wanted.map(({ clientId }) => rows.get(clientId).element);
  place(held ? [...body.children, ...fresh.filter((element) => !element.isConnected)] : fresh);
  return wanted.length;
}

// What is shown when there is nothing to show

function example() {
  return [
    `curl ${new URL('v1/calls', location.href)} \\`,
    "  -H 'content-type: application/json' \\",
    `  -d '[{ "id": "call-1", "time": ${Date.now()}, "clientIp": "192.0.2.7",`,
    `         "method": "GET", "path": "/v1/orders/17", "status": 200 }]'`,
  ].join('\n');
}

function paintEmpty(count) {
  table.hidden = count === 0;
  byId('empty').hidden = count > 0 || !state.loaded;
  if (count > 0 || !state.loaded) return;
  const none = clients.size === 0 && state.filter === '';
  setText(byId('empty-title'), none ? 'No clients yet' : `No ${state.filter || 'such'} clients`);
  setText(
    byId('empty-text'),
    none
      ? 'Clients show up here as soon as their calls arrive. Point a gateway’s log at Assay, or report a call by hand:'
      : 'None of the clients held has this verdict now. Those that get it show up here by themselves.',
  );
  byId('empty-example').hidden = !none;
  if (none && byId('empty-example').textContent === '') setText(byId('empty-example'), example());
}

function repaint() {
  state.painting = null;
  state.painted = performance.now();
  const count = paintRows();
  paintEmpty(count);
  setText(byId('shown'), count === 0 ? '' : count >= MAX_ROWS ? `the ${count} that changed last` : `${count} shown`);
  const chosen = state.selected && clients.get(state.selected);
  if (chosen) paintDetail(chosen);
}

/** Repaints soon, and at most once in REPAINT_MS. */
function changed() {
  state.painting ??= setTimeout(repaint, Math.max(0, state.painted + REPAINT_MS - performance.now()));
}

// The panel

function listOf(title, note, items, kind) {
  if (items.length === 0) return [];
  return [make('h3', {}, title, ' ', make('small', {}, note)), make('ul', { class: kind }, ...items)];
}

function factOf({ kind, name, text }) {
  return make('li', { 'data-kind': kind }, text, make('small', { class: 'key' }, name));
}

function weightOf({ text, weight, rest }, largest) {
  const bar = make('span', { class: weight > 0 ? 'bar against' : 'bar' });
  const share = (50 * Math.abs(weight)) / largest;
  bar.style.width = `${share}%`;
  bar.style.left = weight > 0 ? '50%' : `${50 - share}%`;
  const number = `${weight > 0 ? '+' : weight < 0 ? '−' : ''}${Math.abs(weight).toFixed(2)}`;
  const scale = make('div', { class: 'scale', 'aria-hidden': 'true' }, bar);
  return make('li', rest ? { class: 'rest' } : {}, make('span', { class: 'text' }, text), make('output', {}, number), scale);
}

/** Contributions, then what is left over, so that the bars add up to the score's log-odds. */
function weightsOf({ reasons, score, baseLogOdds }) {
  const listed = reasons.filter(({ weight }) => weight !== null).map(({ text, weight }) => ({ text, weight }));
  if (baseLogOdds === null || score === null || score <= 0 || score >= 1) return listed;
  const sum = listed.reduce((total, { weight }) => total + weight, 0);
  const others = Math.log(score / (1 - score)) - baseLogOdds - sum;
  return [
    ...listed,
    { text: 'all other features', weight: others, rest: true },
    { text: 'before any was looked at', weight: baseLogOdds, rest: true },
  ];
}

function sumOf(verdict) {
  const pair = (name, value) => make('div', {}, make('dt', {}, name), make('dd', {}, value));
  return make(
    'dl',
    { class: 'sum', 'data-verdict': verdict.verdict },
    pair('Score', verdict.score === null ? '–' : verdict.score.toFixed(4)),
    pair('Action', verdict.action),
    pair('Most like', verdict.family ?? '–'),
  );
}

function notesOf(verdict) {
  const notes = [];
  if (verdict.mode === 'shadow') notes.push('Shadow mode: gateways are told this verdict but do not act on it.');
  if (verdict.expiresAt <= Date.now()) notes.push('This verdict has expired: gateways let the client through.');
  return notes.map((note) => make('p', { class: 'note' }, note));
}

function idsOf(verdict) {
  const time = (at) => make('time', { datetime: new Date(at).toISOString() }, moment.format(at));
  const pairs = [
    ['Calls', whole.format(verdict.calls)],
    ['Session since', time(verdict.sessionStart)],
    ['Last seen', time(verdict.time)],
    ['Expires', time(verdict.expiresAt)],
    ['Novelty', verdict.novelty === null ? '–' : `${verdict.novelty.toFixed(2)} of 1`],
    ['Mode', verdict.mode],
    ['Decision', verdict.id, 'code'],
    ['Model', verdict.model, 'code'],
    ['Feature set', verdict.featureSet, 'code'],
    ['Policy', verdict.policy, 'code'],
  ];
  const entries = pairs.flatMap(([name, value, kind = '']) => [
    make('dt', { class: 'key' }, name),
    make('dd', { class: `value ${kind}` }, value),
  ]);
  return make('dl', { class: 'ids' }, ...entries);
}

function paintDetail(verdict) {
  if (detail.dataset.shown === verdict.id && !detail.hidden) return;
  const hadFocus = detail.contains(document.activeElement) ? document.activeElement.className : null;
  const scrolled = detail.dataset.client === verdict.clientId ? detail.scrollTop : 0;
  const badge = make('span', { class: 'badge', 'data-verdict': verdict.verdict }, LABELS[verdict.verdict]);
  const close = make('button', { type: 'button', class: 'close', 'aria-label': 'Close' }, '×');
  close.addEventListener('click', closeDetail);
  const weights = weightsOf(verdict);
  const largest = Math.max(1, ...weights.map(({ weight }) => Math.abs(weight)));
  const facts = (...kinds) => verdict.reasons.filter(({ kind }) => kinds.includes(kind)).map(factOf);
  detail.replaceChildren(
    make('header', {}, badge, make('h2', { id: 'detail-title', class: 'title', tabindex: '-1' }, verdict.clientId), close),
    sumOf(verdict),
    ...notesOf(verdict),
    ...listOf('What it did', '', facts('signal', 'list'), 'facts'),
    ...listOf('Who it is', '', facts('identity'), 'facts'),
    ...listOf('Also', '', facts('default', 'error'), 'facts'),
    ...listOf(
      'What weighed',
      'in log-odds',
      weights.map((weight) => weightOf(weight, largest)),
      'weights',
    ),
    ...(weights.length > 0
      ? [make('div', { class: 'ends' }, make('span', {}, '← speaks for good'), make('span', {}, 'speaks for bad →'))]
      : []),
    make('h3', {}, 'Session and decision'),
    idsOf(verdict),
    make('a', { class: 'json', href: `v1/clients/${encodeURIComponent(verdict.clientId)}/verdict` }, 'This verdict as JSON'),
  );
  Object.assign(detail.dataset, { shown: verdict.id, client: verdict.clientId });
  detail.scrollTop = scrolled;
  if (hadFocus) detail.querySelector(`.${hadFocus}`)?.focus();
}

function openDetail(clientId) {
  const verdict = clients.get(clientId);
  if (!verdict) return;
  mark(clientId);
  paintDetail(verdict);
  detail.hidden = false;
  document.body.classList.add('has-detail');
  byId('detail-title').focus({ preventScroll: true });
}

function closeDetail() {
  const row = rows.get(state.selected);
  mark(null);
  detail.hidden = true;
  delete detail.dataset.shown;
  document.body.classList.remove('has-detail');
  row?.open.focus({ preventScroll: true });
}

function mark(clientId) {
  rows.get(state.selected)?.element.removeAttribute('aria-current');
  rows.get(clientId)?.element.setAttribute('aria-current', 'true');
  state.selected = clientId;
}

// Where it all comes from

function take(verdict) {
  clients.delete(verdict.clientId);
  clients.set(verdict.clientId, verdict);
  if (clients.size <= MAX_ROWS) return;
  // With a filter on, the rows it hides go first.
  let victim = null;
  for (const [clientId, held] of clients) {
    if (clientId === state.selected || clientId === focusedClient()) continue;
    victim ??= clientId;
    if (state.filter === '' || held.verdict === state.filter) continue;
    victim = clientId;
    break;
  }
  clients.delete(victim);
}

async function load() {
  const query = new URLSearchParams({ limit: String(MAX_ROWS) });
  const { filter } = state;
  if (filter) query.set('verdict', filter);
  const response = await fetch(`v1/clients?${query}`);
  if (!response.ok) throw new Error(`the list answered ${response.status}`);
  const listed = (await response.json()).clients;
  if (filter !== state.filter) return;
  for (const verdict of listed.reverse()) {
    const held = clients.get(verdict.clientId);
    take(held && held.time > verdict.time ? held : verdict);
  }
  state.loaded = true;
  changed();
}

function tellConnection(name, text) {
  const element = byId('connection');
  element.dataset.state = name;
  setText(element, text);
  if (name !== 'live') setText(byId('rate'), '–');
}

function countsArrived(counts) {
  for (const name of VERDICTS) setText(byId(`count-${name}`), whole.format(counts[name]));
  state.counts.push({ at: performance.now(), calls: counts.calls });
  if (state.counts.length > RATE_SECONDS) state.counts.shift();
  const [first] = state.counts;
  const last = state.counts.at(-1);
  // Two counts close together, as after connecting, say nothing of a rate.
  if (last.at - first.at < 500) return;
  setText(byId('rate'), whole.format(Math.max(0, Math.round((1000 * (last.calls - first.calls)) / (last.at - first.at)))));
}

function connect() {
  const source = new EventSource('v1/verdicts/stream');
  source.addEventListener('open', () => {
    state.counts = [];
    tellConnection('live', 'Live');
    load().catch(() => tellConnection('lost', 'List not loaded'));
  });
  source.addEventListener('verdict', ({ data }) => {
    take(JSON.parse(data));
    changed();
  });
  source.addEventListener('counts', ({ data }) => countsArrived(JSON.parse(data)));
  source.addEventListener('error', () => {
    tellConnection('lost', 'Connection lost');
    // The browser itself tries again, unless the server refused.
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, RECONNECT_MS);
  });
}

// What people do

body.addEventListener('click', ({ target }) => {
  const row = target.closest('tr');
  if (row) openDetail(row.dataset.client);
});
body.addEventListener('pointermove', () => {
  state.heldUntil = performance.now() + HOLD_MS;
});
document.addEventListener('keydown', ({ key }) => {
  if (key === 'Escape' && !detail.hidden) closeDetail();
});
for (const button of document.querySelectorAll('[data-filter]'))
  button.addEventListener('click', () => {
    for (const other of document.querySelectorAll('[data-filter]')) other.setAttribute('aria-pressed', String(other === button));
    state.filter = button.dataset.filter;
    changed();
    load().catch(() => tellConnection('lost', 'List not loaded'));
  });
byId('sort').addEventListener('change', ({ target }) => {
  state.order = target.value;
  state.heldUntil = 0;
  changed();
});

// On a narrow screen rows are laid out as cards, and would no longer be read out as a table without these.
for (const [tag, role] of [
  ['table', 'table'],
  ['thead', 'rowgroup'],
  ['tbody', 'rowgroup'],
  ['tr', 'row'],
  ['th', 'columnheader'],
])
  for (const element of document.querySelectorAll(tag)) element.setAttribute('role', role);

connect();
