// Headers that a presigned URL has in its query.

import test from 'ava'
import { withHoistedHeaders } from '../../src/gateway/auth/hoisted-headers.ts'
import { parseTarget } from '../../src/gateway/connection/target.ts'

const signed =
  'X-Amz-Algorithm=a&X-Amz-Credential=b&X-Amz-Date=c&X-Amz-Expires=d&X-Amz-SignedHeaders=e&X-Amz-Signature=f'

function hoist(
  query: string,
  headers: Record<string, string> = {},
  compat: 'r2' | 'strict-r2' = 'r2'
): Record<string, unknown> {
  return {
    ...withHoistedHeaders(headers, parseTarget(`/b/k?${query}`, undefined, []).query, compat)
  }
}

test('what is signed into a URL is as good as sent, but for what is the signature', t => {
  const query = `${signed}&X-Amz-Storage-Class=STANDARD_IA&x-amz-meta-a=%C3%BC&x-id=PutObject&other=1`

  t.deepEqual(hoist(query), { 'x-amz-storage-class': 'STANDARD_IA', 'x-amz-meta-a': 'Ã¼' })
})

test('a header that is sent counts before one in the URL', t => {
  const sent = { 'x-amz-meta-a': 'sent' }

  t.deepEqual(hoist(`${signed}&x-amz-meta-a=hoisted`, sent), sent)
})

test('a query that is not signed, or not what is signed, carries no headers', t => {
  t.deepEqual(hoist('x-amz-meta-a=1'), {})
  const sent = { authorization: 'AWS4-HMAC-SHA256 ...' }
  t.deepEqual(hoist(`${signed}&x-amz-meta-a=1`, sent), sent)
})

test('the checksum of no body is dropped where there is one, unless the endpoint is strict', t => {
  const empty = 'x-amz-sdk-checksum-algorithm=CRC32&x-amz-checksum-crc32=AAAAAA%3D%3D'
  const both = { 'x-amz-sdk-checksum-algorithm': 'CRC32', 'x-amz-checksum-crc32': 'AAAAAA==' }

  t.deepEqual(hoist(`${signed}&${empty}`, { 'content-length': '5' }), { 'content-length': '5' })
  t.deepEqual(hoist(`${signed}&${empty}`, { 'content-length': '0' }), {
    'content-length': '0',
    ...both
  })
  t.deepEqual(hoist(`${signed}&${empty}`, {}, 'strict-r2'), both)
  const real = 'x-amz-checksum-crc32=y%2FQ5Jg%3D%3D'
  t.deepEqual(hoist(`${signed}&${real}`), { 'x-amz-checksum-crc32': 'y/Q5Jg==' })
})
