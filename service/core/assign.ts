/**
 * Who reads which partition. A partition costs the restoring of its state when it moves, so each member keeps what it has
 * as far as its share goes.
 */

export interface Member {
  readonly id: string;
  /** Partitions that it has had until now. */
  readonly owned: readonly number[];
}

/**
 * Shares partitions 0 to `count - 1` out evenly; where `isSingle`, all go to the member that has most of them.
 * @returns partitions by member id; the same whoever computes it
 */
export function assignPartitions(members: readonly Member[], count: number, isSingle = false): Map<string, number[]> {
  const sorted = members.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  if (isSingle) return assignToOne(sorted, count);
  const least = Math.floor(count / sorted.length);
  let larger = count - least * sorted.length;
  const free = new Set(Array.from({ length: count }, (_, partition) => partition));
  const shares = new Map<string, number[]>();
  // Those that have most may have the larger shares: nothing moves that need not.
  for (const { id, owned } of sorted.toSorted((a, b) => b.owned.length - a.owned.length)) {
    const quota = owned.length > least && larger > 0 ? least + 1 : least;
    const kept = owned.filter((partition) => free.has(partition)).slice(0, quota);
    if (kept.length > least) larger--;
    for (const partition of kept) free.delete(partition);
    shares.set(id, kept);
  }
  for (const partition of free) smallest(sorted.map(({ id }) => shares.get(id)!)).push(partition);
  return shares;
}

function assignToOne(members: readonly Member[], count: number): Map<string, number[]> {
  const holder = members.reduce((best, member) => (member.owned.length > best.owned.length ? member : best));
  const all = Array.from({ length: count }, (_, partition) => partition);
  return new Map(members.map(({ id }) => [id, id === holder.id ? all : []]));
}

function smallest(shares: readonly number[][]): number[] {
  return shares.reduce((best, share) => (share.length < best.length ? share : best));
}
