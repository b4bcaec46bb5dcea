/**
 * DeleteObjects: `POST /{bucket}?delete`, 1 to 1,000 keys in one commit.
 *
 * R2 requires `Quiet` to be `true` or `false` and then names every key in the answer either way.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
 */

import { pageCountMax } from '../../limits.ts'
import type { Precondition } from '../../objects/store.ts'
import { readBody } from '../body/verified-body.ts'
import { toDeleteCondition } from './delete-object.ts'
import { xmlResponse, type S3Request, type S3Response } from './operation.ts'
import { S3Error } from './s3-error.ts'
import { screen } from './screening.ts'
import { elementsOf, isRecord, parseDocument, textOf, type XmlElement } from './xml.ts'

/** 1,000 keys of 1,024 bytes, each byte as a character reference at worst, with their elements. */
const bodySizeMax = 8 * 1024 * 1024
/** Each with its version, ETag, date and size, and the two ends of each element. */
const tagCountMax = 16 * pageCountMax

export async function deleteObjects(request: S3Request): Promise<S3Response> {
  const { store, bucket } = request
  screen(request, 'DeleteObjects')
  await store.headBucket(bucket)

  const objects = parseObjects(await readBody(request.body(), bodySizeMax))
  const keys = objects.map(({ key }) => key)
  const isConditional = objects.some(({ precondition }) => precondition !== undefined)
  const conditions = isConditional ? objects.map(({ precondition }) => precondition) : undefined
  const refused = await store.delete(bucket, keys, conditions)

  const left = new Set(refused)
  return xmlResponse(
    'DeleteResult',
    keys.map((key, index) => (left.has(index) ? notDeleted(key) : ['Deleted', [['Key', key]]]))
  )
}

function notDeleted(key: string): XmlElement {
  const { code, message } = new S3Error('PreconditionFailed')

  return [
    'Error',
    [
      ['Key', key],
      ['Code', code],
      ['Message', message]
    ]
  ]
}

function parseObjects(body: Buffer): { key: string; precondition: Precondition | undefined }[] {
  const root = parseDocument(body, 'Delete', tagCountMax)
  const [quiet = 'false', ...others] = elementsOf(root, 'Quiet')
  if ((quiet !== 'true' && quiet !== 'false') || others.length > 0) {
    throw new S3Error('MalformedXML')
  }

  const objects = elementsOf(root, 'Object').map(object => {
    if (!isRecord(object)) throw new S3Error('MalformedXML')
    const key = textOf(object, 'Key')
    if (key === undefined || key === '') throw new S3Error('MalformedXML')
    const precondition = toDeleteCondition({
      etag: textOf(object, 'ETag'),
      size: textOf(object, 'Size'),
      time: textOf(object, 'LastModifiedTime')
    })
    return { key, precondition }
  })
  if (objects.length === 0 || objects.length > pageCountMax) throw new S3Error('MalformedXML')
  return objects
}
