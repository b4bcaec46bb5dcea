/**
 * From method, path and query to the operation.
 *
 * What R2 does not have is answered as R2 answers it: 501 with the operation's name, or 404 where nothing is routed.
 *
 * https://developers.cloudflare.com/r2/api/s3/api/
 */

import type { IncomingHttpHeaders } from 'node:http'
import type { Compat } from '../compat.ts'
import type { Target } from '../connection/target.ts'
import { abortMultipartUpload } from './abort-multipart-upload.ts'
import { getObjectAcl, putObjectAcl } from './access-control.ts'
import { bucketOperations } from './bucket-operations.ts'
import { createBucket, deleteBucket, headBucket, listBuckets } from './buckets.ts'
import { completeMultipartUpload } from './complete-multipart-upload.ts'
import { copyObject } from './copy-object.ts'
import { createMultipartUpload } from './create-multipart-upload.ts'
import { deleteObject } from './delete-object.ts'
import { deleteObjects } from './delete-objects.ts'
import { getObjectAttributes } from './get-object-attributes.ts'
import { getObject, headObject } from './get-object.ts'
import { listMultipartUploads } from './list-multipart-uploads.ts'
import { listObjects, listObjectsV2 } from './list-objects.ts'
import { listParts } from './list-parts.ts'
import { deleteObjectTagging, getObjectTagging, putObjectTagging } from './object-tagging.ts'
import type { Operation, S3Request, S3Response } from './operation.ts'
import { putObject } from './put-object.ts'
import { notImplemented, S3Error } from './s3-error.ts'
import { uploadPartCopy } from './upload-part-copy.ts'
import { uploadPart } from './upload-part.ts'

interface ObjectResource {
  /** Behind the verb, in an operation's name. */
  name: string
  /** What R2 does not have. */
  extra?: Partial<Record<string, Operation>>
}

/** An object with this parameter. */
const objectResources = new Map<string, ObjectResource>([
  [
    'tagging',
    {
      name: 'ObjectTagging',
      extra: { GET: getObjectTagging, PUT: putObjectTagging, DELETE: deleteObjectTagging }
    }
  ],
  ['acl', { name: 'ObjectAcl', extra: { GET: getObjectAcl, PUT: putObjectAcl } }],
  ['attributes', { name: 'ObjectAttributes', extra: { GET: getObjectAttributes } }],
  ['torrent', { name: 'ObjectTorrent' }],
  ['retention', { name: 'ObjectRetention' }],
  ['legal-hold', { name: 'ObjectLegalHold' }]
])

export function route(
  method: string,
  target: Target,
  headers: IncomingHttpHeaders,
  compat: Compat
): Operation {
  const { bucket, key } = target
  if (bucket === undefined) {
    if (method === 'GET') return listBuckets
    throw new S3Error('RouteNotFound')
  }

  const operation =
    key === undefined
      ? routeBucket(method, target, compat)
      : routeObject(method, target, headers, compat)
  return operation === createBucket ? operation : request => bucketFirst(request, operation)
}

/** A form that a browser sends to a bucket has its authorization in its body: R2 does not take it. */
export function isPostPolicy(
  method: string,
  { key, query }: Target,
  headers: IncomingHttpHeaders
): boolean {
  const isUnsigned = headers.authorization === undefined && !query.has('X-Amz-Credential')

  return method === 'POST' && key === undefined && isUnsigned && !query.has('delete')
}

/**
 * R2 looks for the bucket before it looks at anything else of a request. Nothing is looked up for that where the
 * request is fine, because an operation finds out for itself.
 */
async function bucketFirst(request: S3Request, operation: Operation): Promise<S3Response> {
  try {
    return await operation(request)
  } catch (error) {
    const isRefusal = error instanceof S3Error && (error.status === 400 || error.status === 501)
    if (isRefusal && request.headers['cf-create-bucket-if-missing'] !== 'true') {
      await request.store.headBucket(request.bucket)
    }
    throw error
  }
}

function refuse(error: S3Error): Operation {
  return () => Promise.reject(error)
}

function routeBucket(method: string, { query }: Target, compat: Compat): Operation {
  const operation = bucketOperations(method, query, compat)
  if (typeof operation === 'string') return refuse(notImplemented(operation))
  if (operation !== undefined) return operation

  switch (method) {
    case 'GET':
      if (query.has('uploads')) return listMultipartUploads
      return query.has('list-type') ? listObjectsV2 : listObjects
    case 'HEAD':
      return headBucket
    case 'PUT':
      return createBucket
    case 'DELETE':
      return deleteBucket
    case 'POST':
      return query.has('delete') ? deleteObjects : acceptPost
    default:
      throw new S3Error('RouteNotFound')
  }
}

/** R2 has nothing to do for a POST to a bucket, and says so with an empty answer. */
async function acceptPost({ store, bucket }: S3Request): Promise<S3Response> {
  await store.headBucket(bucket)

  return { status: 200 }
}

function routeObject(
  method: string,
  { query }: Target,
  headers: IncomingHttpHeaders,
  compat: Compat
): Operation {
  switch (method) {
    case 'GET':
      if (query.has('uploadId')) return listParts
      if (query.has('uploads')) return listMultipartUploads
      return routeResource('GET', query, compat) ?? getObject
    case 'HEAD':
      return headObject
    case 'PUT':
      if (query.has('uploadId') && query.has('partNumber')) {
        return 'x-amz-copy-source' in headers ? uploadPartCopy : uploadPart
      }
      return (
        routeResource('PUT', query, compat) ??
        ('x-amz-copy-source' in headers ? copyObject : putObject)
      )
    case 'POST':
      if (query.has('uploads')) return createMultipartUpload
      if (query.has('uploadId')) return completeMultipartUpload
      return putObject
    case 'DELETE':
      if (query.has('uploadId')) return abortMultipartUpload
      // R2: DELETE with any of the parameters deletes the object.
      return routeResource('DELETE', query, compat) ?? deleteObject
    default:
      throw new S3Error('RouteNotFound')
  }
}

function routeResource(
  method: 'GET' | 'PUT' | 'DELETE',
  query: Target['query'],
  compat: Compat
): Operation | undefined {
  for (const name of query.keys()) {
    const resource = objectResources.get(name)
    if (resource === undefined) continue
    const extra = compat === 'r2' ? resource.extra?.[method] : undefined
    if (extra !== undefined) return extra
    if (method === 'DELETE') return undefined
    return refuse(notImplemented(`${method === 'GET' ? 'Get' : 'Put'}${resource.name}`))
  }
  return undefined
}
