/**
 * S3's XML: written element by element, read by a parser that resolves nothing.
 */

import { XMLParser } from 'fast-xml-parser'
import { SyntaxValidator } from 'fast-xml-validator'
import { S3Error } from './s3-error.ts'

export const xmlDeclaration = '<?xml version="1.0" encoding="UTF-8"?>'
export const s3Namespace = 'http://s3.amazonaws.com/doc/2006-03-01/'

/** Content of an element: text, or the elements in it. Undefined leaves the element out. */
export type XmlContent = string | number | boolean | XmlElement[]
export type XmlElement = readonly [name: string, content: XmlContent | undefined]

export function document(root: string, content: XmlElement[] | string): Buffer {
  const inside = typeof content === 'string' ? escape(content) : content.map(element).join('')

  return Buffer.from(`${xmlDeclaration}<${root} xmlns="${s3Namespace}">${inside}</${root}>`)
}

/** R2's error documents have no name space. */
export function errorDocument({ code, message, detail }: S3Error): Buffer {
  const elements: XmlElement[] = [['Code', code], ['Message', message], ...detail]

  return Buffer.from(`${xmlDeclaration}<Error>${elements.map(element).join('')}</Error>`)
}

function element([name, content]: XmlElement): string {
  if (content === undefined) return ''
  const inside = Array.isArray(content) ? content.map(element).join('') : escape(String(content))

  return `<${name}>${inside}</${name}>`
}

const escapes: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\r': '&#13;'
}

/** XML 1.0 has no way to write most control characters: a key with one needs `encoding-type=url`. */
function escape(text: string): string {
  if (!/[&<>"'\r]/.test(text)) return text

  return text.replaceAll(/[&<>"'\r]/g, character => escapes[character] ?? character)
}

const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  // The five of XML and numbers; there is no DOCTYPE to define others.
  processEntities: true,
  htmlEntities: true,
  ignoreDeclaration: true,
  removeNSPrefix: true
})

/** The root's content by element name. MalformedXML for anything else than a well-formed `root`. */
export function parseDocument(body: Buffer, root: string): Record<string, unknown> {
  const text = body.toString()
  if (text.includes('<!DOCTYPE') || text.includes('<!ENTITY')) throw new S3Error('MalformedXML')

  let parsed: unknown
  try {
    SyntaxValidator.validate(text)
    parsed = parser.parse(text)
  } catch (error) {
    throw new S3Error('MalformedXML', undefined, { cause: error })
  }
  const content = isRecord(parsed) ? parsed[root] : undefined
  // An element without content is parsed as an empty text.
  if (typeof content === 'string' && content.trim() === '') return {}
  if (!isRecord(content)) throw new S3Error('MalformedXML')
  return content
}

/** The elements of a name, however often it occurs. */
export function elementsOf(parent: Record<string, unknown>, name: string): unknown[] {
  const found = parent[name]
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
