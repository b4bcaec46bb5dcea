// CORS as a browser meets it: configured with the SDK, asked with plain requests.

import {
  DeleteBucketCorsCommand,
  DeleteBucketCommand,
  CreateBucketCommand,
  GetBucketCorsCommand,
  GetObjectCommand,
  PutBucketCorsCommand,
  PutObjectCommand,
  type CORSRule
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import type { TestFn } from 'ava'
import { request } from 'node:http'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { clientOf, makeBucket, refusal, type S3Endpoint } from './s3.ts'

interface Answer {
  status: number
  headers: IncomingMessage['headers']
  text: string
}

/** `fetch` does not let a program set Origin and Host. */
async function ask(
  url: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {}
): Promise<Answer> {
  const sent = request(url, { method, headers })
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  let text = ''
  for await (const piece of response) text += String(piece)
  return { status: response.statusCode ?? 0, headers: response.headers, text }
}

const origin = 'https://app.example.com'
const CORSRules: CORSRule[] = [
  {
    ID: 'app',
    AllowedOrigins: ['https://*.example.com', 'http://localhost:3000'],
    AllowedMethods: ['GET', 'PUT'],
    AllowedHeaders: ['Content-Type', 'x-amz-*'],
    ExposeHeaders: ['ETag', 'x-amz-version-id'],
    MaxAgeSeconds: 600
  },
  { AllowedOrigins: ['*'], AllowedMethods: ['GET', 'HEAD'] }
]

const preflight = (url: string, method: string, from = origin, asked?: string): Promise<Answer> => {
  const headers = { origin: from, 'access-control-request-method': method }
  return ask(url, {
    method: 'OPTIONS',
    headers: asked === undefined ? headers : { ...headers, 'access-control-request-headers': asked }
  })
}

const messageOf = ({ status, text }: Answer): string => {
  const [, code] = /<Code>(.*)<\/Code>/.exec(text) ?? []
  const [, message] = /<Message>(.*)<\/Message>/.exec(text) ?? []
  return `${status} ${code ?? ''}: ${message ?? ''}`
}

export function corsSuite(test: TestFn, name: string, open: () => S3Endpoint): void {
  const made = async (rules?: CORSRule[]) => {
    const s3 = clientOf(open())
    const Bucket = await makeBucket(s3)
    if (rules !== undefined) {
      await s3.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules: rules } }))
    }
    return { s3, Bucket, url: `${open().endpoint}/${Bucket}` }
  }

  test(`${name}: CORS rules come back as they were put, and are gone when deleted`, async t => {
    const { s3, Bucket, url } = await made()
    const get = () => s3.send(new GetBucketCorsCommand({ Bucket }))

    t.deepEqual(await refusal(t, get()), { name: 'NoSuchCORSConfiguration', status: 404 })
    await s3.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules } }))
    t.deepEqual((await get()).CORSRules, CORSRules)
    const removed = await s3.send(new DeleteBucketCorsCommand({ Bucket }))
    t.is(removed.$metadata.httpStatusCode, 204)
    t.is((await refusal(t, get())).status, 404)
    t.is(
      messageOf(await preflight(`${url}/key`, 'GET')),
      '403 AccessForbidden: CORSResponse: CORS is not enabled for this bucket.'
    )
    const missing = new GetBucketCorsCommand({ Bucket: 'no-such-bucket' })
    t.is((await refusal(t, s3.send(missing))).name, 'NoSuchBucket')
  })

  test(`${name}: a bucket made again under the same name has no CORS rules`, async t => {
    const { s3, Bucket } = await made(CORSRules)

    await s3.send(new DeleteBucketCommand({ Bucket }))
    await s3.send(new CreateBucketCommand({ Bucket }))

    const got = s3.send(new GetBucketCorsCommand({ Bucket }))
    t.is((await refusal(t, got)).name, 'NoSuchCORSConfiguration')
  })

  test(`${name}: a preflight is answered from the first rule that matches, without a signature`, async t => {
    const { Bucket, url } = await made(CORSRules)

    const answer = await preflight(`${url}/a/key`, 'PUT', origin, 'content-type, X-Amz-Meta-Name')
    t.is(answer.status, 200)
    t.is(answer.text, '')
    t.like(answer.headers, {
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, PUT',
      'access-control-allow-headers': 'content-type, x-amz-meta-name',
      'access-control-expose-headers': 'ETag, x-amz-version-id',
      'access-control-max-age': '600',
      'access-control-allow-credentials': 'true',
      vary: 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method'
    })
    const other = await preflight(url, 'GET', 'https://elsewhere.test')
    t.is(other.status, 200)
    t.is(other.headers['access-control-allow-origin'], '*')
    t.is(other.headers['access-control-allow-credentials'], undefined)
    t.is(other.headers['access-control-max-age'], undefined)

    const { port } = new URL(url)
    const byHost = await ask(`http://127.0.0.1:${port}/a/key`, {
      method: 'OPTIONS',
      headers: {
        host: `${Bucket}.localhost:${port}`,
        origin,
        'access-control-request-method': 'PUT'
      }
    })
    t.is(byHost.headers['access-control-allow-origin'], origin)
  })

  test(`${name}: a preflight that no rule matches is refused, and says why`, async t => {
    const { url } = await made(CORSRules.slice(0, 1))
    const refused = /^403 AccessForbidden: CORSResponse: This CORS request is not allowed\./

    t.regex(messageOf(await preflight(`${url}/k`, 'DELETE')), refused)
    t.regex(messageOf(await preflight(`${url}/k`, 'PUT', 'https://example.com')), refused)
    t.regex(messageOf(await preflight(`${url}/k`, 'PUT', origin, 'content-type, x-other')), refused)
    const { text } = await preflight(`${url}/k`, 'DELETE')
    t.true(text.includes('<Method>DELETE</Method><ResourceType>OBJECT</ResourceType>'))
    t.is(
      messageOf(await preflight(`${open().endpoint}/no-such-bucket`, 'GET')),
      '403 AccessForbidden: CORSResponse: Bucket not found'
    )
    t.is(
      messageOf(await ask(`${url}/k`, { method: 'OPTIONS' })),
      '400 BadRequest: Insufficient information. Origin request header needed.'
    )
    t.is(
      messageOf(await ask(`${url}/k`, { method: 'OPTIONS', headers: { origin } })),
      '400 BadRequest: Invalid Access-Control-Request-Method: null'
    )
    t.is(
      messageOf(await preflight(`${url}/k`, 'PATCH')),
      '400 BadRequest: Invalid Access-Control-Request-Method: PATCH'
    )
  })

  test(`${name}: an answer says what a page of another origin may see of it, an error too`, async t => {
    const { s3, Bucket, url } = await made(CORSRules.slice(0, 1))
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'content' }))
    const signed = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: 'k' }))
    const allowed = (answer: Answer): unknown => answer.headers['access-control-allow-origin']

    const got = await ask(signed, { headers: { origin } })
    t.is(got.text, 'content')
    t.is(allowed(got), origin)
    t.is(got.headers['access-control-expose-headers'], 'ETag, x-amz-version-id')
    t.regex(got.headers.vary ?? '', /^Origin,/)
    const unsigned = await ask(`${url}/k`, { headers: { origin } })
    t.is(unsigned.status, 400)
    t.is(allowed(unsigned), origin)

    const other = await ask(signed, { headers: { origin: 'https://elsewhere.test' } })
    t.is(other.status, 200)
    t.is(allowed(other), undefined)
    t.regex(other.headers.vary ?? '', /^Origin,/)
    const without = await ask(signed)
    t.is(allowed(without), undefined)
    t.is(without.headers.vary, undefined)
  })

  test(`${name}: CORS rules that are not valid are refused, and the old ones stay`, async t => {
    const { s3, Bucket } = await made(CORSRules)
    const rule = { AllowedOrigins: ['*'], AllowedMethods: ['GET'] }
    const cases: [CORSRule[], string][] = [
      [[], 'MalformedXML'],
      [[{ ...rule, AllowedOrigins: [] }], 'MalformedXML'],
      [[{ ...rule, AllowedMethods: ['PATCH'] }], 'InvalidRequest'],
      [[{ ...rule, AllowedMethods: ['get'] }], 'InvalidRequest'],
      [[{ ...rule, AllowedOrigins: ['https://example.com/path'] }], 'InvalidRequest'],
      [[{ ...rule, AllowedOrigins: ['example.com'] }], 'InvalidRequest'],
      [[{ ...rule, AllowedOrigins: ['http://*.*'] }], 'InvalidRequest'],
      [[{ ...rule, AllowedHeaders: [''] }], 'InvalidRequest'],
      [[{ ...rule, ExposeHeaders: ['x-*'] }], 'InvalidRequest'],
      [[{ ...rule, MaxAgeSeconds: 86_401 }], 'InvalidRequest'],
      [Array.from({ length: 101 }, () => rule), 'InvalidRequest']
    ]

    for (const [rules, code] of cases) {
      const put = new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules: rules } })
      const refused = await refusal(t, s3.send(put))
      t.deepEqual(refused, { name: code, status: 400 }, JSON.stringify(rules).slice(0, 90))
    }
    t.deepEqual((await s3.send(new GetBucketCorsCommand({ Bucket }))).CORSRules, CORSRules)
  })
}
