/** Bad programs that anyone can install: password tools, scanners, copiers, load tools. */
import type { Program } from '../program.ts';
import { COPY_TOOLS } from './tool-copies.ts';
import { FLOOD_TOOLS } from './tool-floods.ts';
import { LOGIN_TOOLS } from './tool-logins.ts';
import { SCAN_TOOLS } from './tool-scans.ts';

export const TOOLS: readonly Program[] = [...LOGIN_TOOLS, ...SCAN_TOOLS, ...COPY_TOOLS, ...FLOOD_TOOLS];
