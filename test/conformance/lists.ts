// Listings and deletes to the letter.

import { PutObjectCommand } from '@aws-sdk/client-s3'
import type { TestFn } from 'ava'
import { clientOf, makeBucket, type S3Endpoint } from './s3.ts'
import { signedSend, type Answer } from './signed-send.ts'

/** The names of the elements in the root, in order, each run of the same once. */
function shapeOf({ text }: Answer): string[] {
  const inside = text.replaceAll(/<(Contents|CommonPrefixes|Owner)>.*?<\/\1>/g, '<$1></$1>')
  const names = [...inside.matchAll(/<(\w+)>/g)].map(([, name = '']) => name)
  return names.filter((name, index) => name !== names[index - 1])
}

function all({ text }: Answer, name: string): string[] {
  return [...text.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(
    ([, value = '']) => value
  )
}

export function listSuite(test: TestFn, suite: string, open: () => S3Endpoint): void {
  const prepare = async (keys: readonly string[]) => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    for (const Key of keys) await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }))
    const list = (query: string) =>
      signedSend(open(), { method: 'GET', path: `/${Bucket}?${query}` })
    return { Bucket, list }
  }

  test(`${suite}: the elements of a listing come in R2's order`, async t => {
    const { list } = await prepare(['a/1', 'b', 'c'])

    t.deepEqual(shapeOf(await list('delimiter=%2F&encoding-type=url&max-keys=2')), [
      'Name',
      'Contents',
      'IsTruncated',
      'CommonPrefixes',
      'Prefix',
      'Delimiter',
      'Marker',
      'NextMarker',
      'MaxKeys',
      'EncodingType'
    ])
    const second = await list('list-type=2&delimiter=%2F&max-keys=2&start-after=%21')
    t.deepEqual(shapeOf(second), [
      'Name',
      'Contents',
      'IsTruncated',
      'CommonPrefixes',
      'Prefix',
      'Delimiter',
      'StartAfter',
      'NextContinuationToken',
      'MaxKeys',
      'KeyCount'
    ])
    t.regex(
      second.text,
      /<Contents><Key>b<\/Key><Size>1<\/Size><LastModified>[^<]*Z<\/LastModified><ETag>&quot;[0-9a-f]{32}&quot;<\/ETag><StorageClass>STANDARD<\/StorageClass><\/Contents>/
    )
    t.regex((await list('')).text, /<Owner><ID>r2d<\/ID>/)
    t.notRegex((await list('list-type=2')).text, /<Owner>/)
    t.regex((await list('list-type=2&fetch-owner=true')).text, /<Owner>/)
  })

  test(`${suite}: max-keys is what Number makes of it, served up to 1,000`, async t => {
    const { list } = await prepare(['a', 'b', 'c'])

    for (const [text, asked, keys, isTruncated] of [
      ['2', '2', ['a', 'b'], 'true'],
      ['2.9', '2', ['a', 'b'], 'true'],
      ['3', '3', ['a', 'b', 'c'], 'false'],
      ['0', '0', [], 'true'],
      ['1e3', '1000', ['a', 'b', 'c'], 'false'],
      ['4000', '4000', ['a', 'b', 'c'], 'false']
    ] as const) {
      const page = await list(`list-type=2&max-keys=${text}`)
      t.deepEqual(all(page, 'MaxKeys'), [asked], text)
      t.deepEqual(all(page, 'Key'), [...keys], text)
      t.deepEqual(all(page, 'IsTruncated'), [isTruncated], text)
      t.deepEqual(all(page, 'KeyCount'), [String(keys.length)], text)
    }
    t.deepEqual(all(await list('prefix=z&max-keys=0'), 'IsTruncated'), ['false'])
  })

  test(`${suite}: prefixes, delimiters of any length and markers go together`, async t => {
    const { list } = await prepare(['a--1', 'a--2', 'a-b', 'p/x/1', 'p/x/2', 'p/y', 'ü ü'])

    const long = await list('delimiter=--')
    t.deepEqual(all(long, 'Prefix'), ['a--', ''])
    t.deepEqual(all(long, 'Key'), ['a-b', 'p/x/1', 'p/x/2', 'p/y', 'ü ü'])
    t.deepEqual(all(await list('delimiter='), 'Key').length, 7)
    const page = await list('delimiter=%2F&prefix=p%2F&max-keys=1')
    t.deepEqual(all(page, 'NextMarker'), ['p/x/'])
    const next = await list('delimiter=%2F&prefix=p%2F&marker=p%2Fx%2F')
    t.deepEqual(all(next, 'Key'), ['p/y'])
    const encoded = await list('encoding-type=url&list-type=2&start-after=p%2Fz&delimiter=%2F')
    t.deepEqual(all(encoded, 'Key'), ['%C3%BC%20%C3%BC'])
    t.deepEqual(all(encoded, 'StartAfter'), ['p%2Fz'])
    t.deepEqual(all(encoded, 'Delimiter'), ['%2F'])
    const token = await list('list-type=2&continuation-token=nonsense')
    t.deepEqual([token.status, token.code], [400, 'InvalidArgument'])
  })

  test(`${suite}: a delete takes keys as they are written, and is exact about the rest`, async t => {
    const keys = [' a ', '12', '1e3', 'k']
    const { Bucket, list } = await prepare(keys)
    const remove = (body: string, headers: Record<string, string> = {}) => {
      return signedSend(open(), { method: 'POST', path: `/${Bucket}?delete`, body, headers })
    }
    const objects = (names: readonly string[]): string =>
      names.map(name => `<Object><Key>${name}</Key></Object>`).join('')

    const malformed: string[] = [
      '',
      'nonsense',
      '<Delete></Delete>',
      '<Delete><Object/></Delete>',
      '<Delete><Object><Key></Key></Object></Delete>',
      '<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>',
      `<Delete><Quiet>yes</Quiet>${objects(['k'])}</Delete>`,
      `<Delete><Quiet>True</Quiet>${objects(['k'])}</Delete>`,
      `<Delete>${objects(Array.from({ length: 1001 }, (_, n) => `k${n}`))}</Delete>`
    ]
    for (const body of malformed) {
      const answer = await remove(body)
      t.deepEqual([answer.status, answer.code], [400, 'MalformedXML'], body.slice(0, 80))
    }
    const wrongMd5 = { 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' }
    t.is((await remove(`<Delete>${objects(['k'])}</Delete>`, wrongMd5)).code, 'BadDigest')
    t.deepEqual(all(await list(''), 'Key'), keys)

    const deleted = await remove(
      `<Delete><Quiet>true</Quiet>${objects([' a ', '12', '1e3', 'missing'])}</Delete>`
    )
    t.deepEqual(all(deleted, 'Key'), [' a ', '12', '1e3', 'missing'])
    t.deepEqual(all(await list(''), 'Key'), ['k'])
    const one = { method: 'DELETE', path: `/${Bucket}/k` }
    for (const answer of [await signedSend(open(), one), await signedSend(open(), one)]) {
      t.is(answer.status, 204)
      t.is(answer.headers['x-amz-version-id'], undefined)
    }
  })
}
