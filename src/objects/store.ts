/**
 * The store: what an operation means, whoever asks. Knows extents and commits, no HTTP.
 */

import type { Checksums, HttpMetadata, PartRun, StorageClass } from '../metadata/object-record.ts'
import type { CorsMethod, CorsRule } from '../metadata/cors-record.ts'
import type { LifecycleCondition, LifecycleRule } from '../metadata/lifecycle-record.ts'
import type { EntityTag, Precondition } from '../metadata/precondition.ts'
import type { UploadChecksum } from '../metadata/upload-record.ts'

/** That an object is to go. */
export interface Expiration {
  ruleId: string
  /** Milliseconds since the epoch. */
  time: number
}

export type {
  CorsMethod,
  CorsRule,
  EntityTag,
  LifecycleCondition,
  LifecycleRule,
  Precondition,
  UploadChecksum
}

export interface BucketInfo {
  name: string
  /** Milliseconds since the epoch. */
  created: number
  location: string
  storageClass: StorageClass
}

export interface ObjectInfo {
  key: string
  size: number
  /** Without quotes. */
  etag: string
  /** Milliseconds since the epoch. */
  uploaded: number
  /** 32 hex digits. */
  versionId: string
  storageClass: StorageClass
  httpMetadata: HttpMetadata
  /** Names in lower case, without `x-amz-meta-`. */
  customMetadata: [name: string, value: string][]
  checksums: Checksums
  /** The checksums are of the parts' checksums, not of the content. */
  isComposite: boolean
  /** Of an object that was uploaded in parts: how many. */
  partCount: number | undefined
  /** In order; empty for an object that was put whole. */
  parts: readonly PartRun[]
  /** 16 bytes: MD5 of the key that the customer gave and is to give again. */
  customerKeyMd5: Buffer | undefined
  tags: [name: string, value: string][]
  /** By the bucket's lifecycle rules, as they are now. */
  expiration: Expiration | undefined
}

export type DigestName = 'md5' | 'sha1' | 'sha256' | 'crc32' | 'crc32c' | 'crc64nvme'

export interface ObjectMetadata {
  httpMetadata: HttpMetadata
  customMetadata: [name: string, value: string][]
}

/** What keeps a write away from a key that was just written. */
export interface WriteInterval {
  /** R2D_TOO_MANY_WRITES if the key was last written less than so many milliseconds ago. */
  minIntervalMs?: number
}

export interface PutOptions extends WriteInterval {
  /** Bytes that `body` will yield, where the client said so. Fewer or more is the body's own error. */
  size?: number
  httpMetadata: HttpMetadata
  customMetadata: [name: string, value: string][]
  storageClass?: StorageClass
  precondition?: Precondition
  /** 32 bytes: the content is to be opened with this only. */
  customerKey?: Buffer | undefined
  tags?: [name: string, value: string][]
  /** Digests to compute in the one pass over the bytes; MD5 always is. */
  digests: readonly DigestName[]
  /**
   * Called once after the last byte with every digest asked for, before anything is committed.
   * Throws to refuse the content; returns the digests to keep with the object.
   */
  verify?: (digests: Checksums) => Checksums
}

/** The bytes asked for: an offset into the object, and how many. */
export type RangeRequest =
  | { kind: 'from'; start: number; end?: number } // Both included, as in HTTP.
  | { kind: 'suffix'; length: number }

export interface GetOptions {
  range?: RangeRequest
  /** From 1: only this part; an object that was put whole has one. Not together with `range`. */
  partNumber?: number
  precondition?: Precondition
  /** 32 bytes, where the object was written with one. */
  customerKey?: Buffer | undefined
}

export type GetResult =
  | {
      kind: 'object'
      info: ObjectInfo
      offset: number
      length: number
      /** Small content in one piece, which is the reader's to keep; else each piece is until it asks for the next. */
      body: Buffer | AsyncIterable<Buffer>
    }
  | { kind: 'not-modified'; info: ObjectInfo }
  | { kind: 'range-not-satisfiable'; info: ObjectInfo }

export type HeadResult =
  | { kind: 'object'; info: ObjectInfo; offset: number; length: number }
  | { kind: 'not-modified'; info: ObjectInfo }
  | { kind: 'range-not-satisfiable'; info: ObjectInfo }

export interface ListOptions {
  prefix: string
  /** Empty means none. */
  delimiter: string
  /** List only what is after this key or common prefix. */
  startAfter: string
  /** 0 to pageCountMax. */
  limit: number
}

export type ListedObject = Pick<ObjectInfo, 'key' | 'size' | 'etag' | 'uploaded' | 'storageClass'>

export interface ListResult {
  objects: ListedObject[]
  /** Common prefixes, the delimiter included. In order; `objects` and these share the limit. */
  prefixes: string[]
  isTruncated: boolean
  /** The last key or prefix of this page: the `startAfter` of the next. */
  last: string | undefined
}

export interface CopyOptions extends WriteInterval {
  sourceBucket: string
  sourceKey: string
  sourcePrecondition?: Precondition
  bucket: string
  key: string
  /** What the copy is to have, given the source; absent keeps that. Throws to refuse the source. */
  metadataOf?: (source: ObjectInfo) => ObjectMetadata
  /** Absent keeps the source's. */
  tags?: [name: string, value: string][]
  storageClass?: StorageClass
  precondition?: Precondition
  /** 32 bytes: what the source was written with. */
  sourceCustomerKey?: Buffer | undefined
  /** 32 bytes: what the copy is to be opened with. */
  customerKey?: Buffer | undefined
}

export interface CreateUploadOptions {
  httpMetadata: HttpMetadata
  customMetadata: [name: string, value: string][]
  storageClass?: StorageClass
  /** Must hold when the upload is begun; what must hold when it is completed is said then. */
  precondition?: Precondition
  /** 32 bytes: to be given with each part, and to read the object. */
  customerKey?: Buffer | undefined
  tags?: [name: string, value: string][]
  /** The checksum that the object is to have; every part gets one of its own. */
  checksum: UploadChecksum | undefined
}

export interface UploadTarget {
  bucket: string
  key: string
  uploadId: string
}

export interface PartTarget extends UploadTarget {
  /** 1 to partCountMax. */
  partNumber: number
}

export interface PartInfo {
  number: number
  size: number
  /** Without quotes. */
  etag: string
  /** Milliseconds since the epoch. */
  uploaded: number
  checksums: Checksums
  /** 16 bytes: MD5 of the key that the customer gave. */
  customerKeyMd5: Buffer | undefined
}

export interface CopyPartOptions {
  sourceBucket: string
  sourceKey: string
  sourcePrecondition?: Precondition
  /** Both included; what is past the end is cut. Absent: the whole source. */
  range?: { start: number; end: number }
  sourceCustomerKey?: Buffer | undefined
  customerKey?: Buffer | undefined
}

export interface CompleteUploadOptions extends WriteInterval {
  /** In ascending order of numbers, each once. */
  parts: { number: number; etag: string; checksums: Checksums }[]
  precondition?: Precondition
  /** What the finished object must have. */
  checksums: Checksums
  size?: number
  /** All parts but the last must have one size, and the last no greater one: R2's rule. */
  requiresEvenParts: boolean
}

export interface UploadInfo {
  key: string
  uploadId: string
  /** Milliseconds since the epoch. */
  initiated: number
  storageClass: StorageClass
  checksum: UploadChecksum | undefined
}

export interface ListUploadsOptions {
  prefix: string
  /** Empty means none. */
  delimiter: string
  /** Only what is after this key or common prefix; with `uploadIdMarker`, also later uploads to this key. */
  keyMarker: string
  uploadIdMarker: string
  /** 0 to pageCountMax. */
  limit: number
}

export interface ListUploadsResult {
  uploads: UploadInfo[]
  prefixes: string[]
  isTruncated: boolean
  /** The markers of the next page. */
  next: { key: string; uploadId: string } | undefined
}

export interface ListPartsResult {
  upload: UploadInfo
  parts: PartInfo[]
  isTruncated: boolean
}

/**
 * Every method rejects with R2dError: R2D_NO_SUCH_BUCKET, R2D_NO_SUCH_KEY, R2D_PRECONDITION_FAILED
 * and the rest of errors.ts. What resolves is durable, and seen by every read that starts after.
 */
export interface Store {
  createBucket(
    name: string,
    options: { location?: string; storageClass?: StorageClass }
  ): Promise<BucketInfo>
  headBucket(name: string): Promise<BucketInfo>
  listBuckets(options: {
    prefix: string
    startAfter: string
    limit: number
  }): Promise<{ buckets: BucketInfo[]; isTruncated: boolean }>
  deleteBucket(name: string): Promise<void>
  hasLocation(name: string): Promise<boolean>
  /** Undefined: none. */
  getBucketCors(name: string): Promise<readonly CorsRule[] | undefined>
  setBucketCors(name: string, rules: readonly CorsRule[] | undefined): Promise<void>
  /** Undefined: none. */
  getBucketLifecycle(name: string): Promise<readonly LifecycleRule[] | undefined>
  setBucketLifecycle(name: string, rules: readonly LifecycleRule[] | undefined): Promise<void>

  /** Each piece of the body is the store's until it asks for the next. */
  put(
    bucket: string,
    key: string,
    body: AsyncIterable<Uint8Array>,
    options: PutOptions
  ): Promise<ObjectInfo>
  /** The first bytes have been read and verified when this resolves; a later failure throws from `body`. */
  get(bucket: string, key: string, options: GetOptions): Promise<GetResult>
  head(bucket: string, key: string, options: GetOptions): Promise<HeadResult>
  /** What is known of an object without its customer's key. */
  stat(bucket: string, key: string): Promise<ObjectInfo>
  /**
   * A key that is absent counts as deleted. `preconditions`: of the key at the same place, for the current version;
   * resolves with the places of those that did not hold, and were left.
   */
  delete(
    bucket: string,
    keys: readonly string[],
    preconditions?: readonly (Precondition | undefined)[]
  ): Promise<number[]>
  copy(options: CopyOptions): Promise<{ info: ObjectInfo; source: ObjectInfo }>
  /** Replaces the tags of the current version, which stays what it is otherwise. None: an empty list. */
  setTags(
    bucket: string,
    key: string,
    tags: [name: string, value: string][]
  ): Promise<{ versionId: string }>
  list(bucket: string, options: ListOptions): Promise<ListResult>

  /** The upload's id. */
  createUpload(bucket: string, key: string, options: CreateUploadOptions): Promise<string>
  uploadPart(
    target: PartTarget,
    body: AsyncIterable<Uint8Array>,
    options: Pick<PutOptions, 'digests' | 'verify' | 'size' | 'customerKey'>
  ): Promise<PartInfo>
  copyPart(target: PartTarget, options: CopyPartOptions): Promise<PartInfo>
  /** A precondition that does not hold aborts the upload, as R2 has it. */
  completeUpload(target: UploadTarget, options: CompleteUploadOptions): Promise<ObjectInfo>
  abortUpload(target: UploadTarget): Promise<void>
  listParts(
    target: UploadTarget,
    options: { after: number; limit: number }
  ): Promise<ListPartsResult>
  listUploads(bucket: string, options: ListUploadsOptions): Promise<ListUploadsResult>
}

/** Who asks. Resolved by the gateway from a signature or from the socket that the request came by. */
export interface Credentials {
  /** The secret of an access key, or undefined if there is no such key. */
  secret(accessKeyId: string): Promise<string | undefined>
}
