/**
 * The object record: all that is known of the current version of a key.
 */

export type StorageClass = 'STANDARD' | 'STANDARD_IA'

export interface HttpMetadata {
  contentType?: string
  contentLanguage?: string
  contentDisposition?: string
  contentEncoding?: string
  cacheControl?: string
  /** As the client sent it: an HTTP date, or whatever else it was. */
  expires?: string
}

/** Digests of the whole content that were verified when it was written. Raw bytes. */
export interface Checksums {
  md5?: Buffer
  sha1?: Buffer
  sha256?: Buffer
  crc32?: Buffer
  crc32c?: Buffer
  crc64nvme?: Buffer
}

/** Bytes [offset, offset + length) of an extent's plaintext, as part of an object. */
export interface ExtentSlice {
  /** 16 bytes. */
  extentId: Buffer
  offset: number
  /** At least 1. */
  length: number
  /** 48 bytes: the extent's key, wrapped under the bucket's key or the manifest page's. */
  wrappedKey: Buffer
}

/** A run of an object's content that a manifest page of its own describes. */
export interface PageReference {
  /** 16 bytes. */
  pageId: Buffer
  /** Bytes of content that the page's slices add up to. At least 1. */
  length: number
  /** 48 bytes: the page's key, wrapped under the bucket's key. The slices' keys are wrapped under the page's. */
  wrappedKey: Buffer
}

/** Where the content is: few slices are in the record itself, many are in pages. Empty content has neither. */
export type Manifest =
  { kind: 'inline'; slices: ExtentSlice[] } | { kind: 'paged'; pages: PageReference[] }

export interface ObjectRecord {
  /** 16 bytes: unique to this version of the key. */
  versionId: Buffer
  /** The key as it was last spelled; the row's key holds its NFC form. */
  key: string
  /** Bytes of content. */
  size: number
  /** Without quotes: hex MD5, or `<hex>-<parts>`. */
  etag: string
  /** Milliseconds since the epoch. */
  uploaded: number
  storageClass: StorageClass
  httpMetadata: HttpMetadata
  /** Names in lower case, without `x-amz-meta-`. In the order of names. */
  customMetadata: [name: string, value: string][]
  checksums: Checksums
  manifest: Manifest
}
