// Signature Version 4 against another implementation of it, and against everything that R2 refuses.

import { createHash } from 'node:crypto'
import test from 'ava'
import { signedRequest } from '../../bench/signed-request.ts'
import { presign } from '../../src/gateway/auth/presign.ts'
import type { Compat } from '../../src/gateway/compat.ts'
import { S3Error } from '../../src/gateway/s3/s3-error.ts'
import {
  authenticate,
  type SignedRequest,
  type SigningKnowledge
} from '../../src/gateway/auth/signature-v4.ts'
import { parseTarget } from '../../src/gateway/connection/target.ts'

const accessKeyId = '0123456789abcdef0123456789abcdef'
const secret = 'f'.repeat(64)
const signer = { host: '127.0.0.1:7230', accessKeyId, secretAccessKey: secret }
const credentials = {
  secret: (id: string) => Promise.resolve(id === accessKeyId ? secret : undefined)
}

/** A request as Node.js would give it to the gateway. */
function parse(bytes: Buffer): SignedRequest {
  const [line = '', ...lines] = bytes.toString('latin1').split('\r\n\r\n')[0]?.split('\r\n') ?? []
  const [method = '', url = ''] = line.split(' ')
  const headers = Object.fromEntries(
    lines.map(each => {
      const colon = each.indexOf(':')
      return [each.slice(0, colon).toLowerCase(), each.slice(colon + 1).trim()]
    })
  )
  const rawQuery = url.split('?')[1] ?? ''
  return { method, headers, target: parseTarget(url, headers['host'], []), rawQuery }
}

/** The store of these tests has one location. */
function knowledge(now: number, compat: Compat = 'r2'): SigningKnowledge {
  const isLocation = (name: string) => Promise.resolve(name === 'cellar')
  return { credentials, isLocation, compat, now }
}

async function codeOf(request: SignedRequest, now = Date.now()): Promise<string> {
  try {
    await authenticate(request, knowledge(now))
    return 'accepted'
  } catch (error) {
    return error instanceof S3Error ? `${error.status} ${error.code}` : String(error)
  }
}

const signed = (path = '/bucket/key', method = 'GET'): SignedRequest => {
  return parse(signedRequest(signer, method, path))
}

test('the example of the S3 documentation has the signature that it gives', async t => {
  // https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, "GET Object".
  const empty = createHash('sha256').update('').digest('hex')
  const request: SignedRequest = {
    method: 'GET',
    rawQuery: '',
    target: parseTarget('/test.txt', 'examplebucket.s3.amazonaws.com', []),
    headers: {
      host: 'examplebucket.s3.amazonaws.com',
      range: 'bytes=0-9',
      'x-amz-content-sha256': empty,
      'x-amz-date': '20130524T000000Z',
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,' +
        'SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,' +
        'Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41'
    }
  }
  const example = { secret: () => Promise.resolve('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY') }

  await t.notThrowsAsync(
    authenticate(request, { ...knowledge(Date.UTC(2013, 4, 24)), credentials: example })
  )
})

test('a request that was signed right is accepted, whatever its query', async t => {
  t.is(await codeOf(signed()), 'accepted')
  t.is(await codeOf(signed('/bucket?delimiter=%2F&list-type=2&prefix=a%20b')), 'accepted')
})

test('anything that was signed and then changed is refused', async t => {
  t.is(await codeOf({ ...signed(), method: 'PUT' }), '403 SignatureDoesNotMatch')
  const other = signed()
  t.is(
    await codeOf({ ...other, target: parseTarget('/bucket/other', undefined, []) }),
    '403 SignatureDoesNotMatch'
  )
  t.is(await codeOf({ ...signed(), rawQuery: 'a=b' }), '403 SignatureDoesNotMatch')
  const headers = { ...other.headers, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }
  t.is(await codeOf({ ...other, headers }), '403 SignatureDoesNotMatch')
})

test('a refusal shows what was to be signed, and not the secret', async t => {
  const error = await t.throwsAsync(
    authenticate({ ...signed(), method: 'PUT' }, knowledge(Date.now())),
    { instanceOf: S3Error }
  )

  const names = error.detail.map(([name]) => name)
  t.deepEqual(names, [
    'StringToSign',
    'StringToSignBytes',
    'CanonicalRequest',
    'CanonicalRequestBytes',
    'SignatureProvided'
  ])
  t.false(JSON.stringify(error.detail).includes(secret))
})

const without = (name: string): SignedRequest => {
  const request = signed()
  const { [name]: _, ...headers } = request.headers
  return { ...request, headers }
}
const withAuthorization = (change: (text: string) => string): SignedRequest => {
  const request = signed()
  const authorization = change(request.headers.authorization ?? '')
  return { ...request, headers: { ...request.headers, authorization } }
}

const refused: [string, () => SignedRequest, string][] = [
  ['no authorization', () => without('authorization'), '400 InvalidArgument'],
  ['no payload hash', () => without('x-amz-content-sha256'), '400 InvalidRequest'],
  ['no date', () => without('x-amz-date'), '400 InvalidArgument'],
  [
    'another algorithm',
    () => withAuthorization(text => text.replace('AWS4', 'AWS5')),
    '400 InvalidRequest'
  ],
  [
    'no signature',
    () => withAuthorization(text => text.replace(/, Signature=.*/, '')),
    '400 InvalidRequest'
  ],
  [
    'too few parts',
    () => withAuthorization(text => text.replace('/s3/aws4_request', '')),
    '400 InvalidArgument'
  ],
  [
    'another service',
    () => withAuthorization(text => text.replace('/s3/', '/ec2/')),
    '400 InvalidArgument'
  ],
  [
    'another terminator',
    () => withAuthorization(text => text.replace('aws4_request', 'aws5')),
    '400 InvalidArgument'
  ],
  [
    'another day',
    () => withAuthorization(text => text.replace(/\/\d{8}\//, '/20200101/')),
    '400 InvalidArgument'
  ],
  [
    'an unknown region',
    () => withAuthorization(text => text.replace('/auto/', '/mars/')),
    '400 InvalidRegionName'
  ],
  [
    'an unknown key',
    () => withAuthorization(text => text.replace(accessKeyId, 'e'.repeat(32))),
    '401 Unauthorized'
  ],
  [
    'an unsigned host',
    () => withAuthorization(text => text.replace('host;', '')),
    '401 Unauthorized'
  ],
  [
    'a wrong signature',
    () => withAuthorization(text => text.replace(/.$/, last => (last === '0' ? '1' : '0'))),
    '403 SignatureDoesNotMatch'
  ],
  [
    'a signature that is none',
    () => withAuthorization(text => text.replace(/Signature=.*/, 'Signature=zz')),
    '403 SignatureDoesNotMatch'
  ]
]

for (const [what, request, expected] of refused) {
  test(`a request with ${what} is refused`, async t => {
    t.is(await codeOf(request()), expected)
  })
}

test("a request without a signature is told what is missing, and in R2's words where that is asked for", async t => {
  const message = async (compat: Compat): Promise<string> => {
    const answer = authenticate(without('authorization'), knowledge(Date.now(), compat))
    return (await t.throwsAsync(answer)).message
  }

  t.is(await message('strict-r2'), 'Authorization')
  t.regex(await message('r2'), /no signature.*access key.*presigned URL/)
})

test("a location's name is taken for a region, however it is written", async t => {
  const inRegion = (region: string): SignedRequest =>
    withAuthorization(text => text.replace('/auto/', `/${region}/`))

  // Past the region, to the signature, which the change has made a wrong one.
  t.is(await codeOf(inRegion('CELLAR')), '403 SignatureDoesNotMatch')
  t.is(await codeOf(inRegion('cellars')), '400 InvalidRegionName')
})

test('a clock that is more than fifteen minutes off is refused', async t => {
  t.is(await codeOf(signed(), Date.now() + 14 * 60_000), 'accepted')
  t.is(await codeOf(signed(), Date.now() + 16 * 60_000), '403 RequestTimeTooSkewed')
  t.is(await codeOf(signed(), Date.now() - 16 * 60_000), '403 RequestTimeTooSkewed')
})

function presigned(change: (url: string) => string = url => url): SignedRequest {
  const url = presign({
    endpoint: 'http://127.0.0.1:7230',
    method: 'GET',
    bucket: 'bucket',
    key: "a key/with 'quotes' & ü",
    expiresSeconds: 60,
    accessKeyId,
    secret,
    now: Date.now()
  })
  const path = change(url.replace('http://127.0.0.1:7230', ''))
  const rawQuery = path.split('?')[1] ?? ''
  const headers = { host: '127.0.0.1:7230' }
  return { method: 'GET', headers, target: parseTarget(path, undefined, []), rawQuery }
}

test('a presigned URL is accepted until it expires', async t => {
  t.is(await codeOf(presigned()), 'accepted')
  t.is(await codeOf(presigned(), Date.now() + 59_000), 'accepted')
  t.is(await codeOf(presigned(), Date.now() + 62_000), '403 ExpiredRequest')
})

test('a presigned URL that was changed is refused, with R2’s words', async t => {
  const changed = async (from: RegExp, to: string): Promise<string> => {
    return codeOf(presigned(url => url.replace(from, to)))
  }

  t.is(await changed(/Expires=60/, 'Expires=61'), '403 SignatureDoesNotMatch')
  t.is(await changed(/$/, 'x'), '403 SignatureDoesNotMatch')
  t.is(await changed(/Expires=60/, 'Expires=x'), '400 InvalidArgument')
  t.is(await changed(/Expires=60/, 'Expires=604801'), '400 InvalidArgument')
  t.is(await changed(/&X-Amz-Date=[^&]*/, ''), '400 InvalidArgument')
  t.is(await changed(/AWS4-HMAC/, 'AWS5-HMAC'), '400 InvalidRequest')
  const error = await t.throwsAsync(
    authenticate(
      presigned(url => url.replace(/&X-Amz-Date=[^&]*&X-Amz-Expires=[^&]*/, '')),
      knowledge(Date.now())
    )
  )
  t.is(error.message, 'Required search parameters X-Amz-Date,  X-Amz-Expires missing')
})

const withHeader = (request: SignedRequest, name: string, value: string): SignedRequest => {
  return { ...request, headers: { ...request.headers, [name]: value } }
}

test('an x-amz- header that was not signed is refused: it would change what was', async t => {
  for (const name of ['x-amz-acl', 'x-amz-copy-source', 'x-amz-meta-a', 'x-amz-storage-class']) {
    t.is(await codeOf(withHeader(signed(), name, 'x')), '403 AccessDenied', name)
    t.is(await codeOf(withHeader(presigned(), name, 'x')), '403 AccessDenied', name)
  }
  t.is(await codeOf(withHeader(signed(), 'x-forwarded-for', 'x')), 'accepted')
  t.is(await codeOf(withHeader(signed(), 'range', 'bytes=0-1')), 'accepted')
  // The payload's hash is in the signature itself: another one is another signature.
  t.is(
    await codeOf(withHeader(presigned(), 'x-amz-content-sha256', '0'.repeat(64))),
    '403 SignatureDoesNotMatch'
  )
})

test('signed headers that are not there, or are named as what every object has, are empty', async t => {
  for (const name of ['x-amz-acl', 'constructor', '__proto__', 'toString', 'Host', '', 'host']) {
    const request = withAuthorization(text =>
      text.replace('SignedHeaders=', `SignedHeaders=${name};`)
    )
    t.is(await codeOf(request), '403 SignatureDoesNotMatch', name)
  }
})

test('a query is signed whatever its order and encoding, and no other query is', async t => {
  const request = signed('/bucket?a=~&b=x%3Dy&c=&d=')
  const as = async (rawQuery: string): Promise<string> => codeOf({ ...request, rawQuery })

  for (const same of ['d&c&b=x=y&a=~', 'd=&&c=&b=%78%3dy&a=%7e&'])
    t.is(await as(same), 'accepted', same)
  for (const other of [
    'a=%7E&b=x%3Dy&c=',
    'a=%257E&b=x%3Dy&c=&d',
    'a=~&a=~&b=x=y&c&d',
    'A=~&b=x=y&c&d'
  ]) {
    t.is(await as(other), '403 SignatureDoesNotMatch', other)
  }
  t.throws(() => parseTarget('/bucket?a=1&a=2', undefined, []), { instanceOf: S3Error })
})

test('a host is signed as it was sent, with its port', async t => {
  t.is(await codeOf(withHeader(signed(), 'host', '127.0.0.1')), '403 SignatureDoesNotMatch')
  t.is(await codeOf(withHeader(signed(), 'host', '127.0.0.1:7231')), '403 SignatureDoesNotMatch')
})
