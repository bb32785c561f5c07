import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Program } from './program.ts';
import { planClients } from './schedule.ts';
import { hostAddress, hostLines, hostName } from './seats.ts';

function programOf(name: string, more: Partial<Program> = {}): Program {
  return {
    name,
    label: 'good',
    kind: name,
    tool: name,
    version: '1',
    forms: ['plain', 'slow'],
    clients: 40,
    seconds: 60,
    needs: {},
    start: () => ({ file: 'true', args: [] }),
    ...more,
  };
}

const OPTIONS = { seed: 4, seconds: 300, scale: 1 };

describe('planClients', () => {
  const programs = [
    programOf('a'),
    programOf('b', { label: 'bad', addresses: 5 }),
    programOf('c', { forms: ['hijack'], clients: 10 }),
  ];
  const plans = planClients(programs, OPTIONS);

  it('deals forms in turn, and seats and hosts to one client only', () => {
    const a = plans.filter(({ program }) => program.name === 'a');
    assert.deepEqual([a.length, a.filter(({ form }) => form === 'slow').length], [40, 20]);
    assert.equal(new Set(plans.map(({ seat }) => seat)).size, 90);
    assert.equal(new Set(plans.flatMap(({ hosts }) => hosts)).size, 40 + 40 * 5 + 10);
  });

  it('starts clients, and seats them, without regard to what they are', () => {
    const mean = (name: string, of: 'startsAt' | 'seat') => {
      const values = plans.filter(({ program }) => program.name === name).map((plan) => plan[of]);
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    };
    for (const name of ['a', 'b']) {
      assert.ok(Math.abs(mean(name, 'startsAt') - 150) < 45, `${name} ${mean(name, 'startsAt')}`);
      assert.ok(Math.abs(mean(name, 'seat') - 45) < 14, `${name} ${mean(name, 'seat')}`);
    }
    assert.deepEqual(
      plans.map(({ startsAt }) => startsAt),
      plans.map(({ startsAt }) => startsAt).toSorted((x, y) => x - y),
    );
  });

  it('turns hijacked clients half way, and no others', () => {
    for (const { form, turn, seconds } of plans) {
      if (form === 'hijack') assert.ok(turn >= 0.3 * seconds - 1 && turn <= 0.6 * seconds + 1, `${turn}`);
      else assert.equal(turn, 0);
    }
  });

  it('gives the same plan for the same seed, and at least one client at any scale', () => {
    assert.deepEqual(planClients(programs, OPTIONS), plans);
    assert.equal(planClients(programs, { ...OPTIONS, scale: 0.001 }).length, 3);
    assert.throws(() => planClients(programs, { ...OPTIONS, scale: 1000 }), /at most/);
  });
});

describe('hosts', () => {
  it('have a name and an address each', () => {
    assert.deepEqual([hostName(17), hostAddress(17), hostAddress(260)], ['h0017.range.test', '127.20.0.18', '127.20.1.11']);
    assert.equal(new Set(Array.from({ length: 9999 }, (_, n) => hostAddress(n))).size, 9999);
    assert.match(hostLines(2), /^127\.20\.0\.2 h0001\.range\.test$/m);
  });
});
