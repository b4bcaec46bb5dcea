/**
 * S3's XML: written element by element, read by a parser that resolves nothing.
 */

import { XMLParser } from 'fast-xml-parser'
import { SyntaxValidator } from 'fast-xml-validator'
import { S3Error } from './s3-error.ts'

const xmlDeclaration = '<?xml version="1.0" encoding="UTF-8"?>'
const s3Namespace = 'http://s3.amazonaws.com/doc/2006-03-01/'

/** Content of an element: text, or the elements in it. Undefined leaves the element out. */
export type XmlContent = string | number | boolean | XmlElement[]
/** `attributes` is written as it is: a blank, then what stands in the tag. */
export type XmlElement = readonly [
  name: string,
  content: XmlContent | undefined,
  attributes?: string
]

/** Elements that are written already: for those that a document has by the thousand. */
export class XmlFragment {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export type XmlContents = readonly (XmlElement | XmlFragment)[]

export function document(root: string, content: XmlContents | string): Buffer {
  const inside =
    typeof content === 'string'
      ? escape(content)
      : content.map(each => (each instanceof XmlFragment ? each.text : element(each))).join('')

  return Buffer.from(`${xmlDeclaration}<${root} xmlns="${s3Namespace}">${inside}</${root}>`)
}

/** R2's error documents have no name space. */
export function errorDocument({ code, message, detail }: S3Error): Buffer {
  const elements: XmlElement[] = [['Code', code], ['Message', message], ...detail]

  return Buffer.from(`${xmlDeclaration}<Error>${elements.map(element).join('')}</Error>`)
}

export function element([name, content, attributes = '']: XmlElement): string {
  if (content === undefined) return ''
  const inside = Array.isArray(content) ? content.map(element).join('') : escape(String(content))

  return `<${name}${attributes}>${inside}</${name}>`
}

const escapes: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\t': '\t',
  '\n': '\n'
}

const special = /[&<>"'\p{Cc}\ufffe\uffff]/u
const specials = new RegExp(special, 'gu')

/**
 * XML 1.0 has no way to write most control characters, U+FFFE and U+FFFF. As S3 does, they become character references:
 * what a strict parser refuses and a lenient one reads. `encoding-type=url` is for both.
 */
export function escape(text: string): string {
  if (!special.test(text)) return text

  return text.replaceAll(
    specials,
    character => escapes[character] ?? `&#${character.codePointAt(0) ?? 0};`
  )
}

const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  ignoreDeclaration: true,
  removeNSPrefix: true,
  processEntities: true,
  // The parser's own drops references that XML does not allow: the key `a&#1;` would become another object's.
  entityDecoder: {
    decode: decodeReferences,
    reset: () => undefined,
    setXmlVersion: () => undefined,
    addInputEntities: () => {
      throw new S3Error('MalformedXML')
    },
    setExternalEntities: () => undefined
  }
})

/** The five names of XML and the number of any character; there is no DOCTYPE to define others. */
function decodeReferences(text: string): string {
  if (!text.includes('&')) return text

  return text.replaceAll(/&([^;&]*);?/g, (whole: string, name: string) => {
    const digits = /^#(?:x([0-9a-f]{1,8})|(\d{1,8}))$/i.exec(name)
    const character =
      digits === null
        ? Object.hasOwn(named, name) && named[name]
        : characterOf(parseInt(digits[1] ?? digits[2] ?? '', digits[1] === undefined ? 10 : 16))
    if (typeof character !== 'string' || !whole.endsWith(';')) throw new S3Error('MalformedXML')
    return character
  })
}

/** Undefined for half of a surrogate pair, and what is over Unicode's end. */
function characterOf(code: number): string | undefined {
  return code > 0x10_ffff || (code >= 0xd800 && code < 0xe000)
    ? undefined
    : String.fromCodePoint(code)
}

/** CompleteMultipartUpload with 10,000 parts, each with a checksum, is the largest there is. */
const tagCountMax = 100_000
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** The root's content by element name. MalformedXML for anything else than a well-formed `root` in UTF-8. */
export function parseDocument(
  body: Buffer,
  root: string,
  tagsMax = tagCountMax
): Record<string, unknown> {
  if (!isBounded(body, tagsMax)) throw new S3Error('MalformedXML')

  let parsed: unknown
  try {
    const text = utf8.decode(body)
    if (text.includes('<!DOCTYPE') || text.includes('<!ENTITY') || !isDeclaredUtf8(text)) {
      throw new S3Error('MalformedXML')
    }
    SyntaxValidator.validate(text)
    parsed = parser.parse(text)
  } catch (error) {
    throw new S3Error('MalformedXML', undefined, { cause: error })
  }
  const content = isRecord(parsed) && Object.hasOwn(parsed, root) ? parsed[root] : undefined
  // An element without content is parsed as an empty text.
  if (typeof content === 'string' && content.trim() === '') return {}
  if (!isRecord(content)) throw new S3Error('MalformedXML')
  return content
}

const [open, close, exclamation, space] = [0x3c, 0x3e, 0x21, 0x20]
/** The validator takes a time that grows with the square of the blanks between attributes. */
const blanksMax = 64

/** Whether it is worth parsing: what is not could occupy the thread for long. */
function isBounded(body: Buffer, tagsMax: number): boolean {
  let tags = 0
  let blanks = 0
  let isInTag = false
  for (let at = 0; at < body.length; at++) {
    const byte = body[at] ?? 0
    if (byte === open) {
      if (++tags > tagsMax) return false
      // Comments and CDATA hold text.
      isInTag = body[at + 1] !== exclamation
      blanks = 0
    } else if (byte === close) isInTag = false
    else if (byte > space) blanks = 0
    else if (isInTag && ++blanks > blanksMax) return false
  }
  return true
}

function isDeclaredUtf8(text: string): boolean {
  const declared = /^<\?xml[^>]*\sencoding\s*=\s*["']([^"']*)/.exec(text.slice(0, 200))?.[1]

  return declared === undefined || /^(?:utf-8|us-ascii)$/i.test(declared)
}

/** The elements of a name, however often it occurs. */
export function elementsOf(parent: Record<string, unknown>, name: string): unknown[] {
  const found = Object.hasOwn(parent, name) ? parent[name] : undefined
  if (found === undefined) return []

  return Array.isArray(found) ? found : [found]
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The elements in an element's content, if they are none but those named; MalformedXML otherwise. */
export function onlyElements(
  content: unknown,
  parent: string,
  names: readonly string[]
): Record<string, unknown> {
  if (typeof content === 'string' && content.trim() === '') return {}
  if (!isRecord(content)) throw malformed(`${parent} holds no elements`)

  for (const [name, value] of Object.entries(content)) {
    // White space between elements.
    if (name === '#text' && String(value).trim() === '') continue
    if (!names.includes(name)) throw malformed(`${parent} has an unknown element ${name}`)
  }
  return content
}

/** The text of an element that is there at most once; MalformedXML for more, or for elements in it. */
export function textOf(parent: Record<string, unknown>, name: string): string | undefined {
  const found = elementsOf(parent, name)
  if (found.length > 1) throw malformed(`${name} is there more than once`)

  return textsOf(parent, name)[0]
}

/** The texts of the elements of a name. */
export function textsOf(parent: Record<string, unknown>, name: string): string[] {
  return elementsOf(parent, name).map(value => {
    if (typeof value !== 'string') throw malformed(`${name} holds something else than text`)
    return value
  })
}

/** R2's and S3's message, and behind it what they do not say. */
export function malformed(reason: string): S3Error {
  const { message } = new S3Error('MalformedXML')
  return new S3Error('MalformedXML', `${message} ${reason}.`)
}
