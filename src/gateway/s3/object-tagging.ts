/**
 * GetObjectTagging, PutObjectTagging and DeleteObjectTagging: `/{bucket}/{key}?tagging`. R2 has no tags.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html
 */

import { readBody } from '../body/verified-body.ts'
import { requireTags, type Tags } from '../headers/tags.ts'
import { xmlResponse, type S3Request, type S3Response } from './operation.ts'
import { S3Error } from './s3-error.ts'
import { screen } from './screening.ts'
import { elementsOf, isRecord, parseDocument, type XmlElement } from './xml.ts'

/** Ten tags of 384 characters, each a character reference at worst, with their elements. */
const bodySizeMax = 64 * 1024

export async function getObjectTagging(request: S3Request): Promise<S3Response> {
  const { store, bucket, key } = request
  screen(request, 'Extra')
  const { tags, versionId } = await store.stat(bucket, key)

  return xmlResponse(
    'Tagging',
    [
      [
        'TagSet',
        tags.map(([name, value]): XmlElement => [
          'Tag',
          [
            ['Key', name],
            ['Value', value]
          ]
        ])
      ]
    ],
    { 'x-amz-version-id': versionId }
  )
}

export async function putObjectTagging(request: S3Request): Promise<S3Response> {
  const { store, bucket, key } = request
  screen(request, 'Extra')
  const tags = parseTags(await readBody(request.body(), bodySizeMax))
  const { versionId } = await store.setTags(bucket, key, tags)

  return { status: 200, headers: { 'x-amz-version-id': versionId } }
}

export async function deleteObjectTagging(request: S3Request): Promise<S3Response> {
  const { store, bucket, key } = request
  screen(request, 'Extra')
  const { versionId } = await store.setTags(bucket, key, [])

  return { status: 204, headers: { 'x-amz-version-id': versionId } }
}

function parseTags(body: Buffer): Tags {
  const sets = elementsOf(parseDocument(body, 'Tagging'), 'TagSet')
  const [set] = sets
  // An element without content is parsed as an empty text.
  if (sets.length === 1 && typeof set === 'string' && set.trim() === '') return []
  if (sets.length !== 1 || !isRecord(set)) throw new S3Error('MalformedXML')

  return requireTags(
    elementsOf(set, 'Tag').map(tag => {
      if (!isRecord(tag)) throw new S3Error('MalformedXML')
      return [onlyText(tag, 'Key'), onlyText(tag, 'Value')]
    })
  )
}

function onlyText(parent: Record<string, unknown>, name: string): string {
  const [text, ...others] = elementsOf(parent, name)
  if (typeof text !== 'string' || others.length > 0) throw new S3Error('MalformedXML')

  return text
}
