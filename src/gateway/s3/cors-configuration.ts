/**
 * The CORSConfiguration document, and what its rules must be.
 *
 * R2 is stricter than S3: origins must be origins, unknown elements and empty headers are refused.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html
 * https://developers.cloudflare.com/r2/buckets/cors/
 */

import { corsMethods } from '../../metadata/cors-record.ts'
import type { CorsMethod, CorsRule } from '../../objects/store.ts'
import { S3Error } from './s3-error.ts'
import {
  elementsOf,
  malformed,
  onlyElements,
  parseDocument,
  textOf,
  textsOf,
  type XmlElement
} from './xml.ts'

const ruleCountMax = 100
/** Characters of a rule's ID. */
const idSizeMax = 255
/** A day, in seconds. */
const maxAgeMax = 86_400

/** `scheme://host[:port]`; a `*` may stand for any part of it behind the scheme. */
const origin = /^[a-z][a-z0-9+.-]*:\/\/(?:[a-z0-9_.*-]+|\[[0-9a-f:.]+\])(?::(?:\d{1,5}|\*))?$/i

/** RFC 9110 token. `*` is one of its characters. */
const headerName = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i

/** MalformedXML, or InvalidRequest with S3's message for what is wrong with a rule. */
export function parseCorsConfiguration(body: Buffer): CorsRule[] {
  const root = onlyElements(parseDocument(body, 'CORSConfiguration'), 'CORSConfiguration', [
    'CORSRule'
  ])
  const rules = elementsOf(root, 'CORSRule').map(parseRule)
  if (rules.length === 0) throw malformed('There is no CORSRule')
  if (rules.length > ruleCountMax) {
    throw invalid(
      `The number of CORS rules should not exceed allowed limit of ${ruleCountMax} rules.`
    )
  }
  return rules
}

/** The root's content. */
export function writeCorsConfiguration(rules: readonly CorsRule[]): XmlElement[] {
  return rules.map(rule => [
    'CORSRule',
    [
      ...elements('AllowedHeader', rule.allowedHeaders),
      ...elements('AllowedMethod', rule.allowedMethods),
      ...elements('AllowedOrigin', rule.allowedOrigins),
      ...elements('ExposeHeader', rule.exposeHeaders),
      ['ID', rule.id === '' ? undefined : rule.id],
      ['MaxAgeSeconds', rule.maxAge]
    ]
  ])
}

function elements(name: string, texts: readonly string[]): XmlElement[] {
  return texts.map(text => [name, text])
}

function parseRule(content: unknown): CorsRule {
  const rule = onlyElements(content, 'CORSRule', [
    'ID',
    'AllowedOrigin',
    'AllowedMethod',
    'AllowedHeader',
    'ExposeHeader',
    'MaxAgeSeconds'
  ])
  const id = textOf(rule, 'ID') ?? ''
  if (id.length > idSizeMax) {
    throw invalid(`ID length should not exceed allowed limit of ${idSizeMax}`)
  }
  const allowedOrigins = textsOf(rule, 'AllowedOrigin')
  const methods = textsOf(rule, 'AllowedMethod')
  if (allowedOrigins.length === 0) throw malformed('A CORSRule has no AllowedOrigin')
  if (methods.length === 0) throw malformed('A CORSRule has no AllowedMethod')
  for (const each of allowedOrigins) requireOrigin(each)

  const allowedHeaders = textsOf(rule, 'AllowedHeader')
  const exposeHeaders = textsOf(rule, 'ExposeHeader')
  for (const each of allowedHeaders) requireHeader('AllowedHeader', each)
  for (const each of exposeHeaders) {
    requireHeader('ExposeHeader', each)
    if (each.includes('*')) {
      throw invalid(
        `ExposeHeader "${each}" contains wildcard. We currently do not support wildcard for ExposeHeader.`
      )
    }
  }

  return {
    id,
    allowedOrigins,
    allowedMethods: methods.map(requireMethod),
    allowedHeaders,
    exposeHeaders,
    maxAge: parseMaxAge(textOf(rule, 'MaxAgeSeconds'))
  }
}

function requireOrigin(text: string): void {
  requireOneWildcard('AllowedOrigin', text)
  if (text !== '*' && !origin.test(text)) {
    throw invalid(`AllowedOrigin "${text}" is not an origin: it has the form scheme://host[:port].`)
  }
}

function requireHeader(element: string, text: string): void {
  requireOneWildcard(element, text)
  if (text === '') throw invalid(`${element} can not be empty.`)
  if (!headerName.test(text)) throw invalid(`${element} "${text}" is not a header name.`)
}

function requireOneWildcard(element: string, text: string): void {
  if (text.indexOf('*') !== text.lastIndexOf('*')) {
    throw invalid(`${element} "${text}" can not have more than one wildcard.`)
  }
}

function requireMethod(text: string): CorsMethod {
  const method = corsMethods.find(each => each === text)
  if (method !== undefined) return method

  throw invalid(`Found unsupported HTTP method in CORS config. Unsupported method is ${text}`)
}

function parseMaxAge(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,15}$/.test(text)) throw malformed('MaxAgeSeconds is not a number of seconds')

  const seconds = Number(text)
  if (seconds > maxAgeMax) throw invalid(`MaxAgeSeconds should not exceed ${maxAgeMax}.`)
  return seconds
}

function invalid(message: string): S3Error {
  return new S3Error('InvalidRequest', message)
}
