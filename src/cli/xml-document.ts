/**
 * The XML that configurations travel in: written from nodes, read by element.
 */

import { XMLParser } from 'fast-xml-parser'

export type XmlNode = readonly [name: string, content: string | readonly XmlNode[]]
/** An element's children, by name. */
export type XmlParent = Record<string, unknown>

export function toXml([name, content]: XmlNode): string {
  const inside = typeof content === 'string' ? escape(content) : content.map(toXml).join('')

  return `<${name}>${inside}</${name}>`
}

const parser = new XMLParser({ parseTagValue: false, trimValues: false, htmlEntities: true })

/** The elements `child` under the root. */
export function childrenOf(xml: string, root: string, child: string): XmlParent[] {
  const document = parser.parse(xml) as XmlParent
  return elementsOf(toParent(document[root]), child).map(toParent)
}

/** Undefined if there is none. */
export function childOf(parent: XmlParent, name: string): XmlParent | undefined {
  const [found] = elementsOf(parent, name)
  return found === undefined ? undefined : toParent(found)
}

export function textsOf(parent: XmlParent, name: string): string[] {
  return elementsOf(parent, name).map(String)
}

function elementsOf(parent: XmlParent, name: string): unknown[] {
  const found = parent[name]
  if (found === undefined) return []
  return Array.isArray(found) ? found : [found]
}

/** An element without content is parsed as an empty text. */
function toParent(value: unknown): XmlParent {
  return typeof value === 'object' && value !== null ? (value as XmlParent) : {}
}

function escape(text: string): string {
  return text.replaceAll(/[&<>]|[^\P{Cc}]/gu, character => `&#${character.codePointAt(0) ?? 0};`)
}
