/**
 * The control server's answers about trash: src/control/trash-protocol.ts says which there are.
 */

import type {
  EmptiedTrash,
  TrashPage,
  TrashPolicyDocument,
  UndoAnswer
} from '../src/control/trash-protocol.ts'
import { R2dError } from '../src/errors.ts'
import {
  emptyTrash,
  getTrashPolicy,
  listTrash,
  restoreFromTrash,
  setTrashPolicy,
  trashSecondsMax,
  undo,
  type TrashContext,
  type TrashPolicy
} from '../src/objects/trash.ts'

const textSizeMax = 8192

/** Undefined if the request is about something else. `read`: the document that came with it. */
export async function answerTrash(
  trash: TrashContext,
  request: string,
  read: () => Promise<unknown>
): Promise<unknown> {
  switch (request) {
    case 'POST /v1/trash/policy':
      return toPolicy(await getTrashPolicy(trash, text(fieldsOf(await read()), 'bucket')))
    case 'POST /v1/trash/policy/set':
      return setPolicy(trash, fieldsOf(await read()))
    case 'POST /v1/trash/list':
      return list(trash, fieldsOf(await read()))
    case 'POST /v1/trash/restore': {
      const fields = fieldsOf(await read())
      await restoreFromTrash(trash, { bucket: text(fields, 'bucket'), id: text(fields, 'id') })
      return {}
    }
    case 'POST /v1/trash/empty':
      return empty(trash, fieldsOf(await read()))
    case 'POST /v1/undo':
      return undoStep(trash, fieldsOf(await read()))
  }
  return undefined
}

async function setPolicy(trash: TrashContext, fields: Fields): Promise<TrashPolicyDocument> {
  const mode = (['off', 'keep', 'shred'] as const).find(each => each === fields.get('mode'))
  if (mode === undefined) throw invalid('mode is not off, keep or shred')
  const seconds = mode === 'keep' ? Number(fields.get('seconds')) : 0
  const isFine = Number.isInteger(seconds) && seconds >= (mode === 'keep' ? 1 : 0)
  if (!isFine || seconds > trashSecondsMax) throw invalid('seconds is out of range')

  return toPolicy(await setTrashPolicy(trash, text(fields, 'bucket'), { mode, seconds }))
}

function toPolicy({ mode, seconds, since, objects, bytes }: TrashPolicy): TrashPolicyDocument {
  return { mode, seconds, ...(since === 0 ? {} : { since: iso(since) }), objects, bytes }
}

async function list(trash: TrashContext, fields: Fields): Promise<TrashPage> {
  const { objects, next } = await listTrash(trash, parseStep(fields))
  const shown = objects.map(({ since, removed, expires, ...object }) => ({
    ...object,
    since: iso(since),
    removed: iso(removed),
    expires: iso(expires)
  }))
  return { objects: shown, ...(next === undefined ? {} : { next }) }
}

async function empty(trash: TrashContext, fields: Fields): Promise<EmptiedTrash> {
  const { next, ...gone } = await emptyTrash(trash, parseStep(fields))
  return { ...gone, ...(next === undefined ? {} : { next }) }
}

async function undoStep(trash: TrashContext, fields: Fields): Promise<UndoAnswer> {
  const begun = fields.has('begun') ? time(fields, 'begun') : trash.now()
  const { next, ...done } = await undo(trash, {
    ...parseStep(fields),
    asOf: time(fields, 'asOf'),
    begun,
    isDry: fields.get('isDry') === true
  })
  return { ...done, begun: iso(begun), ...(next === undefined ? {} : { next }) }
}

type Fields = ReadonlyMap<string, unknown>

function fieldsOf(document: unknown): Fields {
  return new Map<string, unknown>(Object.entries(document ?? {}))
}

function parseStep(fields: Fields): { bucket: string; prefix: string; after: string | undefined } {
  const prefix = fields.get('prefix') === '' ? '' : text(fields, 'prefix')
  const after = fields.has('after') ? text(fields, 'after') : undefined
  return { bucket: text(fields, 'bucket'), prefix, after }
}

function text(fields: Fields, name: string): string {
  const value = fields.get(name)
  const isFine = typeof value === 'string' && value !== '' && value.isWellFormed()
  if (isFine && value.length <= textSizeMax) return value

  throw invalid(`${name} is not a text`)
}

function time(fields: Fields, name: string): number {
  const value = Date.parse(text(fields, name))
  if (Number.isSafeInteger(value) && value >= 0) return value

  throw invalid(`${name} is not a time`)
}

function iso(time: number): string {
  return new Date(time).toISOString()
}

function invalid(reason: string): R2dError {
  return new R2dError('R2D_INVALID_CONFIG', `The request is not valid: ${reason}`)
}
