/** Ways of sharing partitions out that kafkajs does not have, in Kafka's own protocol. */
import kafkajs, { type PartitionAssigner } from 'kafkajs';
import { assignPartitions } from '../core/assign.ts';

const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol;
// Later versions hold more, which kafkajs does not write.
const VERSION = 0;
const EMPTY = Buffer.alloc(0);

/**
 * Each member keeps its partitions as far as its share goes; every member tells the one that decides what it has.
 *
 * @param owned partitions that this process has now
 * @param isSingle all go to one member
 */
export function stickyAssigner(owned: () => readonly number[], isSingle = false): PartitionAssigner {
  const name = isSingle ? 'AssaySingle' : 'AssaySticky';
  return ({ cluster }) => ({
    name,
    version: VERSION,
    protocol: ({ topics }) => ({
      name,
      metadata: MemberMetadata.encode({ version: VERSION, topics, userData: Buffer.from(JSON.stringify(owned())) }),
    }),
    async assign({ members, topics }) {
      const topic = topics[0]!;
      const count = cluster.findTopicPartitionMetadata(topic).length;
      const known = members.map(({ memberId, memberMetadata }) => ({ id: memberId, owned: readOwned(memberMetadata) }));
      return [...assignPartitions(known, count, isSingle)].map(([memberId, partitions]) => ({
        memberId,
        memberAssignment: MemberAssignment.encode({ version: VERSION, assignment: { [topic]: partitions }, userData: EMPTY }),
      }));
    },
  });
}

/** What a member of another version says is taken for nothing. */
function readOwned(metadata: Buffer): number[] {
  try {
    const said: unknown = JSON.parse(MemberMetadata.decode(metadata)!.userData.toString());
    return Array.isArray(said) ? said.filter(Number.isInteger) : [];
  } catch {
    return [];
  }
}

/** For a group of one member that reads only some partitions, the same of each topic: kafkajs has no reading without a group. */
export function onlyAssigner(partitions: readonly number[]): PartitionAssigner {
  const name = 'AssayOnly';
  return () => ({
    name,
    version: VERSION,
    protocol: ({ topics }) => ({ name, metadata: MemberMetadata.encode({ version: VERSION, topics, userData: EMPTY }) }),
    async assign({ members, topics }) {
      const assignment = Object.fromEntries(topics.map((topic) => [topic, [...partitions]]));
      return members.map(({ memberId }) => ({
        memberId,
        memberAssignment: MemberAssignment.encode({ version: VERSION, assignment, userData: EMPTY }),
      }));
    },
  });
}
