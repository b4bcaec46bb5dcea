/**
 * The control server: the other end of src/control/client.ts.
 */

import { once } from 'node:events'
import { chmodSync, rmSync } from 'node:fs'
import http, { type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type {
  CredentialDocument,
  ErrorDocument,
  KeyStatus,
  NewAccessKeyDocument,
  PassphraseDocument,
  PresignDocument,
  RepairStatus,
  Status
} from '../src/control/protocol.ts'
import { R2dError } from '../src/errors.ts'
import { presign } from '../src/gateway/auth/presign.ts'
import { createCredential, type Credential } from '../src/objects/credential-catalog.ts'
import { version } from '../src/version.ts'
import type { Daemon } from './daemon.ts'
import { answerTrash } from './trash-control.ts'
import { answerVolumes } from './volume-control.ts'

const documentSizeMax = 64 * 1024
/** R2 has no such limit; what is listed is held in memory. */
const accessKeyCountMax = 1000
const descriptionLengthMax = 256
const presignExpiresMax = 7 * 24 * 60 * 60

export interface ControlOptions {
  daemon: Daemon
  homePath: string
  socketPath: string
  /** Asked for by a client; called after it was answered. */
  onStop: () => void
}

export async function startControlServer(options: ControlOptions): Promise<Server> {
  const server = http.createServer((request, response) => {
    void answer(options, request, response)
  })
  const { socketPath } = options
  // Left by a process that was killed; the store's lock is held, so nobody listens on it.
  rmSync(socketPath, { force: true })
  server.listen({ path: socketPath })
  await once(server, 'listening')
  chmodSync(socketPath, 0o600)
  return server
}

async function answer(
  options: ControlOptions,
  request: IncomingMessage,
  response: ServerResponse
): Promise<void> {
  let status = 200
  let document: unknown
  try {
    document = await route(options, request)
  } catch (error) {
    status = error instanceof R2dError ? 400 : 500
    document = toErrorDocument(error)
  }
  const body = JSON.stringify(document)
  // The rest of a body that was refused is not read.
  if (status !== 200 && !request.complete) response.setHeader('connection', 'close')
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body)
  })
  response.end(body)
  if (request.url === '/v1/stop' && status === 200) response.on('close', options.onStop)
}

async function route(options: ControlOptions, request: IncomingMessage): Promise<unknown> {
  const what = `${request.method ?? ''} ${request.url ?? ''}`
  switch (what) {
    case 'GET /v1/status':
      return readStatus(options)
    case 'POST /v1/stop':
      return {}
    case 'POST /v1/snapshots':
      return { request: options.daemon.maintenance.requestSnapshot() }
    case 'GET /v1/snapshots':
      return options.daemon.maintenance.snapshots.status
    case 'GET /v1/credentials':
      return readCredentials(options)
    case 'POST /v1/presign':
      return { url: await presignFor(options, parsePresign(await readDocument(request))) }
    case 'GET /v1/access-keys':
      return (await readCredentials(options)).map(({ secretAccessKey: _, ...shown }) => shown)
    case 'POST /v1/access-keys':
      return createAccessKey(options, parseAccessKey(await readDocument(request)))
    case 'POST /v1/access-keys/revoke':
      return revokeAccessKey(options, parseAccessKeyId(await readDocument(request)))
    case 'GET /v1/scrub':
      return options.daemon.maintenance.integrity.scrubStatus()
    case 'POST /v1/scrub/start':
      return options.daemon.maintenance.integrity.orderScrub('start')
    case 'POST /v1/scrub/pause':
      return options.daemon.maintenance.integrity.orderScrub('pause')
    case 'POST /v1/scrub/resume':
      return options.daemon.maintenance.integrity.orderScrub('resume')
    case 'GET /v1/key':
      return options.daemon.masterKeys.status()
    case 'POST /v1/key/rotate':
      return options.daemon.masterKeys.rotate()
    case 'POST /v1/key/passphrase':
      return changePassphrase(options, parsePassphrases(await readDocument(request)))
  }

  const read = (): Promise<unknown> => readDocument(request)
  const answer =
    (await answerVolumes(options.daemon, what, read)) ??
    (await answerTrash(options.daemon.trash, what, read))
  if (answer !== undefined) return answer
  throw new R2dError('R2D_UNSUPPORTED_FORMAT', `The daemon has no ${request.url ?? ''}`, {
    hint: 'Restart the daemon if it is of another release than this program'
  })
}

async function readStatus({ daemon, homePath }: ControlOptions): Promise<Status> {
  const { store, volumes, space, serving, faults, settings, started, endpoint } = daemon
  await volumes.refreshSpace()

  return {
    version,
    pid: process.pid,
    started: new Date(started).toISOString(),
    home: homePath,
    endpoint,
    region: 'auto',
    engine: settings.engine,
    metadataDisk: daemon.disk.space,
    journal: { isOn: settings.hasJournal, snapshots: daemon.maintenance.snapshots.status },
    threads: serving.threadCount,
    threadsReplaced: serving.restartCount(),
    sockets: serving.socketPaths,
    storeId: store.record.id.toString('hex'),
    locations: await daemon.policies.locations(),
    volumes: volumes.all().map(volume => ({
      number: volume.number,
      path: volume.path,
      location: volume.location,
      failureDomain: volume.domain,
      state: volume.state,
      ...(volume.reason === undefined ? {} : { reason: volume.reason }),
      free: volume.free,
      total: volume.total,
      used: space.ofVolume(volume.number).used,
      dead: space.ofVolume(volume.number).dead,
      faults: faults.ofVolume(volume.number)
    })),
    repair: readRepair(daemon),
    scrub: await daemon.maintenance.integrity.scrubStatus(),
    counters: { ...serving.counters(), volumeFaults: faults.count },
    compaction: space.compaction,
    faults: faults.latest.map(({ time, ...fault }) => ({
      time: new Date(time).toISOString(),
      ...fault
    }))
  }
}

function readRepair({ maintenance: { integrity } }: Daemon): RepairStatus {
  const { secondsLeft, ...figures } = integrity.repairs.figures
  return { ...figures, ...(secondsLeft === undefined ? {} : { secondsLeft }) }
}

async function readCredentials({ daemon }: ControlOptions): Promise<CredentialDocument[]> {
  const credentials = await daemon.credentials.list()

  return credentials.map(toCredentialDocument)
}

function toCredentialDocument({
  accessKeyId,
  secret,
  description,
  created
}: Credential): CredentialDocument {
  return {
    accessKeyId,
    secretAccessKey: secret,
    description,
    created: new Date(created).toISOString()
  }
}

async function createAccessKey(
  { daemon }: ControlOptions,
  { description }: NewAccessKeyDocument
): Promise<CredentialDocument> {
  if ((await daemon.credentials.list()).length >= accessKeyCountMax) {
    throw new R2dError('R2D_INVALID_CONFIG', `There are ${accessKeyCountMax} access keys already`, {
      hint: 'Revoke some that are not used: r2d access-key rm'
    })
  }
  const { committer } = daemon.serving
  const now = Date.now()
  return toCredentialDocument(
    await createCredential(committer, daemon.store.keyring, { description, now })
  )
}

async function revokeAccessKey(
  { daemon }: ControlOptions,
  accessKeyId: string
): Promise<Record<string, never>> {
  await daemon.serving.committer.mutate('removeCredential', { accessKeyId })
  return {}
}

function parseAccessKey(document: unknown): NewAccessKeyDocument {
  const description = new Map<string, unknown>(Object.entries(document ?? {})).get('description')
  const isFine =
    typeof description === 'string' &&
    description.isWellFormed() &&
    description.length <= descriptionLengthMax
  if (!isFine) {
    throw new R2dError(
      'R2D_INVALID_CONFIG',
      `A description is a text of at most ${descriptionLengthMax} characters`
    )
  }
  return { description }
}

function parseAccessKeyId(document: unknown): string {
  const id = new Map<string, unknown>(Object.entries(document ?? {})).get('accessKeyId')
  if (typeof id === 'string' && /^[0-9a-zA-Z]{1,128}$/.test(id)) return id

  throw new R2dError('R2D_INVALID_CONFIG', 'An access key id is letters and digits')
}

async function presignFor(
  { daemon }: ControlOptions,
  { method, bucket, key, expiresSeconds }: PresignDocument
): Promise<string> {
  const [credential] = await daemon.credentials.list()
  if (credential === undefined) throw new R2dError('R2D_UNAVAILABLE', 'There is no access key')
  const { accessKeyId, secret } = credential
  const { endpoint } = daemon

  const now = Date.now()
  return presign({ endpoint, method, bucket, key, expiresSeconds, accessKeyId, secret, now })
}

async function changePassphrase(
  { daemon: { masterKeys } }: ControlOptions,
  { current, next }: PassphraseDocument
): Promise<KeyStatus> {
  await masterKeys.changePassphrase(current, next)
  return masterKeys.status()
}

function parsePassphrases(document: unknown): PassphraseDocument {
  const fields = new Map<string, unknown>(Object.entries(document ?? {}))
  const [current, next] = [fields.get('current'), fields.get('next')]
  if (!isPassphrase(current) || !isPassphrase(next)) {
    throw new R2dError('R2D_INVALID_CONFIG', 'A passphrase is a text that is not empty')
  }
  return {
    ...(current === undefined ? {} : { current }),
    ...(next === undefined ? {} : { next })
  }
}

function isPassphrase(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === 'string' && value !== '')
}

function parsePresign(document: unknown): PresignDocument {
  const fields = new Map<string, unknown>(Object.entries(document ?? {}))
  const [method, bucket, key] = [fields.get('method'), fields.get('bucket'), fields.get('key')]
  const expiresSeconds = Number(fields.get('expiresSeconds'))
  const isMethod = method === 'GET' || method === 'HEAD' || method === 'PUT' || method === 'DELETE'
  if (!isMethod || !isName(bucket) || !isName(key)) {
    throw new R2dError('R2D_INVALID_CONFIG', 'A presign request has a method, a bucket and a key')
  }
  if (
    !Number.isInteger(expiresSeconds) ||
    expiresSeconds < 1 ||
    expiresSeconds > presignExpiresMax
  ) {
    throw new R2dError(
      'R2D_INVALID_CONFIG',
      `A presigned URL expires after 1 to ${presignExpiresMax} seconds`
    )
  }
  return { method, bucket, key, expiresSeconds }
}

/** What a URL can hold. */
function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.isWellFormed()
}

async function readDocument(request: IncomingMessage): Promise<unknown> {
  let text = ''
  request.setEncoding('utf8')
  // What is refused in the middle is still to be answered: leaving the loop must not close the connection.
  for await (const piece of request.iterator({ destroyOnReturn: false })) {
    text += String(piece)
    if (text.length > documentSizeMax) {
      throw new R2dError('R2D_INVALID_CONFIG', 'The document is too large')
    }
  }
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw new R2dError('R2D_INVALID_CONFIG', 'The document is not JSON', { cause: error })
  }
}

function toErrorDocument(error: unknown): ErrorDocument {
  if (!(error instanceof R2dError)) {
    return { code: 'R2D_UNAVAILABLE', message: 'The daemon failed to answer; see its log' }
  }
  const { code, message, hint } = error
  return { code, message, ...(hint === undefined ? {} : { hint }) }
}
