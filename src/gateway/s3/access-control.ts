/**
 * GetBucketAcl, GetObjectAcl, PutBucketAcl and PutObjectAcl: `?acl`.
 *
 * There is one owner, who has full control, and nobody else: this is what an ACL says, and all that may be asked of it.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAcl.html
 */

import { readBody } from '../body/verified-body.ts'
import { xmlResponse, type S3Request, type S3Response } from './operation.ts'
import { owner, ownerId } from './owner.ts'
import { notImplemented } from './s3-error.ts'
import { refusal, screen } from './screening.ts'
import { elementsOf, isRecord, parseDocument } from './xml.ts'

const bodySizeMax = 64 * 1024

const grantee = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"'

export async function getBucketAcl(request: S3Request): Promise<S3Response> {
  screen(request, 'Extra')
  await request.store.headBucket(request.bucket)

  return acl()
}

export async function getObjectAcl(request: S3Request): Promise<S3Response> {
  screen(request, 'Extra')
  await request.store.stat(request.bucket, request.key)

  return acl()
}

export async function putBucketAcl(request: S3Request): Promise<S3Response> {
  await requireOwnerOnly(request, 'PutBucketAcl')
  await request.store.headBucket(request.bucket)

  return { status: 200 }
}

export async function putObjectAcl(request: S3Request): Promise<S3Response> {
  await requireOwnerOnly(request, 'PutObjectAcl')
  await request.store.stat(request.bucket, request.key)

  return { status: 200 }
}

function acl(): S3Response {
  return xmlResponse('AccessControlPolicy', [
    owner,
    [
      'AccessControlList',
      [
        [
          'Grant',
          [
            ['Grantee', owner[1], grantee],
            ['Permission', 'FULL_CONTROL']
          ]
        ]
      ]
    ]
  ])
}

/** Anything that would let somebody in is refused: to say yes and not do it would be a lie. */
async function requireOwnerOnly(request: S3Request, operation: string): Promise<void> {
  const { headers } = request
  screen(request, 'Extra')
  const canned = headers['x-amz-acl']
  if (canned !== undefined && canned !== 'private') throw refusal(headers, 'x-amz-acl')

  const body = await readBody(request.body(), bodySizeMax)
  if (body.length === 0) return
  const [list] = elementsOf(parseDocument(body, 'AccessControlPolicy'), 'AccessControlList')
  const grants = isRecord(list) ? elementsOf(list, 'Grant') : []
  if (!grants.every(isOwnersGrant)) throw notImplemented(`${operation} with a grant to others`)
}

function isOwnersGrant(grant: unknown): boolean {
  const [found] = isRecord(grant) ? elementsOf(grant, 'Grantee') : []
  const ids = isRecord(found) ? elementsOf(found, 'ID') : []

  return ids.length === 1 && ids[0] === ownerId
}
