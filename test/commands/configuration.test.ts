// CORS and lifecycle rules between wrangler's JSON and S3's XML.

import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { corsFromXml, corsToXml } from '../../src/cli/cors-document.ts'
import { JsonReader } from '../../src/cli/json-reader.ts'
import {
  lifecycleFromXml,
  lifecycleToXml,
  type LifecycleRuleJson
} from '../../src/cli/lifecycle-document.ts'
import { R2dError } from '../../src/errors.ts'

const text = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 20 })
const plain = { noNullPrototype: true } as const
const optional = <T extends object>(value: T): T => {
  return JSON.parse(JSON.stringify(value)) as T
}
const texts = fc.array(text, { minLength: 1, maxLength: 3 })
const corsRule = fc.record(
  {
    id: text,
    allowed: fc.record(
      { origins: texts, methods: texts, headers: texts },
      { ...plain, requiredKeys: ['origins', 'methods'] }
    ),
    exposeHeaders: texts,
    maxAgeSeconds: fc.nat()
  },
  { ...plain, requiredKeys: ['allowed'] }
)
const age = fc.record(
  {
    type: fc.constant('Age' as const),
    maxAge: fc.integer({ min: 1, max: 9999 }).map(n => n * 86_400)
  },
  plain
)
const condition = fc.oneof(
  age,
  fc.record(
    { type: fc.constant('Date' as const), date: fc.constant('2040-01-01T00:00:00.000Z') },
    plain
  )
)
const lifecycleRule = fc.record(
  {
    id: text,
    enabled: fc.boolean(),
    conditions: fc.record({ prefix: text }, { ...plain, requiredKeys: [] }),
    deleteObjectsTransition: fc.record({ condition }, plain),
    storageClassTransitions: fc.array(
      fc.record({ condition, storageClass: fc.constant('InfrequentAccess' as const) }, plain),
      { minLength: 1, maxLength: 1 }
    ),
    abortMultipartUploadsTransition: fc.record({ condition: age }, plain)
  },
  { ...plain, requiredKeys: ['id', 'enabled', 'conditions'] }
)

test('CORS rules come through XML as they were', t => {
  const property = fc.property(fc.array(corsRule, { maxLength: 4 }), rules => {
    const document = { rules: rules.map(each => optional(each)) }
    assert.deepEqual(corsFromXml(corsToXml(new JsonReader(document, 'file'))), document)
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})

test('lifecycle rules come through XML as they were', t => {
  const property = fc.property(fc.array(lifecycleRule, { maxLength: 4 }), rules => {
    const document = { rules: rules.map(each => optional(each as LifecycleRuleJson)) }
    assert.deepEqual(lifecycleFromXml(lifecycleToXml(new JsonReader(document, 'file'))), document)
  })

  t.notThrows(() => {
    fc.assert(property)
  })
})

const rule = { id: 'a', enabled: true, conditions: {} }
const cases: [convert: (document: JsonReader) => string, document: unknown, message: RegExp][] = [
  [corsToXml, { CORSRules: [] }, /^file has "CORSRules", which is none of rules$/],
  [corsToXml, [], /^file is not an object$/],
  [corsToXml, {}, /^file has no rules$/],
  [corsToXml, { rules: [{}] }, /^file\.rules\[0\] has no allowed$/],
  [
    corsToXml,
    { rules: [{ allowed: { origins: ['*'], methods: 'GET' } }] },
    /^file\.rules\[0\]\.allowed\.methods is not a list$/
  ],
  [lifecycleToXml, { rules: [{ ...rule, enabled: 'yes' }] }, /\.enabled is not true or false$/],
  [
    lifecycleToXml,
    { rules: [{ ...rule, deleteObjectsTransition: { condition: { type: 'Age', maxAge: 90 } } }] },
    /has a maxAge of 90 seconds, which is not whole days$/
  ],
  [
    lifecycleToXml,
    { rules: [{ ...rule, deleteObjectsTransition: { condition: { type: 'Soon' } } }] },
    /\.type is neither Age nor Date$/
  ],
  [
    lifecycleToXml,
    {
      rules: [
        { ...rule, abortMultipartUploadsTransition: { condition: { type: 'Date', date: '2030' } } }
      ]
    },
    /has a date; uploads are aborted by their age$/
  ]
]

test('JSON of another shape is refused, with the place', t => {
  for (const [convert, document, message] of cases) {
    const error = t.throws(() => convert(new JsonReader(document, 'file')), {
      instanceOf: R2dError
    })
    t.regex(error.message, message)
    t.is(error.code, 'R2D_INVALID_CONFIG')
  }
})
