/**
 * The control server's answers about volumes, locations and replicas: src/control/volume-protocol.ts says which there are.
 */

import { isAbsolute, normalize } from 'node:path'
import type {
  AddVolumeDocument,
  LocationStatus,
  RepairVolumeAnswer,
  RepairVolumeDocument,
  VolumeDetail,
  VolumeDocument
} from '../src/control/volume-protocol.ts'
import { R2dError } from '../src/errors.ts'
import type { Daemon } from './daemon.ts'
import type { VolumeRow } from './volume-rows.ts'

/** Undefined if the request is about something else. `read`: the document that came with it. */
export async function answerVolumes(
  daemon: Daemon,
  request: string,
  read: () => Promise<unknown>
): Promise<unknown> {
  switch (request) {
    case 'GET /v1/volumes':
      return (await daemon.administration.rows()).map(row => toDocument(daemon, row))
    case 'POST /v1/volumes/add':
      return add(daemon, parseAdd(fieldsOf(await read())))
    case 'POST /v1/volumes/drain':
      return order(daemon, await read(), number => daemon.administration.drain(number))
    case 'POST /v1/volumes/undrain':
      return order(daemon, await read(), number => daemon.administration.undrain(number))
    case 'POST /v1/volumes/remove':
      return remove(daemon, fieldsOf(await read()))
    case 'POST /v1/volumes/repair':
      return repair(daemon, parseRepair(fieldsOf(await read())))
    case 'GET /v1/locations':
      return daemon.policies.locations()
    case 'POST /v1/locations/set':
      return setLocation(daemon, fieldsOf(await read()))
    case 'POST /v1/buckets/replicas':
      return daemon.policies.bucket(text(fieldsOf(await read()), 'bucket'))
    case 'POST /v1/buckets/replicas/set':
      return setBucket(daemon, fieldsOf(await read()))
  }

  const [, number] = /^GET \/v1\/volumes\/(\d{1,9})$/.exec(request) ?? []
  return number === undefined ? undefined : detail(daemon, Number(number))
}

async function add(
  daemon: Daemon,
  { path, location, failureDomain }: AddVolumeDocument
): Promise<VolumeDocument> {
  const number = await daemon.administration.add({
    path,
    location: location ?? daemon.store.record.defaultLocation,
    failureDomain: failureDomain ?? ''
  })
  return documentOf(daemon, number)
}

async function order(
  daemon: Daemon,
  document: unknown,
  carryOut: (number: number) => Promise<void>
): Promise<VolumeDocument> {
  const number = integer(fieldsOf(document), 'number')
  await carryOut(number)
  return documentOf(daemon, number)
}

async function remove(daemon: Daemon, fields: Fields): Promise<VolumeDocument> {
  const number = integer(fields, 'number')
  if (flag(fields, 'isForced')) {
    await daemon.administration.forget(number, { acceptsLoss: flag(fields, 'acceptsLoss') })
  } else {
    await daemon.administration.remove(number)
  }
  return documentOf(daemon, number)
}

async function repair(
  daemon: Daemon,
  { number, acceptsLoss }: RepairVolumeDocument
): Promise<RepairVolumeAnswer> {
  const result = await daemon.administration.repair(number, { acceptsLoss })
  const by = result.outcome === 'replaced' ? result.by : number
  return { outcome: result.outcome, volume: await documentOf(daemon, by) }
}

async function detail(daemon: Daemon, number: number): Promise<VolumeDetail> {
  const row = await daemon.administration.row(number)
  await daemon.volumes.refreshSpace()
  const contents = await daemon.administration.contents(number)
  return { ...toDocument(daemon, row), id: row.id.toString('hex'), ...contents }
}

async function setLocation(daemon: Daemon, fields: Fields): Promise<LocationStatus[]> {
  await daemon.policies.setLocation(text(fields, 'name'), {
    replicaCount: integer(fields, 'replicaCount'),
    replicaCountMin: integer(fields, 'replicaCountMin')
  })
  return daemon.policies.locations()
}

function setBucket(daemon: Daemon, fields: Fields): Promise<unknown> {
  const policy = fields.has('replicaCount')
    ? {
        replicaCount: integer(fields, 'replicaCount'),
        replicaCountMin: integer(fields, 'replicaCountMin')
      }
    : undefined
  return daemon.policies.setBucket(text(fields, 'bucket'), policy)
}

async function documentOf(daemon: Daemon, number: number): Promise<VolumeDocument> {
  return toDocument(daemon, await daemon.administration.row(number))
}

function toDocument(daemon: Daemon, row: VolumeRow): VolumeDocument {
  const { number, directory: path, location, failureDomain, state } = row
  // One that is lost may share its directory with the one that took its place.
  const volume = state === 'lost' ? undefined : daemon.volumes.byNumber(number)
  return {
    number,
    path,
    location,
    failureDomain,
    state: volume?.state ?? (state === 'leaving' ? 'draining' : state),
    ...(volume?.reason === undefined ? {} : { reason: volume.reason }),
    free: volume?.free ?? 0,
    total: volume?.total ?? 0,
    faults: daemon.faults.ofVolume(number)
  }
}

type Fields = ReadonlyMap<string, unknown>

function fieldsOf(document: unknown): Fields {
  return new Map<string, unknown>(Object.entries(document ?? {}))
}

function parseAdd(fields: Fields): AddVolumeDocument {
  const path = text(fields, 'path')
  if (!isAbsolute(path) || path.includes('\0')) throw invalid('path is not an absolute path')

  return {
    path: normalize(path).replace(/(?<=.)\/+$/, ''),
    ...(fields.has('location') ? { location: text(fields, 'location') } : {}),
    ...(fields.has('failureDomain') ? { failureDomain: text(fields, 'failureDomain') } : {})
  }
}

function parseRepair(fields: Fields): RepairVolumeDocument {
  return { number: integer(fields, 'number'), acceptsLoss: flag(fields, 'acceptsLoss') }
}

/** What a row can hold. */
const textSizeMax = 4096

function text(fields: Fields, name: string): string {
  const value = fields.get(name)
  if (typeof value === 'string' && value !== '' && value.isWellFormed()) {
    if (value.length <= textSizeMax) return value
  }
  throw invalid(`${name} is not a text`)
}

function integer(fields: Fields, name: string): number {
  const value = fields.get(name)
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 0xffff_ffff) {
    return value
  }
  throw invalid(`${name} is not a number from 1 on`)
}

function flag(fields: Fields, name: string): boolean {
  const value = fields.get(name) ?? false
  if (typeof value === 'boolean') return value

  throw invalid(`${name} is neither true nor false`)
}

function invalid(reason: string): R2dError {
  return new R2dError('R2D_INVALID_CONFIG', reason)
}
