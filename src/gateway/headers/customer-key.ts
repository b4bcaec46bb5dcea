/**
 * SSE-C: the key that a customer brings with each request, in three headers, and for the source of a copy in three more.
 *
 * The key is a secret: it is in no message here, and `withoutCustomerKeys` takes it out of texts that repeat a request.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
 */

import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import { S3Error } from '../s3/s3-error.ts'

const keySize = 32
const algorithm = 'AES256'

export type CustomerKeyPrefix = 'x-amz-' | 'x-amz-copy-source-'

/** 32 bytes; undefined if the request brings none. The checks come in R2's order, with its messages. */
export function readCustomerKey(
  headers: IncomingHttpHeaders,
  prefix: CustomerKeyPrefix = 'x-amz-'
): Buffer | undefined {
  const header = (name: string): string | undefined => {
    const value = headers[`${prefix}server-side-encryption-customer-${name}`]
    return Array.isArray(value) ? value.join(',') : value
  }
  const [key, keyMd5, named] = [header('key'), header('key-md5'), header('algorithm')]
  if (key === undefined && keyMd5 === undefined && named === undefined) return undefined

  if (!key) throw required('an appropriate secret key.')
  if (!keyMd5) throw required('the client calculated MD5 of the secret key.')
  if (!named) throw required('a valid encryption algorithm.')
  if (named !== algorithm) throw new S3Error('InvalidEncryptionAlgorithmError')

  const bytes = Buffer.from(key, 'base64')
  if (bytes.length !== keySize || bytes.toString('base64') !== key) {
    throw new S3Error('InvalidArgument', 'The secret key was invalid for the specified algorithm.')
  }
  const announced = Buffer.from(keyMd5, 'base64')
  const md5 = hash('md5', bytes, 'buffer')
  if (announced.length !== md5.length || !timingSafeEqual(announced, md5)) {
    throw new S3Error(
      'InvalidArgument',
      'The calculated MD5 hash of the key did not match the hash that was provided.'
    )
  }
  return bytes
}

/** What an answer says of the key that its object, upload or part is under. */
export function writeCustomerKey(customerKeyMd5: Buffer | undefined): OutgoingHttpHeaders {
  if (customerKeyMd5 === undefined) return {}

  return {
    'x-amz-server-side-encryption-customer-algorithm': algorithm,
    'x-amz-server-side-encryption-customer-key-md5': customerKeyMd5.toString('base64')
  }
}

const secretHeader = /(server-side-encryption-customer-key[:=])[^\r\n&]*/gi

/** A canonical request, say, with the value of each key header taken out. */
export function withoutCustomerKeys(text: string): string {
  return text.replaceAll(secretHeader, '$1(secret)')
}

function required(what: string): S3Error {
  return new S3Error(
    'InvalidArgument',
    `Requests specifying Server Side Encryption with Customer provided keys must provide ${what}`
  )
}
