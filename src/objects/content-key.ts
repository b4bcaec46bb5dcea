/**
 * The key of an object's content, above those of its extents: wrapped under the bucket's, or, where the customer brings one (SSE-C), under one derived from
 * both. Of the customer's key only its MD5 is kept: without the key the content cannot be opened by anybody.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
 */

import { hash, timingSafeEqual } from 'node:crypto'
import { customerWrappingKey, unwrapKey, wrapKey } from '../crypto/key-wrap.ts'
import { R2dError } from '../errors.ts'
import type { OpenBucket } from './bucket-catalog.ts'

/** Whatever holds a wrapped content key: an object, or an upload that is to become one. */
export interface KeyHolder {
  /** 16 bytes, what the key is bound to. */
  versionId: Buffer
  wrappedKey: Buffer
  customerKeyMd5?: Buffer
}

/** `customerKey`: 32 bytes. What is returned goes into the record as it is. */
export function wrapContentKey(
  { key: bucketKey }: OpenBucket,
  versionId: Buffer,
  contentKey: Buffer,
  customerKey: Buffer | undefined
): KeyHolder {
  if (customerKey === undefined) {
    return { versionId, wrappedKey: wrapKey(bucketKey, 'content', versionId, contentKey) }
  }

  const wrapping = customerWrappingKey(bucketKey, customerKey)
  return {
    versionId,
    wrappedKey: wrapKey(wrapping, 'content', versionId, contentKey),
    customerKeyMd5: md5Of(customerKey)
  }
}

/** R2D_CUSTOMER_KEY_MISSING, _UNEXPECTED or _WRONG if the key given is not what the object was written with. */
export function openContentKey(
  { key: bucketKey }: OpenBucket,
  holder: KeyHolder,
  customerKey: Buffer | undefined
): Buffer {
  requireCustomerKey(holder, customerKey)
  const { versionId, wrappedKey } = holder
  const wrapping =
    customerKey === undefined ? bucketKey : customerWrappingKey(bucketKey, customerKey)
  const key = unwrapKey(wrapping, 'content', versionId, wrappedKey)
  if (key !== undefined) return key

  throw new R2dError(
    'R2D_CORRUPT_RECORD',
    `The key of object version ${versionId.toString('hex')} does not open`
  )
}

export function requireCustomerKey(
  { customerKeyMd5 }: Pick<KeyHolder, 'customerKeyMd5'>,
  customerKey: Buffer | undefined
): void {
  if (customerKeyMd5 === undefined) {
    if (customerKey === undefined) return
    throw new R2dError(
      'R2D_CUSTOMER_KEY_UNEXPECTED',
      'The encryption parameters are not applicable to this object.'
    )
  }

  if (customerKey === undefined) {
    throw new R2dError(
      'R2D_CUSTOMER_KEY_MISSING',
      'The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.'
    )
  }
  if (!timingSafeEqual(md5Of(customerKey), customerKeyMd5)) {
    throw new R2dError(
      'R2D_CUSTOMER_KEY_WRONG',
      'The object is encrypted with another key of the customer'
    )
  }
}

function md5Of(customerKey: Buffer): Buffer {
  return hash('md5', customerKey, 'buffer')
}
