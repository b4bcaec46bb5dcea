// The answers that depend on nothing that is stored: refusals by header and by parameter, and constants.

import { PutObjectCommand } from '@aws-sdk/client-s3'
import type { TestFn } from 'ava'
import { clientOf, makeBucket, type S3Endpoint } from './s3.ts'
import { send, signedSend, type Answer, type Sent } from './signed-send.ts'

const grants = [
  'x-amz-grant-full-control',
  'x-amz-grant-read',
  'x-amz-grant-read-acp',
  'x-amz-grant-write',
  'x-amz-grant-write-acp'
]
const write = [
  ...grants,
  'x-amz-website-redirect-location',
  'x-amz-object-lock-mode',
  'x-amz-object-lock-retain-until-date',
  'x-amz-object-lock-legal-hold',
  'x-amz-server-side-encryption-aws-kms-key-id',
  'x-amz-server-side-encryption-context',
  'x-amz-server-side-encryption-bucket-key-enabled'
]
const remove = ['x-amz-mfa', 'x-amz-bypass-governance-retention']
const copying = { 'x-amz-copy-source': 'B/k' }

/** Of each operation, the headers that it refuses whatever the endpoint's strictness. `B` is a bucket, `k` a key in it. */
const refused: [string, Sent, string[]][] = [
  ['PutObject', { method: 'PUT', path: '/B/k' }, write],
  ['PutObject by POST', { method: 'POST', path: '/B/k' }, write],
  ['CreateMultipartUpload', { method: 'POST', path: '/B/k?uploads' }, write],
  [
    'CopyObject',
    { method: 'PUT', path: '/B/k', headers: copying },
    [...write, 'x-amz-checksum-algorithm']
  ],
  [
    'UploadPart',
    { method: 'PUT', path: '/B/k?partNumber=1&uploadId=u' },
    ['x-amz-server-side-encryption']
  ],
  ['DeleteObject', { method: 'DELETE', path: '/B/k' }, remove],
  ['DeleteObjects', { method: 'POST', path: '/B?delete' }, remove],
  ['CreateBucket', { method: 'PUT', path: '/B' }, [...grants, 'x-amz-object-ownership']]
]

const ownerScreened: Sent[] = [
  { method: 'PUT', path: '/B/k' },
  { method: 'POST', path: '/B/k?uploads' },
  { method: 'PUT', path: '/B/k', headers: copying },
  { method: 'PUT', path: '/B/k?partNumber=1&uploadId=u' },
  { method: 'PUT', path: '/B/k?partNumber=1&uploadId=u', headers: copying },
  { method: 'POST', path: '/B/k?uploadId=u' },
  { method: 'DELETE', path: '/B/k' },
  { method: 'POST', path: '/B?delete' },
  { method: 'GET', path: '/B/k' },
  { method: 'GET', path: '/B' },
  { method: 'GET', path: '/B?list-type=2' },
  { method: 'GET', path: '/B?uploads' },
  { method: 'GET', path: '/B/k?uploadId=u' },
  { method: 'GET', path: '/B?location' },
  { method: 'GET', path: '/B?encryption' },
  { method: 'GET', path: '/B?versioning' }
]

const unsupported = (names: string, method: string): string => {
  return `Unsupported search param(s) ${names} on a ${method} bucket route`
}

/** By method and path: the status, the code, and the message of the error. */
const answers: [string, string, number, string, string][] = [
  ['GET', '/B?tagging', 404, 'NoSuchTagSet', 'The TagSet does not exist.'],
  [
    'GET',
    '/B?object-lock',
    404,
    'ObjectLockConfigurationNotFoundError',
    'Object Lock configuration does not exist for this bucket.'
  ],
  [
    'GET',
    '/B?replication',
    404,
    'ReplicationConfigurationNotFoundError',
    'The replication configuration was not found.'
  ],
  ...[
    ['versions', 'ListObjectVersions'],
    ['policy', 'GetBucketPolicy'],
    ['policyStatus', 'GetGetBucketPolicyStatus'],
    ['website', 'GetBucketWebsite'],
    ['notification', 'GetBucketNotificationConfiguration'],
    ['requestPayment', 'GetBucketRequestPayment'],
    ['logging', 'GetBucketLogging'],
    ['accelerate', 'GetBucketAccelerateConfiguration'],
    ['publicAccessBlock', 'GetPublicAccessBlock'],
    ['ownershipControls', 'GetBucketOwnershipControls'],
    ['intelligent-tiering', 'GetBucketIntelligentTieringConfiguration'],
    ['inventory', 'GetBucketInventoryConfiguration'],
    ['metrics', 'GetBucketMetricsConfiguration'],
    ['analytics', 'GetBucketAnalyticsConfiguration']
  ].map(([name = '', operation = '']) => notImplemented('GET', `/B?${name}`, operation)),
  ...[
    ['accelerate', 'BucketAccelerateConfiguration'],
    ['analytics', 'BucketAnalyticsConfiguration'],
    ['intelligent-tiering', 'BucketIntelligentTieringConfiguration'],
    ['inventory', 'BucketInventoryConfiguration'],
    ['logging', 'BucketLogging'],
    ['metrics', 'BucketMetricsConfiguration'],
    ['notification', 'BucketNotificationConfiguration'],
    ['object-lock', 'ObjectLockConfiguration'],
    ['ownershipControls', 'BucketOwnershipControls'],
    ['policy', 'BucketPolicy'],
    ['publicAccessBlock', 'PublicAccessBlock'],
    ['replication', 'BucketReplication'],
    ['requestPayment', 'BucketRequestPayment'],
    ['tagging', 'BucketTagging'],
    ['website', 'BucketWebsite']
  ].map(([name = '', operation = '']) => notImplemented('PUT', `/B?${name}`, `Put${operation}`)),
  ...[
    ['analytics', 'BucketAnalyticsConfiguration'],
    ['intelligent-tiering', 'BucketIntelligentTieringConfiguration'],
    ['inventory', 'BucketInventoryConfiguration'],
    ['metrics', 'BucketMetricsConfiguration'],
    ['ownershipControls', 'BucketOwnershipControls'],
    ['policy', 'BucketPolicy'],
    ['replication', 'BucketReplication'],
    ['tagging', 'BucketTagging'],
    ['website', 'BucketWebsite']
  ].map(([name = '', operation = '']) =>
    notImplemented('DELETE', `/B?${name}`, `Delete${operation}`)
  ),
  ['PUT', '/B?a=1&b', 400, 'InvalidArgument', unsupported('"a", "b"', 'PUT')],
  ['DELETE', '/B?a=1&b', 400, 'InvalidArgument', unsupported('"a", "b"', 'DELETE')],
  ['DELETE', '/B?acl', 400, 'InvalidArgument', unsupported('"acl"', 'DELETE')],
  ['PUT', '/B?constructor', 400, 'InvalidArgument', unsupported('"constructor"', 'PUT')],
  [
    'GET',
    '/B?location&other',
    400,
    'InvalidArgument',
    'Search param other is unsupported for bucket location'
  ],
  notImplemented('GET', '/?other', 'ListBuckets search parameter other'),
  notImplemented('GET', '/B?other', 'ListObjectsV1 search parameter other'),
  notImplemented('GET', '/B?list-type=2&marker=x', 'ListObjectsV2 search parameter marker'),
  notImplemented('GET', '/B?list-type=3', 'ListObjectsV3'),
  notImplemented('GET', '/B?encoding-type=xml', 'Unrecognized encoding-type "xml"'),
  [
    'GET',
    '/B?continuation-token=x',
    400,
    'InvalidArgument',
    'continuation-token not supported in ListObjects'
  ],
  ...['', '-1', 'NaN', 'Infinity', 'x'].map((text): [string, string, number, string, string] => [
    'GET',
    `/B?max-keys=${text}`,
    400,
    'InvalidMaxKeys',
    'MaxKeys params must be positive integer <= 1000.'
  ]),
  notImplemented('GET', '/B/k?torrent', 'GetObjectTorrent'),
  notImplemented('GET', '/B/k?retention', 'GetObjectRetention'),
  notImplemented('GET', '/B/k?legal-hold', 'GetObjectLegalHold'),
  notImplemented('PUT', '/B/k?retention', 'PutObjectRetention'),
  notImplemented('PUT', '/B/k?legal-hold', 'PutObjectLegalHold'),
  ['PUT', '/B/k?uploadId=u&partNumber=1.0', 404, 'RouteNotFound', 'No route matches this url.'],
  ...['', '0', '-1', '10001'].map((number): [string, string, number, string, string] => [
    'PUT',
    `/B/k?uploadId=u&partNumber=${number}`,
    400,
    'InvalidArgument',
    'Part number must be an integer between 1 and 10000, inclusive.'
  ]),
  ['PATCH', '/B/k', 404, 'RouteNotFound', 'No route matches this url.'],
  ['DELETE', '/', 404, 'RouteNotFound', 'No route matches this url.'],
  ...[
    ['GET', '/no-such-bucket-at-all?policy'],
    ['GET', '/no-such-bucket-at-all?list-type=7'],
    ['GET', '/no-such-bucket-at-all/k?torrent'],
    ['DELETE', '/no-such-bucket-at-all?a'],
    ['POST', '/no-such-bucket-at-all']
  ].map(([method = '', path = '']): [string, string, number, string, string] => [
    method,
    path,
    404,
    'NoSuchBucket',
    'The specified bucket does not exist.'
  ])
]

function notImplemented(
  method: string,
  path: string,
  what: string
): [string, string, number, string, string] {
  return [method, path, 501, 'NotImplemented', `${what} not implemented`]
}

const encryption = (algorithm: string): string =>
  `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>${algorithm}</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`
const versioning = (status: string): string =>
  `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>${status}</Status></VersioningConfiguration>`

/** Orders that change nothing, by what they order. */
const orders: [string, string, string, number, string][] = [
  ['PUT', '/B?encryption', encryption('AES256'), 200, ''],
  ['PUT', '/B?encryption', encryption('aws:kms'), 501, 'NotImplemented'],
  ['PUT', '/B?encryption', '<ServerSideEncryptionConfiguration/>', 400, 'MalformedXML'],
  ['DELETE', '/B?encryption', '', 204, ''],
  ['PUT', '/B?versioning', versioning('Suspended'), 200, ''],
  ['PUT', '/B?versioning', versioning('Enabled'), 501, 'NotImplemented'],
  ['PUT', '/B?versioning', versioning('On'), 400, 'MalformedXML'],
  ['PUT', '/B?versioning', 'nonsense', 400, 'MalformedXML'],
  ['POST', '/B', '', 200, '']
]

export function screeningSuite(test: TestFn, suite: string, open: () => S3Endpoint): void {
  const prepare = async (): Promise<(sent: Sent) => Promise<Answer>> => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }))
    return sent => {
      const headers = Object.entries(sent.headers ?? {}).map(([name, value]) => [
        name,
        value.replace(/^B\//, `${Bucket}/`)
      ])
      return signedSend(open(), {
        ...sent,
        path: sent.path.replace(/^\/B(?=[/?]|$)/, `/${Bucket}`),
        headers: Object.fromEntries(headers) as Record<string, string>
      })
    }
  }

  test(`${suite}: each operation refuses the headers that it does not do`, async t => {
    const ask = await prepare()
    for (const [operation, sent, names] of refused) {
      for (const name of names) {
        const answer = await ask({ ...sent, headers: { ...sent.headers, [name]: 'v' } })
        const message = `Header '${name}' with value 'v' not implemented`
        t.deepEqual(
          [answer.status, answer.code, answer.message],
          [501, 'NotImplemented', message],
          operation
        )
      }
    }
    // Nothing of it was done, and nothing that is unknown is in the way.
    t.is((await ask({ method: 'GET', path: '/B/k' })).text, 'x')
    const unknown = { 'x-amz-request-payer': 'requester', 'x-amz-whatever': 'v' }
    t.is((await ask({ method: 'GET', path: '/B/k', headers: unknown })).status, 200)
  })

  test(`${suite}: each operation that R2 screens for an owner does not serve another`, async t => {
    const ask = await prepare()
    for (const sent of ownerScreened) {
      const headers = { ...sent.headers, 'x-amz-expected-bucket-owner': 'somebody' }
      t.is((await ask({ ...sent, headers })).code, 'AccessDenied', `${sent.method} ${sent.path}`)
    }
    const headers = { 'x-amz-expected-bucket-owner': 'somebody' }
    t.is((await ask({ method: 'HEAD', path: '/B', headers })).status, 403)
    t.is((await ask({ method: 'HEAD', path: '/B/k', headers })).status, 403)
    const source = { ...copying, 'x-amz-source-expected-bucket-owner': 'somebody' }
    t.is((await ask({ method: 'PUT', path: '/B/copy', headers: source })).code, 'AccessDenied')
  })

  test(`${suite}: encryption and ACLs of a write are what R2 lets pass`, async t => {
    const ask = await prepare()
    const put = (headers: Record<string, string>) => ask({ method: 'PUT', path: '/B/k', headers })

    t.is((await put({ 'x-amz-server-side-encryption': 'AES256' })).status, 200)
    t.is((await put({ 'x-amz-server-side-encryption': 'aws:kms' })).status, 501)
    for (const acl of [
      'private',
      'public-read',
      'public-read-write',
      'authenticated-read',
      'aws-exec-read',
      'bucket-owner-read',
      'bucket-owner-full-control'
    ]) {
      t.is((await put({ 'x-amz-acl': acl })).status, 200)
    }
    const unknown = await put({ 'x-amz-acl': 'everybody' })
    t.is(unknown.message, "Header 'x-amz-acl' with value 'everybody' not implemented")
    const locked = await ask({
      method: 'PUT',
      path: '/another-bucket',
      headers: { 'x-amz-bucket-object-lock-enabled': 'true' }
    })
    t.is(locked.status, 501)
  })

  test(`${suite}: what is not there is refused in R2's words`, async t => {
    const ask = await prepare()
    for (const [method, path, status, code, message] of answers) {
      const answer = await ask({ method, path })
      t.deepEqual(
        [answer.status, answer.code, answer.message],
        [status, code, message],
        `${method} ${path}`
      )
      t.is(answer.headers['content-type'], 'application/xml')
      t.false(answer.text.includes('xmlns'))
    }
    t.is((await ask({ method: 'GET', path: '/B/k' })).text, 'x')
  })

  test(`${suite}: a bucket's constants are R2's`, async t => {
    const ask = await prepare()
    const text = async (path: string): Promise<string> => {
      const answer = await ask({ method: 'GET', path })
      t.is(answer.status, 200)
      return answer.text.replace('<?xml version="1.0" encoding="UTF-8"?>', '')
    }
    const xmlns = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'

    t.is(
      await text('/B?versioning'),
      `<VersioningConfiguration ${xmlns}></VersioningConfiguration>`
    )
    t.is(
      await text('/B?location&x-id=y'),
      `<LocationConstraint ${xmlns}>LOCAL</LocationConstraint>`
    )
    t.is(
      await text('/B?encryption'),
      `<ServerSideEncryptionConfiguration ${xmlns}><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>true</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>`
    )
    const head = await ask({ method: 'HEAD', path: '/B' })
    t.is(head.headers['x-amz-bucket-region'], 'auto')
    for (const [method, path, body, status, code] of orders) {
      const answer = await ask({ method, path, body })
      t.deepEqual([answer.status, answer.code], [status, code], `${method} ${path} ${body}`)
    }
  })

  test(`${suite}: a form of a browser is refused before anything else`, async t => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)

    const answer = await send(open(), { method: 'POST', path: `/${Bucket}`, body: 'form' })
    t.deepEqual(
      [answer.status, answer.message],
      [501, 'Presigned post requests are not yet implemented not implemented']
    )
  })

  test(`${suite}: a write makes its bucket if it is told to`, async t => {
    const create = { 'cf-create-bucket-if-missing': 'true' }
    const put = (bucket: string, path: string, headers: Record<string, string>) => {
      return signedSend(open(), { method: 'PUT', path: `/${bucket}/${path}`, headers, body: 'x' })
    }
    const [first, second] = [`made-${process.pid}-1`, `made-${process.pid}-2`]

    t.is((await put(first, 'k', {})).code, 'NoSuchBucket')
    t.is((await put(first, 'k', { 'cf-create-bucket-if-missing': 'false' })).code, 'NoSuchBucket')
    const made = await Promise.all(Array.from({ length: 5 }, (_, n) => put(first, `k${n}`, create)))
    t.deepEqual(
      made.map(({ status }) => status),
      [200, 200, 200, 200, 200]
    )
    const begun = { method: 'POST', path: `/${second}/k?uploads`, headers: create }
    t.is((await signedSend(open(), begun)).status, 200)
    t.is((await signedSend(open(), { method: 'HEAD', path: `/${second}` })).status, 200)
    t.is((await put('Not_A_Bucket', 'k', create)).code, 'InvalidBucketName')
  })

  test(`${suite}: buckets are listed in R2's pages, by header or by parameter`, async t => {
    const s3 = clientOf(open())
    const made = [await makeBucket(s3), await makeBucket(s3), await makeBucket(s3)].sort()
    const [first = '', second = '', third = ''] = made
    const list = async (query: string, headers: Record<string, string> = {}) => {
      const answer = await signedSend(open(), { method: 'GET', path: `/${query}`, headers })
      const names = [...answer.text.matchAll(/<Name>([^<]*)<\/Name>/g)].map(([, name]) => name)
      return { ...answer, names: names.filter(name => made.includes(name ?? '')) }
    }

    const page = await list('', { 'cf-prefix': first.slice(0, -1), 'cf-max-keys': '1' })
    t.is(page.headers['cf-is-truncated'], 'true')
    t.truthy(page.headers['cf-next-continuation-token'])
    const after = await list(`?start-after=${first}&prefix=bucket-${process.pid}-`)
    t.deepEqual(after.names, [second, third])
    t.is(after.headers['cf-is-truncated'], undefined)
    t.deepEqual((await list(`?continuation-token=${second}`)).names, [third])
    const header = await list(`?prefix=${first}`, { 'cf-prefix': second })
    t.deepEqual(header.names.slice(0, 1), [second])
    t.regex(header.text, /<Owner><ID>r2d<\/ID>/)
    t.is((await list('?max-keys=x')).code, 'InvalidMaxKeys')
  })
}
