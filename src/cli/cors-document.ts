/**
 * CORS rules as JSON, in the shape of Cloudflare's API and wrangler, and as S3's XML.
 *
 * Whether the rules make sense is for the daemon to say: here only their form changes.
 */

import type { JsonReader } from './json-reader.ts'
import { childrenOf, textsOf, toXml, type XmlNode } from './xml-document.ts'

export interface CorsRuleJson {
  id?: string
  allowed: { origins: string[]; methods: string[]; headers?: string[] }
  exposeHeaders?: string[]
  maxAgeSeconds?: number
}

export function corsToXml(document: JsonReader): string {
  const { rules } = document.members(['rules'])
  const nodes = document.required(rules, 'rules').list().map(toNode)

  return toXml(['CORSConfiguration', nodes])
}

function toNode(rule: JsonReader): XmlNode {
  const members = rule.members(['id', 'allowed', 'exposeHeaders', 'maxAgeSeconds'])
  const allowed = rule.required(members.allowed, 'allowed')
  const { origins, methods, headers } = allowed.members(['origins', 'methods', 'headers'])
  const each = (name: string, reader: JsonReader | undefined): XmlNode[] =>
    (reader?.texts() ?? []).map(text => [name, text])

  return [
    'CORSRule',
    [
      ...(members.id === undefined ? [] : [['ID', members.id.text()] as const]),
      ...each('AllowedOrigin', allowed.required(origins, 'origins')),
      ...each('AllowedMethod', allowed.required(methods, 'methods')),
      ...each('AllowedHeader', headers),
      ...each('ExposeHeader', members.exposeHeaders),
      ...(members.maxAgeSeconds === undefined
        ? []
        : [['MaxAgeSeconds', String(members.maxAgeSeconds.number())] as const])
    ]
  ]
}

export function corsFromXml(xml: string): { rules: CorsRuleJson[] } {
  const rules = childrenOf(xml, 'CORSConfiguration', 'CORSRule').map(rule => {
    const [id] = textsOf(rule, 'ID')
    const headers = textsOf(rule, 'AllowedHeader')
    const exposeHeaders = textsOf(rule, 'ExposeHeader')
    const [maxAge] = textsOf(rule, 'MaxAgeSeconds')

    return {
      ...(id === undefined ? {} : { id }),
      allowed: {
        origins: textsOf(rule, 'AllowedOrigin'),
        methods: textsOf(rule, 'AllowedMethod'),
        ...(headers.length === 0 ? {} : { headers })
      },
      ...(exposeHeaders.length === 0 ? {} : { exposeHeaders }),
      ...(maxAge === undefined ? {} : { maxAgeSeconds: Number(maxAge) })
    }
  })
  return { rules }
}
