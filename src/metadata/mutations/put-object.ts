/**
 * PutObject's commit: the one step that makes an object durable and visible.
 *
 * Before it, every extent is durable on all its replicas. One batch makes the version current for its key, names its
 * extents, and hands what the replaced version held to the release queue. After a crash before the
 * batch, the extents have no row and are dead bytes; after one behind it, the object is whole.
 */

import type { Transaction } from '../transaction.ts'
import { replaceObject, type Destination } from './destination.ts'
import { putContent, type NewExtent, type NewPage } from './new-content.ts'

export interface PutObject extends Destination {
  /** The encoded ObjectRecord. */
  value: Buffer
  extents: NewExtent[]
  pages: NewPage[]
}

export async function putObject(transaction: Transaction, put: PutObject): Promise<void> {
  await replaceObject(transaction, put, put.value)
  await putContent(transaction, put)
}
