/**
 * Who owns everything: the store is one account.
 */

import type { XmlElement } from './xml.ts'

export const ownerId = 'r2d'

export const owner: readonly [name: string, content: XmlElement[]] = [
  'Owner',
  [
    ['ID', ownerId],
    ['DisplayName', ownerId]
  ]
]
