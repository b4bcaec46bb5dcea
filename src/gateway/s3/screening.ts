/**
 * The headers that an operation does not do, as R2 has them: better refused than ignored.
 *
 * The tables are R2's. What r2d does and R2 does not is honoured, unless the endpoint is to be strict.
 *
 * https://developers.cloudflare.com/r2/api/s3/api/
 */

import { notImplemented, S3Error } from './s3-error.ts'
import type { S3Request } from './operation.ts'
import { ownerId } from './owner.ts'

const expectedOwner = 'x-amz-expected-bucket-owner'
const expectedSourceOwner = 'x-amz-source-expected-bucket-owner'
const encryption = 'x-amz-server-side-encryption'
const acl = 'x-amz-acl'

const grantHeaders = [
  'x-amz-grant-full-control',
  'x-amz-grant-read',
  'x-amz-grant-read-acp',
  'x-amz-grant-write',
  'x-amz-grant-write-acp'
]

const write = [
  expectedOwner,
  'x-amz-tagging',
  ...grantHeaders,
  'x-amz-website-redirect-location',
  'x-amz-object-lock-mode',
  'x-amz-object-lock-retain-until-date',
  'x-amz-object-lock-legal-hold',
  'x-amz-server-side-encryption-aws-kms-key-id',
  'x-amz-server-side-encryption-context',
  'x-amz-server-side-encryption-bucket-key-enabled'
]
const remove = [expectedOwner, 'x-amz-mfa', 'x-amz-bypass-governance-retention']

/** In the order in which they are looked for. */
const refusedHeaders = {
  PutObject: write,
  CreateMultipartUpload: write,
  CopyObject: [
    ...write,
    expectedSourceOwner,
    'x-amz-tagging-directive',
    'x-amz-checksum-algorithm'
  ],
  UploadPart: [expectedOwner, encryption],
  UploadPartCopy: [
    expectedOwner,
    expectedSourceOwner,
    'x-amz-copy-source-if-match',
    'x-amz-copy-source-if-none-match',
    'x-amz-copy-source-if-modified-since',
    'x-amz-copy-source-if-unmodified-since'
  ],
  CompleteMultipartUpload: [expectedOwner],
  AbortMultipartUpload: [],
  DeleteObject: remove,
  DeleteObjects: remove,
  /** GetObject, HeadObject, HeadBucket, everything that gets a configuration or a listing. */
  Read: [expectedOwner],
  CreateBucket: [...grantHeaders, 'x-amz-object-ownership'],
  /** Objects of every size are transitioned. */
  PutBucketLifecycleConfiguration: [expectedOwner, 'x-amz-transition-default-minimum-object-size'],
  /** What R2 does not have at all, so that its table says nothing: tags and ACLs. */
  Extra: [expectedOwner, ...grantHeaders]
} as const satisfies Record<string, readonly string[]>

export type ScreenedOperation = keyof typeof refusedHeaders

const owners: readonly string[] = [expectedOwner, expectedSourceOwner]

/** What r2d does, of the above. */
const honoured: ReadonlySet<string> = new Set([
  ...owners,
  'x-amz-tagging',
  'x-amz-tagging-directive',
  // Current SDKs send one with each part of an object that they copy, so that all are of one version.
  'x-amz-copy-source-if-match',
  'x-amz-copy-source-if-none-match',
  'x-amz-copy-source-if-modified-since',
  'x-amz-copy-source-if-unmodified-since'
])

/** Canned ACLs that are accepted, and do nothing: nobody but the owner of a key gets in. */
const acls = new Set([
  'private',
  'public-read',
  'public-read-write',
  'authenticated-read',
  'aws-exec-read',
  'bucket-owner-read',
  'bucket-owner-full-control'
])

const writes: ReadonlySet<ScreenedOperation> = new Set([
  'PutObject',
  'CreateMultipartUpload',
  'CopyObject'
])

type Screened = Pick<S3Request, 'headers' | 'compat'>

/** NotImplemented for the first header that is not done; AccessDenied if the owner is somebody else. */
export function screen({ headers, compat }: Screened, operation: ScreenedOperation): void {
  for (const name of refusedHeaders[operation]) {
    if (headers[name] === undefined) continue
    if (compat === 'strict-r2' || !honoured.has(name)) throw refusal(headers, name)
    if (owners.includes(name) && headers[name] !== ownerId) throw new S3Error('AccessDenied')
  }
  if (!writes.has(operation)) return

  if ((headers[encryption] ?? 'AES256') !== 'AES256') throw refusal(headers, encryption)
  if (!acls.has(String(headers[acl] ?? 'private'))) throw refusal(headers, acl)
}

export function refusal(headers: S3Request['headers'], name: string): S3Error {
  return notImplemented(`Header '${name}' with value '${String(headers[name])}'`)
}
