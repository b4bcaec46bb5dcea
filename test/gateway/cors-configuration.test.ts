// The CORSConfiguration document: round trip, and refusal of everything that it does not have.

import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import {
  parseCorsConfiguration,
  writeCorsConfiguration
} from '../../src/gateway/s3/cors-configuration.ts'
import { S3Error } from '../../src/gateway/s3/s3-error.ts'
import { document } from '../../src/gateway/s3/xml.ts'
import { corsMethods, type CorsRule } from '../../src/metadata/cors-record.ts'

const host = fc.stringMatching(/^[a-z0-9-]{1,12}(\.[a-z]{2,5})?$/)
const origin = fc.oneof(
  fc.constantFrom('*', 'http://*', 'https://*.example.com', 'https://example.com:*', 'app://[::1]'),
  fc
    .tuple(fc.constantFrom('http', 'https', 'capacitor'), host, fc.option(fc.nat(65_535)))
    .map(([scheme, name, port]) => `${scheme}://${name}${port === null ? '' : `:${port}`}`)
)
const header = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,20}$/)
const rule: fc.Arbitrary<CorsRule> = fc.record(
  {
    id: fc.string({ unit: 'grapheme-ascii', maxLength: 30 }),
    allowedOrigins: fc.array(origin, { minLength: 1, maxLength: 4 }),
    allowedMethods: fc.array(fc.constantFrom(...corsMethods), { minLength: 1, maxLength: 5 }),
    allowedHeaders: fc.array(fc.oneof(header, fc.constantFrom('*', 'x-amz-*')), { maxLength: 4 }),
    exposeHeaders: fc.array(header, { maxLength: 4 }),
    maxAge: fc.option(fc.nat(86_400), { nil: undefined })
  },
  { noNullPrototype: true }
)
const rules = fc.array(rule, { minLength: 1, maxLength: 5 })
const write = (value: readonly CorsRule[]): Buffer => {
  return document('CORSConfiguration', writeCorsConfiguration(value))
}

const refusesOrReads = (body: string): void => {
  try {
    parseCorsConfiguration(Buffer.from(body))
  } catch (error) {
    assert(error instanceof S3Error, String(error))
    assert(error.code === 'MalformedXML' || error.code === 'InvalidRequest')
  }
}

test('CORS rules that are written are read as they were', t => {
  const property = fc.property(rules, value => {
    assert.deepEqual(parseCorsConfiguration(write(value)), value)
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})

const element = fc
  .stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,12}$/)
  .filter(
    name =>
      !/^(ID|AllowedOrigin|AllowedMethod|AllowedHeader|ExposeHeader|MaxAgeSeconds|CORSRule)$/.test(
        name
      )
  )

test('an element that is unknown is refused wherever it stands', t => {
  const property = fc.property(rules, element, fc.nat(), (value, name, at) => {
    const text = write(value).toString()
    const places = [...text.matchAll(/<\/(?:CORSRule|CORSConfiguration|AllowedOrigin)>/g)]
    const place = places[at % places.length]
    assert(place !== undefined)
    const broken = `${text.slice(0, place.index)}<${name}>x</${name}>${text.slice(place.index)}`
    assert.throws(
      () => parseCorsConfiguration(Buffer.from(broken)),
      (error: unknown) => error instanceof S3Error && error.code === 'MalformedXML'
    )
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('a damaged document is refused, or has rules', t => {
  const property = fc.property(rules, fc.nat(), fc.string(), fc.nat(20), (value, at, text, cut) => {
    const body = write(value).toString()
    const start = at % body.length
    refusesOrReads(body.slice(0, start) + text + body.slice(start + cut))
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('white space and name spaces make no difference', t => {
  const body = `<?xml version="1.0"?>
    <s3:CORSConfiguration xmlns:s3="http://s3.amazonaws.com/doc/2006-03-01/">
      <s3:CORSRule>
        <s3:AllowedOrigin>https://example.com</s3:AllowedOrigin>
        <s3:AllowedMethod>GET</s3:AllowedMethod>
      </s3:CORSRule>
    </s3:CORSConfiguration>`

  t.deepEqual(parseCorsConfiguration(Buffer.from(body)), [
    {
      id: '',
      allowedOrigins: ['https://example.com'],
      allowedMethods: ['GET'],
      allowedHeaders: [],
      exposeHeaders: [],
      maxAge: undefined
    }
  ])
})
