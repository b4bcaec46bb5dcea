// The LifecycleConfiguration document: round trip, and refusal of everything that it does not have.

import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import {
  parseLifecycleConfiguration,
  writeLifecycleConfiguration
} from '../../src/gateway/s3/lifecycle-configuration.ts'
import { S3Error } from '../../src/gateway/s3/s3-error.ts'
import { document } from '../../src/gateway/s3/xml.ts'
import type { LifecycleCondition, LifecycleRule } from '../../src/metadata/lifecycle-record.ts'

const text = fc.string({ unit: 'grapheme-ascii', maxLength: 30 })
const plain = { noNullPrototype: true } as const
const condition: fc.Arbitrary<LifecycleCondition> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('age' as const),
      seconds: fc.integer({ min: 1, max: 2 ** 31 - 1 }).map(days => days * 86_400)
    },
    plain
  ),
  fc.record(
    {
      kind: fc.constant('date' as const),
      time: fc.nat(50_000).map(day => day * 86_400_000)
    },
    plain
  )
)
const rule: fc.Arbitrary<LifecycleRule> = fc
  .record(
    {
      id: text.filter(id => id !== ''),
      isEnabled: fc.boolean(),
      prefix: text,
      expiration: fc.option(condition, { nil: undefined }),
      transition: fc.option(condition, { nil: undefined }),
      abortAge: fc.option(
        fc.integer({ min: 1, max: 9999 }).map(days => days * 86_400),
        { nil: undefined }
      )
    },
    plain
  )
  .filter(each => (each.expiration ?? each.transition ?? each.abortAge) !== undefined)
const rules = fc.uniqueArray(rule, { minLength: 1, maxLength: 5, selector: ({ id }) => id })

const write = (value: readonly LifecycleRule[]): string => {
  return document('LifecycleConfiguration', writeLifecycleConfiguration(value)).toString()
}
const parse = (body: string): LifecycleRule[] => parseLifecycleConfiguration(Buffer.from(body))
const configuration = (content: string): string =>
  `<LifecycleConfiguration><Rule>${content}</Rule></LifecycleConfiguration>`
const codeOf = (body: string): string => {
  try {
    parse(body)
    return 'accepted'
  } catch (error) {
    assert(error instanceof S3Error, String(error))
    return error.code
  }
}

test('lifecycle rules that are written are read as they were', t => {
  const property = fc.property(rules, value => {
    assert.deepEqual(parse(write(value)), value)
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})

const known =
  /^(Rule|ID|Status|Prefix|Filter|Expiration|Transition|AbortIncompleteMultipartUpload|Days|Date|StorageClass|DaysAfterInitiation)$/
const element = fc
  .stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,12}$/)
  .filter(name => !known.test(name))

test('an element that is unknown is refused wherever it stands', t => {
  const property = fc.property(rules, element, fc.nat(), (value, name, at) => {
    const body = write(value)
    const places = [...body.matchAll(/<\/\w+>/g)]
    const place = places[at % places.length]
    assert(place !== undefined)
    const broken = `${body.slice(0, place.index)}<${name}>x</${name}>${body.slice(place.index)}`
    assert.equal(codeOf(broken), 'MalformedXML')
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('a damaged document is refused, or has rules', t => {
  const property = fc.property(
    rules,
    fc.nat(),
    fc.string(),
    fc.nat(20),
    (value, at, piece, cut) => {
      const body = write(value)
      const start = at % body.length
      const code = codeOf(body.slice(0, start) + piece + body.slice(start + cut))
      assert(
        [
          'accepted',
          'MalformedXML',
          'InvalidArgument',
          'InvalidRequest',
          'InvalidStorageClass'
        ].includes(code),
        code
      )
    }
  )

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('the prefix may stand in the rule, in a filter, or nowhere; an id is made where there is none', t => {
  const rest = '<Status>Enabled</Status><Expiration><Days>3</Days></Expiration>'

  t.is(parse(configuration(`<Prefix>a/</Prefix>${rest}`))[0]?.prefix, 'a/')
  t.is(parse(configuration(`<Filter><Prefix>a/</Prefix></Filter>${rest}`))[0]?.prefix, 'a/')
  t.is(parse(configuration(`<Filter/>${rest}`))[0]?.prefix, '')
  t.is(parse(configuration(rest))[0]?.prefix, '')
  t.regex(parse(configuration(rest))[0]?.id ?? '', /^[0-9a-f-]{36}$/)
})

const status = '<Status>Enabled</Status>'
const expiration = '<Expiration><Days>3</Days></Expiration>'
const cases: [content: string, code: string][] = [
  [expiration, 'MalformedXML'],
  [`<Status>enabled</Status>${expiration}`, 'MalformedXML'],
  [`${status}${status}${expiration}`, 'MalformedXML'],
  [status, 'InvalidRequest'],
  [`${status}${expiration}${expiration}`, 'MalformedXML'],
  [`${status}<Expiration/>`, 'MalformedXML'],
  [`${status}<Expiration><Days>0</Days></Expiration>`, 'InvalidArgument'],
  [`${status}<Expiration><Days>-1</Days></Expiration>`, 'InvalidArgument'],
  [`${status}<Expiration><Days>2147483648</Days></Expiration>`, 'InvalidArgument'],
  [`${status}<Expiration><Days>1.5</Days></Expiration>`, 'MalformedXML'],
  [`${status}<Expiration><Days/></Expiration>`, 'MalformedXML'],
  [`${status}<Expiration><Days>1</Days><Date>2030-01-01</Date></Expiration>`, 'MalformedXML'],
  [`${status}<Expiration><Date>2030-01-01T01:00:00Z</Date></Expiration>`, 'InvalidArgument'],
  [`${status}<Expiration><Date>2030-02-31x</Date></Expiration>`, 'MalformedXML'],
  [`${status}<Expiration><Date>2030-01-01</Date></Expiration>`, 'accepted'],
  [
    `${status}<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>`,
    'NotImplemented'
  ],
  [`${status}<Transition><Days>1</Days></Transition>`, 'MalformedXML'],
  [
    `${status}<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>`,
    'InvalidStorageClass'
  ],
  [
    `${status}${'<Transition><Days>1</Days><StorageClass>STANDARD_IA</StorageClass></Transition>'.repeat(2)}`,
    'InvalidRequest'
  ],
  [
    `${status}<Transition><Days>0</Days><StorageClass>STANDARD_IA</StorageClass></Transition>`,
    'accepted'
  ],
  [`${status}<AbortIncompleteMultipartUpload/>`, 'MalformedXML'],
  [
    `${status}<AbortIncompleteMultipartUpload><DaysAfterInitiation>0</DaysAfterInitiation></AbortIncompleteMultipartUpload>`,
    'InvalidArgument'
  ],
  [`${status}<Prefix/><Filter/>${expiration}`, 'MalformedXML'],
  [
    `${status}<Filter><Tag><Key>a</Key><Value>b</Value></Tag></Filter>${expiration}`,
    'NotImplemented'
  ],
  [`${status}<Filter><And><Prefix>a</Prefix></And></Filter>${expiration}`, 'NotImplemented'],
  [
    `${status}<Filter><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan></Filter>${expiration}`,
    'NotImplemented'
  ],
  [
    `${status}<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>`,
    'NotImplemented'
  ],
  [`${status}<Prefix>${'x'.repeat(1025)}</Prefix>${expiration}`, 'InvalidRequest'],
  [`<ID>${'x'.repeat(256)}</ID>${status}${expiration}`, 'InvalidArgument'],
  [`${status}${expiration}</Rule><Rule><ID>a</ID>${status}${expiration}`, 'accepted'],
  [
    `<ID>a</ID>${status}${expiration}</Rule><Rule><ID>a</ID>${status}${expiration}`,
    'InvalidArgument'
  ],
  [Array(1000).fill(`${status}${expiration}`).join('</Rule><Rule>'), 'accepted'],
  [Array(1001).fill(`${status}${expiration}`).join('</Rule><Rule>'), 'InvalidRequest']
]

test('rules that make no sense, or ask for what R2 has not, are refused with the code that says so', t => {
  for (const [content, code] of cases) {
    t.is(codeOf(configuration(content)), code, content.slice(0, 120))
  }
  t.is(codeOf('<LifecycleConfiguration/>'), 'MalformedXML')
  t.is(codeOf('<Other/>'), 'MalformedXML')
})
