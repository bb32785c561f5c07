import { setFlagsFromString } from 'node:v8';

/**
 * What V8 takes for long-lived, from what it saw while starting up, goes to where only full collections look. Here that hit
 * what each request makes, and all it refers to stayed with it: every small collection took ten times as long, in most
 * starts. To be called before anything else is done.
 */
export function stopPretenuring(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}
