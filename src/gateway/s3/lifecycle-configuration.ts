/**
 * The LifecycleConfiguration document, and what its rules must be.
 *
 * What S3 has and R2 does not, such as filters by tag or size and actions on old versions, is 501 with its name. What neither has
 * is MalformedXML.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
 * https://developers.cloudflare.com/r2/buckets/object-lifecycles/
 */

import { randomUUID } from 'node:crypto'
import { keySizeMax } from '../../limits.ts'
import type { LifecycleCondition, LifecycleRule } from '../../objects/store.ts'
import { notImplemented, S3Error } from './s3-error.ts'
import {
  elementsOf,
  isRecord,
  malformed,
  onlyElements,
  parseDocument,
  textOf,
  type XmlElement
} from './xml.ts'

const ruleCountMax = 1000
/** Characters of a rule's ID. */
const idSizeMax = 255
/** S3 counts days in 32 bits. */
const dayCountMax = 2 ** 31 - 1
const daySeconds = 86_400

/** In S3, not in R2; by the element that they stand in. */
const unsupported: Record<string, readonly string[]> = {
  Rule: ['NoncurrentVersionExpiration', 'NoncurrentVersionTransition'],
  Filter: ['Tag', 'And', 'ObjectSizeGreaterThan', 'ObjectSizeLessThan'],
  Expiration: ['ExpiredObjectDeleteMarker']
}

export function parseLifecycleConfiguration(body: Buffer): LifecycleRule[] {
  const name = 'LifecycleConfiguration'
  const root = onlyElements(parseDocument(body, name), name, ['Rule'])
  const rules = elementsOf(root, 'Rule').map(parseRule)
  if (rules.length === 0) throw malformed('There is no Rule')
  if (rules.length > ruleCountMax) {
    throw new S3Error(
      'InvalidRequest',
      `The number of lifecycle rules must not exceed the allowed limit of ${ruleCountMax} rules`
    )
  }
  if (new Set(rules.map(({ id }) => id)).size < rules.length) {
    throw invalid('Rule ID must be unique. Found same ID for more than one rule')
  }
  return rules
}

/** The root's content. */
export function writeLifecycleConfiguration(rules: readonly LifecycleRule[]): XmlElement[] {
  return rules.map(({ id, isEnabled, prefix, expiration, transition, abortAge }) => [
    'Rule',
    [
      ['ID', id],
      ['Filter', [['Prefix', prefix]]],
      ['Status', isEnabled ? 'Enabled' : 'Disabled'],
      ['Expiration', expiration && [writeCondition(expiration)]],
      ['Transition', transition && [writeCondition(transition), ['StorageClass', 'STANDARD_IA']]],
      [
        'AbortIncompleteMultipartUpload',
        abortAge === undefined ? undefined : [['DaysAfterInitiation', toDays(abortAge)]]
      ]
    ]
  ])
}

function writeCondition(condition: LifecycleCondition): XmlElement {
  return condition.kind === 'age'
    ? ['Days', toDays(condition.seconds)]
    : ['Date', new Date(condition.time).toISOString()]
}

/** Ages come in seconds elsewhere: one that is not whole days is not said to be shorter than it is. */
function toDays(seconds: number): number {
  return Math.ceil(seconds / daySeconds)
}

function parseRule(content: unknown): LifecycleRule {
  const rule = onlySupported(content, 'Rule', [
    'ID',
    'Status',
    'Prefix',
    'Filter',
    'Expiration',
    'Transition',
    'AbortIncompleteMultipartUpload'
  ])
  const id = textOf(rule, 'ID') ?? ''
  if (id.length > idSizeMax) {
    throw invalid(`ID length should not exceed allowed limit of ${idSizeMax}`)
  }
  const status = textOf(rule, 'Status')
  if (status !== 'Enabled' && status !== 'Disabled') {
    throw malformed('The Status of a Rule is Enabled or Disabled')
  }

  const parsed = {
    id: id === '' ? randomUUID() : id,
    isEnabled: status === 'Enabled',
    prefix: parsePrefix(rule),
    expiration: parseExpiration(single(rule, 'Expiration')),
    transition: parseTransition(rule),
    abortAge: parseAbort(single(rule, 'AbortIncompleteMultipartUpload'))
  }
  const { expiration, transition, abortAge } = parsed
  if (expiration === undefined && transition === undefined && abortAge === undefined) {
    throw new S3Error('InvalidRequest', 'At least one action needs to be specified in a rule')
  }
  return parsed
}

/** In a Filter, or, as S3 had it first, in the Rule itself. Without either, the rule is about all objects. */
function parsePrefix(rule: Record<string, unknown>): string {
  const content = single(rule, 'Filter')
  const legacy = textOf(rule, 'Prefix')
  if (content !== undefined && legacy !== undefined) {
    throw malformed('A Rule has a Filter or a Prefix, not both')
  }

  const prefix =
    content === undefined ? legacy : textOf(onlySupported(content, 'Filter', ['Prefix']), 'Prefix')
  if (Buffer.byteLength(prefix ?? '') > keySizeMax) {
    throw new S3Error('InvalidRequest', `The maximum size of a prefix is ${keySizeMax}.`)
  }
  return prefix ?? ''
}

function parseExpiration(content: unknown): LifecycleCondition | undefined {
  if (content === undefined) return undefined

  return parseCondition(onlySupported(content, 'Expiration', ['Days', 'Date']), 'Expiration', 1)
}

function parseTransition(rule: Record<string, unknown>): LifecycleCondition | undefined {
  const [content, ...more] = elementsOf(rule, 'Transition')
  if (content === undefined) return undefined
  // To one class, there is one way.
  if (more.length > 0) {
    throw new S3Error(
      'InvalidRequest',
      "'StorageClass' must be different for 'Transition' actions in same 'Rule'"
    )
  }

  const transition = onlyElements(content, 'Transition', ['Days', 'Date', 'StorageClass'])
  const storageClass = textOf(transition, 'StorageClass')
  if (storageClass === undefined) throw malformed('A Transition has no StorageClass')
  if (storageClass !== 'STANDARD_IA') throw new S3Error('InvalidStorageClass')
  return parseCondition(transition, 'Transition', 0)
}

function parseAbort(content: unknown): number | undefined {
  if (content === undefined) return undefined

  const name = 'AbortIncompleteMultipartUpload'
  const abort = onlyElements(content, name, ['DaysAfterInitiation'])
  const days = textOf(abort, 'DaysAfterInitiation')
  if (days === undefined) throw malformed(`${name} has no DaysAfterInitiation`)
  return parseDays(days, 'DaysAfterInitiation', name, 1) * daySeconds
}

function parseCondition(
  action: Record<string, unknown>,
  name: 'Expiration' | 'Transition',
  dayCountMin: number
): LifecycleCondition {
  const days = textOf(action, 'Days')
  const date = textOf(action, 'Date')
  if (days !== undefined && date === undefined) {
    return { kind: 'age', seconds: parseDays(days, 'Days', name, dayCountMin) * daySeconds }
  }
  if (date !== undefined && days === undefined) return { kind: 'date', time: parseDate(date) }
  throw malformed(`${name} has either Days or a Date`)
}

function parseDays(text: string, element: string, action: string, min: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= dayCountMax) return value

  if (!/^-?\d+$/.test(text)) throw malformed(`${element} is not a whole number`)
  throw invalid(
    `'${element}' for ${action} action must be a ${min === 0 ? 'nonnegative' : 'positive'} integer`
  )
}

const isoDate = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2}))?$/

/** ISO 8601, with its zone or without a time, and a midnight in UTC. */
function parseDate(text: string): number {
  const time = isoDate.test(text) ? Date.parse(text) : NaN
  if (Number.isNaN(time) || time < 0) throw malformed('Date is not a date in ISO 8601')
  if (time % (daySeconds * 1000) !== 0) throw invalid("'Date' must be at midnight GMT")
  return time
}

function onlySupported(
  content: unknown,
  parent: string,
  names: readonly string[]
): Record<string, unknown> {
  if (isRecord(content)) {
    for (const name of unsupported[parent] ?? []) {
      if (Object.hasOwn(content, name)) throw notImplemented(`Lifecycle ${parent} with ${name}`)
    }
  }
  return onlyElements(content, parent, names)
}

/** The content of an element that is there at most once. */
function single(parent: Record<string, unknown>, name: string): unknown {
  const found = elementsOf(parent, name)
  if (found.length > 1) throw malformed(`${name} is there more than once`)

  return found[0]
}

function invalid(message: string): S3Error {
  return new S3Error('InvalidArgument', message)
}
