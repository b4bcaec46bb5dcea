/**
 * DeleteObjects: `POST /{bucket}?delete`, 1 to 1,000 keys in one commit.
 *
 * R2 requires `Quiet` to be `true` or `false` and then names every key in the answer either way.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
 */

import { pageCountMax } from '../../limits.ts'
import { readBody } from '../body.ts'
import { screenDelete, xmlResponse, type S3Request, type S3Response } from './operation.ts'
import { S3Error } from './s3-error.ts'
import { elementsOf, isRecord, parseDocument, type XmlElement } from './xml.ts'

/** 1,000 keys of 1,024 bytes, each byte as a character reference at worst, with their elements. */
const bodySizeMax = 8 * 1024 * 1024
/** Each with its version, ETag, date and size, and the two ends of each element. */
const tagCountMax = 16 * pageCountMax

export async function deleteObjects(request: S3Request): Promise<S3Response> {
  const { store, bucket, headers } = request
  screenDelete(headers)
  await store.headBucket(bucket)

  const keys = parseKeys(await readBody(request.body(), bodySizeMax))
  await store.delete(bucket, keys)

  const deleted = keys.map((key): XmlElement => ['Deleted', [['Key', key]]])
  return xmlResponse('DeleteResult', deleted)
}

function parseKeys(body: Buffer): string[] {
  const root = parseDocument(body, 'Delete', tagCountMax)
  const [quiet = 'false', ...others] = elementsOf(root, 'Quiet')
  if ((quiet !== 'true' && quiet !== 'false') || others.length > 0) {
    throw new S3Error('MalformedXML')
  }

  const keys = elementsOf(root, 'Object').map(object => {
    const found = isRecord(object) ? elementsOf(object, 'Key') : []
    const [key] = found
    if (found.length !== 1 || typeof key !== 'string' || key === '') {
      throw new S3Error('MalformedXML')
    }
    return key
  })
  if (keys.length === 0 || keys.length > pageCountMax) throw new S3Error('MalformedXML')
  return keys
}
