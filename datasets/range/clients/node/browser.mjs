/** A real Chromium over playwright, as the range's clients use it. */
import { load } from './seat.mjs';

/** Runs `use` with a headless browser, and closes that whatever happens. */
export async function withBrowser(use) {
  const { default: playwright } = await load('playwright-core');
  const browser = await playwright.chromium.launch({
    executablePath: process.env.RANGE_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--no-proxy-server'],
  });
  try {
    await use(browser);
  } finally {
    await browser.close();
  }
}

/** An empty page in a context without history; without a name the browser says itself what it is. */
export async function newPage(browser, userAgent) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...(userAgent ? { userAgent } : {}) });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  return page;
}
