/** The web site beside the API: pages, a feed, robots.txt, a site map, assets. */
import { type Call, missing, type Reply, type Route, route, whole } from './api-http.ts';
import { CATEGORIES, type Product, type World } from './api-world.ts';

const PER_PAGE = 24;
const PLAIN_PAGES = ['about', 'contact', 'help', 'terms', 'delivery', 'jobs'] as const;
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);
const HTML = 'text/html; charset=utf-8';

export function createSite(world: World, startMs: number): readonly Route[] {
  const { map } = world.shape;
  const newest = world.productIds.slice(-40).map((id) => world.products.get(id)!);
  return [
    ...route('GET', '/', (call) => homePage(world, call)),
    ...PLAIN_PAGES.flatMap((name) => route('GET', `/${name}`, () => page(name, `<p>${`All about ${name}. `.repeat(30)}</p>`))),
    ...route('GET', '/c/{}', (call, [name]) => listPage(world, call, name!)),
    ...route('GET', map.page!, (_call, [slug]) => productPage(world, slug!)),
    ...route('GET', map.assets!, (_call, [name]) => asset(world, name!)),
    ...route('GET', map.robots!, () => ({ status: 200, type: 'text/plain', body: robots(world), isCacheable: true })),
    ...route('GET', map.sitemap!, () => ({ status: 200, type: 'application/xml', body: sitemap(world), isCacheable: true })),
    ...route('GET', map.feed!, ({ nowMs }) => {
      // A new item each minute, so that readers with ETags see both 200 and 304.
      const shown = Math.floor((nowMs - startMs) / 60_000) % 20;
      return { status: 200, type: 'application/rss+xml', body: feed(newest.slice(shown, shown + 20)), isCacheable: true };
    }),
    ...route('GET', '/favicon.ico', () => ({ status: 200, type: 'image/png', body: PIXEL, isCacheable: true })),
  ];
}

function page(title: string, main: string, headers: Readonly<Record<string, string>> = {}): Reply {
  const links = [...PLAIN_PAGES.map((name) => `/${name}`), ...CATEGORIES.map((name) => `/c/${name}`)];
  const nav = links.map((link) => `<a href="${link}">${link.split('/').at(-1)}</a>`).join(' ');
  const head = `<meta charset="utf-8"><title>${title}</title><link rel="stylesheet" href="/assets/site.css">`;
  const body = `<nav><a href="/">home</a> ${nav}</nav><main>${main}</main><script src="/assets/app.js"></script>`;
  const html = `<!doctype html><html lang="en"><head>${head}</head><body>${body}</body></html>`;
  return { status: 200, type: HTML, body: html, headers, isCacheable: true };
}

function teaser({ slug, name, price }: Product): string {
  return `<li><a href="/p/${slug}"><img src="/assets/t-${slug.length % 9}.png" alt=""> ${name}</a> ${price} EUR</li>`;
}

function homePage(world: World, call: Call): Reply {
  const shown = world.productIds.slice(0, PER_PAGE).map((id) => teaser(world.products.get(id)!));
  const isNew = call.headers.cookie === undefined;
  return page(
    'Home',
    `<ul>${shown.join('')}</ul>`,
    isNew ? { 'set-cookie': `sid=${call.nowMs.toString(36)}; Path=/; Secure` } : {},
  );
}

function listPage(world: World, call: Call, name: string): Reply {
  if (!(CATEGORIES as readonly string[]).includes(name)) return missing();
  const ids = world.productIds.filter((id) => world.products.get(id)!.category === name);
  const at = whole(call.query.get('page'), 1, 1, 1000);
  const shown = ids.slice((at - 1) * PER_PAGE, at * PER_PAGE).map((id) => teaser(world.products.get(id)!));
  const more = at * PER_PAGE < ids.length ? `<a rel="next" href="/c/${name}?page=${at + 1}">more</a>` : '';
  return page(name, `<ul>${shown.join('')}</ul>${more}`);
}

function productPage(world: World, slug: string): Reply {
  const product = world.products.get(world.slugs.get(slug) ?? '');
  if (!product) return missing();
  const at = world.productIds.indexOf(product.id);
  const alike = world.productIds.slice(at + 1, at + 5).map((id) => teaser(world.products.get(id)!));
  return page(
    product.name,
    `<h1>${product.name}</h1><p>${product.description}</p><p>${product.price}</p><ul>${alike.join('')}</ul>`,
  );
}

function asset(world: World, name: string): Reply {
  const { map } = world.shape;
  if (name === 'app.js') {
    const calls = [`${map.products}?limit=5`, map.me].map((path) => `fetch('${path}').catch(() => {});`);
    return { status: 200, type: 'text/javascript', body: `'use strict';\n${calls.join('\n')}\n`, isCacheable: true };
  }
  if (name === 'site.css')
    return { status: 200, type: 'text/css', body: 'body{font:16px sans-serif}'.repeat(20), isCacheable: true };
  if (/^t-\d\.png$/.test(name)) return { status: 200, type: 'image/png', body: PIXEL, isCacheable: true };
  return missing();
}

function robots({ shape: { map } }: World): string {
  const hidden = [map.orders!, map.customers!, map.cart!, map.admin!, '/services/', '/scim/'];
  return ['User-agent: *', ...hidden.map((path) => `Disallow: ${path}`), 'Crawl-delay: 1', `Sitemap: ${map.sitemap}`, ''].join(
    '\n',
  );
}

function sitemap(world: World): string {
  const paths = world.productIds.slice(0, 500).map((id) => `/p/${world.products.get(id)!.slug}`);
  const urls = ['/', ...PLAIN_PAGES.map((name) => `/${name}`), ...paths].map((path) => `<url><loc>${path}</loc></url>`);
  return `<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">${urls.join('')}</urlset>`;
}

function feed(products: readonly Product[]): string {
  const items = products.map(
    ({ name, slug, id }) => `<item><title>${name}</title><link>/p/${slug}</link><guid>${id}</guid></item>`,
  );
  return `<?xml version="1.0"?><rss version="2.0"><channel><title>New</title><link>/</link>${items.join('')}</channel></rss>`;
}
