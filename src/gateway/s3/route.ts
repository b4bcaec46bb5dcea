/**
 * From method, path and query to the operation.
 *
 * What R2 does not have is answered as R2 answers it: 501 with the operation's name, or 404 where nothing is routed.
 *
 * https://developers.cloudflare.com/r2/api/s3/api/
 */

import type { IncomingHttpHeaders } from 'node:http'
import type { Target } from '../target.ts'
import { deleteBucketCors, getBucketCors, putBucketCors } from './bucket-cors.ts'
import {
  deleteBucketLifecycle,
  getBucketLifecycle,
  putBucketLifecycle
} from './bucket-lifecycle.ts'
import {
  absent,
  createBucket,
  deleteBucket,
  getBucketEncryption,
  getBucketLocation,
  getBucketVersioning,
  headBucket,
  listBuckets
} from './buckets.ts'
import { copyObject } from './copy-object.ts'
import { deleteObject } from './delete-object.ts'
import { deleteObjects } from './delete-objects.ts'
import { getObject, headObject } from './get-object.ts'
import { listObjects, listObjectsV2 } from './list-objects.ts'
import { isIgnored, type Operation } from './operation.ts'
import { putObject } from './put-object.ts'
import { abortMultipartUpload } from './abort-multipart-upload.ts'
import { completeMultipartUpload } from './complete-multipart-upload.ts'
import { createMultipartUpload } from './create-multipart-upload.ts'
import { listMultipartUploads } from './list-multipart-uploads.ts'
import { listParts } from './list-parts.ts'
import { uploadPart } from './upload-part.ts'
import { uploadPartCopy } from './upload-part-copy.ts'
import { notImplemented, S3Error } from './s3-error.ts'

/** GET of a bucket with this parameter. */
const bucketReads: Record<string, Operation | string> = {
  location: getBucketLocation,
  versioning: getBucketVersioning,
  encryption: getBucketEncryption,
  tagging: absent('NoSuchTagSet'),
  'object-lock': absent('ObjectLockConfigurationNotFoundError'),
  replication: absent('ReplicationConfigurationNotFoundError'),
  uploads: listMultipartUploads,
  versions: 'ListObjectVersions',
  acl: 'GetBucketAcl',
  cors: getBucketCors,
  lifecycle: getBucketLifecycle,
  policy: 'GetBucketPolicy',
  // The message with the doubled verb is R2's.
  policyStatus: 'GetGetBucketPolicyStatus',
  website: 'GetBucketWebsite',
  notification: 'GetBucketNotificationConfiguration',
  requestPayment: 'GetBucketRequestPayment',
  logging: 'GetBucketLogging',
  accelerate: 'GetBucketAccelerateConfiguration',
  publicAccessBlock: 'GetPublicAccessBlock',
  ownershipControls: 'GetBucketOwnershipControls',
  'intelligent-tiering': 'GetBucketIntelligentTieringConfiguration',
  inventory: 'GetBucketInventoryConfiguration',
  metrics: 'GetBucketMetricsConfiguration',
  analytics: 'GetBucketAnalyticsConfiguration'
}

/** PUT or DELETE of a bucket with this parameter. */
const bucketConfigurations: Record<string, { PUT: Operation; DELETE: Operation }> = {
  cors: { PUT: putBucketCors, DELETE: deleteBucketCors },
  lifecycle: { PUT: putBucketLifecycle, DELETE: deleteBucketLifecycle }
}

/** PUT or DELETE of a bucket with this parameter: 501 with the operation's name. */
const bucketWrites: Record<string, string> = {
  accelerate: 'BucketAccelerateConfiguration',
  acl: 'BucketAcl',
  analytics: 'BucketAnalyticsConfiguration',
  encryption: 'BucketEncryption',
  'intelligent-tiering': 'BucketIntelligentTieringConfiguration',
  inventory: 'BucketInventoryConfiguration',
  logging: 'BucketLogging',
  metrics: 'BucketMetricsConfiguration',
  notification: 'BucketNotificationConfiguration',
  'object-lock': 'ObjectLockConfiguration',
  ownershipControls: 'BucketOwnershipControls',
  policy: 'BucketPolicy',
  publicAccessBlock: 'PublicAccessBlock',
  replication: 'BucketReplication',
  requestPayment: 'BucketRequestPayment',
  tagging: 'BucketTagging',
  versioning: 'BucketVersioning',
  website: 'BucketWebsite'
}

/** GET or PUT of an object with this parameter: 501 with the operation's name. */
const objectResources: Record<string, string> = {
  tagging: 'ObjectTagging',
  acl: 'ObjectAcl',
  attributes: 'ObjectAttributes',
  torrent: 'ObjectTorrent',
  retention: 'ObjectRetention',
  'legal-hold': 'ObjectLegalHold'
}

export function route(method: string, target: Target, headers: IncomingHttpHeaders): Operation {
  const { bucket, key } = target
  if (bucket === undefined) {
    if (method === 'GET') return listBuckets
    throw new S3Error('RouteNotFound')
  }

  return key === undefined ? routeBucket(method, target) : routeObject(method, target, headers)
}

function routeBucket(method: string, { query }: Target): Operation {
  switch (method) {
    case 'GET': {
      for (const name of query.keys()) {
        const found = own(bucketReads, name)
        if (typeof found === 'string') throw notImplemented(found)
        if (found !== undefined) return found
      }
      return query.has('list-type') ? listObjectsV2 : listObjects
    }
    case 'HEAD':
      return headBucket
    case 'PUT':
    case 'DELETE': {
      for (const name of query.keys()) {
        const configuration = own(bucketConfigurations, name)
        if (configuration !== undefined) return configuration[method]
        const found = own(bucketWrites, name)
        if (found !== undefined)
          throw notImplemented(`${method === 'PUT' ? 'Put' : 'Delete'}${found}`)
        if (method === 'PUT' || isIgnored(name)) continue
        throw new S3Error(
          'InvalidArgument',
          `Unsupported search param(s) "${name}" on a DELETE bucket route`
        )
      }
      return method === 'PUT' ? createBucket : deleteBucket
    }
    case 'POST':
      if (query.has('delete')) return deleteObjects
      throw notImplemented('Presigned post requests are not yet implemented')
    default:
      throw new S3Error('RouteNotFound')
  }
}

function routeObject(method: string, { query }: Target, headers: IncomingHttpHeaders): Operation {
  switch (method) {
    case 'GET':
      if (query.has('uploadId')) return listParts
      if (query.has('uploads')) return listMultipartUploads
      refuseResource(query, 'Get')
      return getObject
    case 'HEAD':
      return headObject
    case 'PUT':
      if (query.has('uploadId') && query.has('partNumber')) {
        return 'x-amz-copy-source' in headers ? uploadPartCopy : uploadPart
      }
      refuseResource(query, 'Put')
      return 'x-amz-copy-source' in headers ? copyObject : putObject
    case 'POST':
      if (query.has('uploads')) return createMultipartUpload
      if (query.has('uploadId')) return completeMultipartUpload
      return putObject
    case 'DELETE':
      if (query.has('uploadId')) return abortMultipartUpload
      return deleteObject
    default:
      throw new S3Error('RouteNotFound')
  }
}

function refuseResource(query: Target['query'], verb: 'Get' | 'Put'): void {
  for (const name of query.keys()) {
    const resource = own(objectResources, name)
    if (resource !== undefined) throw notImplemented(`${verb}${resource}`)
  }
}

/** A parameter may have the name of something that every object inherits. */
function own<T>(table: Record<string, T>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}
