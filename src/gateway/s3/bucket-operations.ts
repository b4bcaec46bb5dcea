/**
 * The operations on a bucket that a query parameter names: what there is, and the names of what R2 does not have.
 *
 * https://developers.cloudflare.com/r2/api/s3/api/
 */

import { deleteBucketCors, getBucketCors, putBucketCors } from './bucket-cors.ts'
import {
  deleteBucketLifecycle,
  getBucketLifecycle,
  putBucketLifecycle
} from './bucket-lifecycle.ts'
import type { Compat } from '../compat.ts'
import type { Query } from '../connection/target.ts'
import { getBucketAcl, putBucketAcl } from './access-control.ts'
import {
  absent,
  deleteBucketEncryption,
  getBucketEncryption,
  getBucketLocation,
  getBucketVersioning,
  putBucketEncryption,
  putBucketVersioning
} from './bucket-configuration.ts'
import type { Operation } from './operation.ts'

/** An operation, or the name of one that is not implemented. `extra`: what R2 does not have. */
type Entry = Operation | string | { name: string; extra: Operation }

const gets: Record<string, Entry> = {
  location: getBucketLocation,
  versioning: getBucketVersioning,
  encryption: getBucketEncryption,
  acl: getBucketAcl,
  tagging: absent('NoSuchTagSet'),
  'object-lock': absent('ObjectLockConfigurationNotFoundError'),
  replication: absent('ReplicationConfigurationNotFoundError'),
  accelerate: 'GetBucketAccelerateConfiguration',
  analytics: 'GetBucketAnalyticsConfiguration',
  cors: getBucketCors,
  'intelligent-tiering': 'GetBucketIntelligentTieringConfiguration',
  inventory: 'GetBucketInventoryConfiguration',
  lifecycle: getBucketLifecycle,
  logging: 'GetBucketLogging',
  metrics: 'GetBucketMetricsConfiguration',
  notification: 'GetBucketNotificationConfiguration',
  ownershipControls: 'GetBucketOwnershipControls',
  policy: 'GetBucketPolicy',
  // The message with the doubled verb is R2's.
  policyStatus: 'GetGetBucketPolicyStatus',
  publicAccessBlock: 'GetPublicAccessBlock',
  requestPayment: 'GetBucketRequestPayment',
  versions: 'ListObjectVersions',
  website: 'GetBucketWebsite'
}

const puts: Record<string, Entry> = {
  acl: { name: 'PutBucketAcl', extra: putBucketAcl },
  encryption: putBucketEncryption,
  versioning: putBucketVersioning,
  accelerate: 'PutBucketAccelerateConfiguration',
  analytics: 'PutBucketAnalyticsConfiguration',
  cors: putBucketCors,
  'intelligent-tiering': 'PutBucketIntelligentTieringConfiguration',
  inventory: 'PutBucketInventoryConfiguration',
  lifecycle: putBucketLifecycle,
  logging: 'PutBucketLogging',
  metrics: 'PutBucketMetricsConfiguration',
  notification: 'PutBucketNotificationConfiguration',
  'object-lock': 'PutObjectLockConfiguration',
  ownershipControls: 'PutBucketOwnershipControls',
  policy: 'PutBucketPolicy',
  publicAccessBlock: 'PutPublicAccessBlock',
  replication: 'PutBucketReplication',
  requestPayment: 'PutBucketRequestPayment',
  tagging: 'PutBucketTagging',
  website: 'PutBucketWebsite'
}

const deletes: Record<string, Entry> = {
  encryption: deleteBucketEncryption,
  analytics: 'DeleteBucketAnalyticsConfiguration',
  cors: deleteBucketCors,
  'intelligent-tiering': 'DeleteBucketIntelligentTieringConfiguration',
  inventory: 'DeleteBucketInventoryConfiguration',
  lifecycle: deleteBucketLifecycle,
  metrics: 'DeleteBucketMetricsConfiguration',
  ownershipControls: 'DeleteBucketOwnershipControls',
  policy: 'DeleteBucketPolicy',
  replication: 'DeleteBucketReplication',
  tagging: 'DeleteBucketTagging',
  website: 'DeleteBucketWebsite'
}

/** By method. Names are looked up among a table's own: a parameter may have the name of what every object inherits. */
const tables = new Map([
  ['GET', new Map(Object.entries(gets))],
  ['PUT', new Map(Object.entries(puts))],
  ['DELETE', new Map(Object.entries(deletes))]
])

/** Undefined where no parameter names one: the operation is on the bucket itself. */
export function bucketOperations(
  method: string,
  query: Query,
  compat: Compat
): Operation | string | undefined {
  const table = tables.get(method)
  for (const name of query.keys()) {
    const entry = table?.get(name)
    if (entry === undefined) continue
    if (typeof entry !== 'object') return entry
    return compat === 'r2' ? entry.extra : entry.name
  }
  return undefined
}
