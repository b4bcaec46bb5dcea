/**
 * The metadata service as the folders left of it see it: reads at once, writes as named mutations.
 *
 * `mutate` is the whole commit path. In the thread that owns the engine it is a `GroupCommitter`;
 * elsewhere it is a port to that thread. Either way it resolves when the outcome is durable, and
 * every read that starts after that, in any thread, sees it.
 */

import type { Engine } from './engine.ts'
import type { MutationName, MutationArguments, MutationResult } from './mutations.ts'
import type { SealedExtent } from '../storage/extent.ts'
import type { Replica } from './extent-record.ts'

export type Reader = Pick<Engine, 'get' | 'getMany' | 'scan'>

export interface Committer {
  mutate<Name extends MutationName>(
    name: Name,
    parameters: MutationArguments<Name>
  ): Promise<MutationResult<Name>>

  /**
   * Writes a small extent into the segments that all threads share, so that one sync serves many.
   * Durable on every replica on return.
   */
  writeExtent(extent: SealedExtent, location: string): Promise<Replica[]>
}
