/**
 * The client of the control socket.
 */

import { once } from 'node:events'
import http from 'node:http'
import { R2dError, type ErrorCode } from '../errors.ts'
import { errnoOf } from '../file.ts'
import type { Home } from '../home.ts'
import type {
  AccessKeyDocument,
  CredentialDocument,
  ErrorDocument,
  KeyStatus,
  NewAccessKeyDocument,
  PassphraseDocument,
  PresignDocument,
  ScrubStatus,
  SnapshotsDocument,
  Status
} from './protocol.ts'

/** Little of what is asked here takes long. */
const timeoutMs = 10_000
/** What derives a key from a passphrase does, on a busy machine more so. */
const keyTimeoutMs = 120_000

/** R2D_UNREACHABLE when nobody listens. */
export class ControlClient {
  readonly #socketPath: string

  constructor(home: Pick<Home, 'controlSocket'>) {
    this.#socketPath = home.controlSocket
  }

  status(): Promise<Status> {
    return this.#ask<Status>('GET', '/v1/status')
  }

  async stop(): Promise<void> {
    await this.#ask('POST', '/v1/stop', {})
  }

  async requestSnapshot(): Promise<number> {
    const { request } = await this.#ask<{ request: number }>('POST', '/v1/snapshots', {})
    return request
  }

  snapshots(): Promise<SnapshotsDocument> {
    return this.#ask<SnapshotsDocument>('GET', '/v1/snapshots')
  }

  credentials(): Promise<CredentialDocument[]> {
    return this.#ask<CredentialDocument[]>('GET', '/v1/credentials')
  }

  async presign(request: PresignDocument): Promise<string> {
    const { url } = await this.#ask<{ url: string }>('POST', '/v1/presign', request)
    return url
  }

  accessKeys(): Promise<AccessKeyDocument[]> {
    return this.#ask<AccessKeyDocument[]>('GET', '/v1/access-keys')
  }

  /** The only time that the secret is shown. */
  createAccessKey(document: NewAccessKeyDocument): Promise<CredentialDocument> {
    return this.#ask<CredentialDocument>('POST', '/v1/access-keys', document)
  }

  /** Refused by every thread on return. */
  async revokeAccessKey(accessKeyId: string): Promise<void> {
    await this.#ask('POST', '/v1/access-keys/revoke', { accessKeyId })
  }

  scrub(): Promise<ScrubStatus> {
    return this.#ask<ScrubStatus>('GET', '/v1/scrub')
  }

  orderScrub(order: 'start' | 'pause' | 'resume'): Promise<ScrubStatus> {
    return this.#ask<ScrubStatus>('POST', `/v1/scrub/${order}`, {})
  }

  key(): Promise<KeyStatus> {
    return this.#ask<KeyStatus>('GET', '/v1/key', undefined, keyTimeoutMs)
  }

  rotateKey(): Promise<KeyStatus> {
    return this.#ask<KeyStatus>('POST', '/v1/key/rotate', {}, keyTimeoutMs)
  }

  changePassphrase(change: PassphraseDocument): Promise<KeyStatus> {
    return this.#ask<KeyStatus>('POST', '/v1/key/passphrase', change, keyTimeoutMs)
  }

  #ask<T>(method: 'GET' | 'POST', path: string, document?: object, wait = timeoutMs): Promise<T> {
    return askControl<T>(this.#socketPath, { method, path, document, timeoutMs: wait })
  }
}

export interface ControlQuestion {
  method: 'GET' | 'POST'
  path: string
  document: object | undefined
  /** Without a sign of life. */
  timeoutMs: number
}

/** Rejects with what the daemon answers instead, or R2D_UNREACHABLE. */
export async function askControl<T>(
  socketPath: string,
  { method, path, document, timeoutMs: timeout }: ControlQuestion
): Promise<T> {
  const body = document === undefined ? undefined : JSON.stringify(document)
  const request = http.request({
    socketPath,
    method,
    path,
    timeout,
    headers: { 'content-type': 'application/json' }
  })
  request.on('timeout', () => request.destroy(new Error('The daemon does not answer')))
  request.end(body)

  let text = ''
  let status: number
  try {
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    status = response.statusCode ?? 0
    for await (const piece of response) text += String(piece)
  } catch (error) {
    throw unreachable(error)
  }

  // The other side is the daemon of the same release: its documents have their types.
  const answer = JSON.parse(text) as T | ErrorDocument
  if (status < 400) return answer as T
  const { code, message, hint } = answer as ErrorDocument
  throw new R2dError(code as ErrorCode, message, hint === undefined ? {} : { hint })
}

/** Whether nobody listens: one that does not answer in time is running all the same. */
export function isNobody(error: unknown): boolean {
  if (!(error instanceof R2dError) || error.code !== 'R2D_UNREACHABLE') return false
  return ['ENOENT', 'ECONNREFUSED'].includes(errnoOf(error.cause) ?? '')
}

/** A socket that is there and that nobody answers is what a daemon leaves that was not stopped. */
export function unreachable(error: unknown): R2dError {
  const errno = errnoOf(error)
  const [message, hint] =
    errno === 'ENOENT'
      ? [nobody, 'Start it with: r2d daemon start, or r2d up to stay in the foreground']
      : errno === 'ECONNREFUSED'
        ? [
            `${nobody}: the last one was killed, or its machine went down`,
            'Nothing acknowledged is lost. Start it again with: r2d daemon start'
          ]
        : ['The daemon cannot be reached', 'See r2d daemon logs']

  return new R2dError('R2D_UNREACHABLE', message, { cause: error, hint })
}

const nobody = 'No daemon is running on this home directory'
