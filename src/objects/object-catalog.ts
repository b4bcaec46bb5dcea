/**
 * Objects as reads need them: their rows, decoded. Those that are read again are kept, and used for as long as nothing can have
 * been written to them (`ObjectSequences`): a read that is answered from here is answered as the engine would.
 *
 * Kept are the second of the last so many that were asked for: entries are in two generations, of which the older is dropped when
 * the younger is full, and one that is used in the older goes to the younger. The first read of an object leaves its name only.
 */

import { R2dError } from '../errors.ts'
import { normalizeKey, objectKey } from '../metadata/keys.ts'
import { decodeObjectRecord, type ObjectRecord } from '../metadata/object-record.ts'
import type { ObjectSequences } from '../metadata/object-sequences.ts'
import type { OpenBucket } from './bucket-catalog.ts'
import type { MetadataReader } from './context.ts'
import { toObjectInfo } from './object-info.ts'
import type { ObjectInfo } from './store.ts'

/** Names in one of the two generations, each with an object of some 2 KiB or without. */
const generationSize = 4096
/** Bytes of a row: larger ones are rare, and not kept. */
const rowSizeMax = 4096

/** For all who read it: nobody changes it. */
export interface OpenObject {
  readonly record: Readonly<ObjectRecord>
  readonly info: Readonly<ObjectInfo>
}

interface Kept {
  /** What its name and its info are of. */
  bucket: OpenBucket
  stripe: number
  sequence: number
  object: OpenObject
}

export class ObjectCatalog {
  readonly #metadata: MetadataReader
  readonly #sequences: ObjectSequences
  /** Undefined: its name was asked for once. */
  #young = new Map<string, Kept | undefined>()
  #old = new Map<string, Kept | undefined>()

  constructor(metadata: MetadataReader, sequences: ObjectSequences) {
    this.#metadata = metadata
    this.#sequences = sequences
  }

  /** The object as it is now, if that is known without asking the engine. */
  known(bucket: OpenBucket, key: string): OpenObject | undefined {
    const name = nameOf(bucket, key)
    let kept = this.#young.get(name)
    if (kept === undefined) {
      kept = this.#old.get(name)
      if (kept === undefined) return undefined
      this.#remember(name, kept)
    }
    if (kept.bucket !== bucket) return undefined

    return this.#sequences.current(kept.stripe) === kept.sequence ? kept.object : undefined
  }

  /** Asks the engine. R2D_NO_SUCH_KEY. */
  async read(bucket: OpenBucket, key: string): Promise<OpenObject> {
    const rowKey = objectKey(bucket.record.id, normalizeKey(key))
    const stripe = this.#sequences.stripeOf(rowKey)
    // Before the row: what is written in between makes it another.
    const sequence = this.#sequences.current(stripe)
    const row = await this.#metadata.get(rowKey)
    const name = nameOf(bucket, key)
    if (row === undefined) {
      this.#forget(name)
      throw new R2dError('R2D_NO_SUCH_KEY', `There is no object ${key}`)
    }

    const record = decodeObjectRecord(row.value)
    const object = { record, info: toObjectInfo(record, bucket) }
    if (sequence !== undefined && row.value.length <= rowSizeMax) {
      const isAgain = this.#young.has(name) || this.#old.has(name)
      this.#remember(name, isAgain ? { bucket, stripe, sequence, object } : undefined)
    }
    return object
  }

  #remember(name: string, kept: Kept | undefined): void {
    this.#young.set(name, kept)
    if (this.#young.size < generationSize) return

    this.#old = this.#young
    this.#young = new Map()
  }

  #forget(name: string): void {
    this.#young.delete(name)
    this.#old.delete(name)
  }
}

/** Neither a bucket's name has a slash nor is a key's spelling changed: another spelling is another name of the same row. */
function nameOf({ name }: OpenBucket, key: string): string {
  return `${name}/${key}`
}
