/**
 * Lifecycle rules as JSON, in the shape of Cloudflare's API and wrangler, and as S3's XML.
 *
 * Ages are seconds in the one and days in the other: one that is not whole days cannot be sent.
 */

import type { JsonReader } from './json-reader.ts'
import {
  childOf,
  childrenOf,
  textsOf,
  toXml,
  type XmlNode,
  type XmlParent
} from './xml-document.ts'

type ConditionJson = { type: 'Age'; maxAge: number } | { type: 'Date'; date: string }

export interface LifecycleRuleJson {
  id: string
  enabled: boolean
  conditions: { prefix?: string }
  deleteObjectsTransition?: { condition: ConditionJson }
  storageClassTransitions?: { condition: ConditionJson; storageClass: 'InfrequentAccess' }[]
  abortMultipartUploadsTransition?: { condition: ConditionJson }
}

const daySeconds = 86_400

export function lifecycleToXml(document: JsonReader): string {
  const { rules } = document.members(['rules'])
  const nodes = document.required(rules, 'rules').list().map(toNode)

  return toXml(['LifecycleConfiguration', nodes])
}

function toNode(rule: JsonReader): XmlNode {
  const members = rule.members([
    'id',
    'enabled',
    'conditions',
    'deleteObjectsTransition',
    'storageClassTransitions',
    'abortMultipartUploadsTransition'
  ])
  const { prefix } = members.conditions?.members(['prefix']) ?? {}
  const children: XmlNode[] = [
    ['ID', members.id?.text() ?? ''],
    ['Status', rule.required(members.enabled, 'enabled').boolean() ? 'Enabled' : 'Disabled'],
    ['Filter', [['Prefix', prefix?.text() ?? '']]]
  ]

  const expiration = members.deleteObjectsTransition
  if (expiration !== undefined)
    children.push(['Expiration', [toCondition(expiration, ['condition'])]])
  for (const transition of members.storageClassTransitions?.list() ?? []) {
    const { storageClass } = transition.members(['condition', 'storageClass'])
    const name = transition.required(storageClass, 'storageClass').text()
    children.push([
      'Transition',
      [
        toCondition(transition, ['condition', 'storageClass']),
        ['StorageClass', name === 'InfrequentAccess' ? 'STANDARD_IA' : name]
      ]
    ])
  }
  const abort = members.abortMultipartUploadsTransition
  if (abort !== undefined) {
    const [name, value] = toCondition(abort, ['condition'])
    if (name !== 'Days') throw abort.wrong('has a date; uploads are aborted by their age')
    children.push(['AbortIncompleteMultipartUpload', [['DaysAfterInitiation', value]]])
  }
  return ['Rule', children]
}

function toCondition(action: JsonReader, names: readonly string[]): XmlNode {
  const condition = action.required(action.members(names)['condition'], 'condition')
  const { type, maxAge, date } = condition.members(['type', 'maxAge', 'date'])
  const kind = condition.required(type, 'type')
  switch (kind.text()) {
    case 'Age': {
      const seconds = condition.required(maxAge, 'maxAge').number()
      if (seconds % daySeconds !== 0) {
        throw condition.wrong(`has a maxAge of ${seconds} seconds, which is not whole days`)
      }
      return ['Days', String(seconds / daySeconds)]
    }
    case 'Date':
      return ['Date', condition.required(date, 'date').text()]
    default:
      throw kind.wrong('is neither Age nor Date')
  }
}

export function lifecycleFromXml(xml: string): { rules: LifecycleRuleJson[] } {
  const rules = childrenOf(xml, 'LifecycleConfiguration', 'Rule').map(rule => {
    const [prefix = ''] = textsOf(childOf(rule, 'Filter') ?? {}, 'Prefix')
    const expiration = childOf(rule, 'Expiration')
    const transition = childOf(rule, 'Transition')
    const abort = childOf(rule, 'AbortIncompleteMultipartUpload')

    return {
      id: textsOf(rule, 'ID')[0] ?? '',
      enabled: textsOf(rule, 'Status')[0] === 'Enabled',
      conditions: prefix === '' ? {} : { prefix },
      ...(expiration && {
        deleteObjectsTransition: { condition: fromCondition(expiration, 'Days') }
      }),
      ...(transition && {
        storageClassTransitions: [
          {
            condition: fromCondition(transition, 'Days'),
            storageClass: 'InfrequentAccess' as const
          }
        ]
      }),
      ...(abort && {
        abortMultipartUploadsTransition: { condition: fromCondition(abort, 'DaysAfterInitiation') }
      })
    }
  })
  return { rules }
}

function fromCondition(action: XmlParent, days: string): ConditionJson {
  const [date] = textsOf(action, 'Date')
  if (date !== undefined) return { type: 'Date', date }

  return { type: 'Age', maxAge: Number(textsOf(action, days)[0]) * daySeconds }
}
