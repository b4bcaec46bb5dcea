// An object's metadata as headers.

import test from 'ava'
import { writeObjectHeaders } from '../../src/gateway/headers/object-headers.ts'
import type { ObjectInfo } from '../../src/objects/store.ts'

const info: ObjectInfo = {
  key: 'k',
  size: 1,
  etag: 'e',
  uploaded: Date.UTC(2026, 0, 2, 3, 4, 5),
  versionId: '0'.repeat(32),
  storageClass: 'STANDARD',
  httpMetadata: {},
  customMetadata: [],
  checksums: {},
  isComposite: false,
  partCount: undefined,
  parts: [],
  customerKeyMd5: undefined,
  tags: [],
  expiration: undefined
}

test('names that no header can have are counted, and the others given', t => {
  const headers = writeObjectHeaders(
    {
      ...info,
      customMetadata: [
        ['plain', 'a'],
        ['größe', 'b'],
        ['with blank', 'c'],
        ['', 'd'],
        ['value', 'übel\n']
      ]
    },
    { withChecksums: true }
  )

  t.is(headers['x-amz-missing-meta'], 3)
  t.is(headers['x-amz-meta-plain'], 'a')
  t.is(headers['x-amz-meta-value'], '=?UTF-8?B?w7xiZWwK?=')
  t.deepEqual(
    Object.keys(headers).filter(name => name.startsWith('x-amz-meta-')),
    ['x-amz-meta-plain', 'x-amz-meta-value']
  )
})

test('what an object does not have is not in its headers', t => {
  t.deepEqual(writeObjectHeaders(info, { withChecksums: true }), {
    'accept-ranges': 'bytes',
    etag: '"e"',
    'last-modified': 'Fri, 02 Jan 2026 03:04:05 GMT',
    'content-type': 'application/octet-stream'
  })
})

test('an object of STANDARD_IA, with tags, under a customer key says so', t => {
  const headers = writeObjectHeaders(
    {
      ...info,
      storageClass: 'STANDARD_IA',
      tags: [
        ['a', ''],
        ['b', '']
      ],
      customerKeyMd5: Buffer.alloc(16)
    },
    { withChecksums: false }
  )

  t.is(headers['x-amz-storage-class'], 'STANDARD_IA')
  t.is(headers['x-amz-tagging-count'], 2)
  t.is(headers['x-amz-server-side-encryption-customer-algorithm'], 'AES256')
  t.is(headers['x-amz-server-side-encryption-customer-key-md5'], 'AAAAAAAAAAAAAAAAAAAAAA==')
})
