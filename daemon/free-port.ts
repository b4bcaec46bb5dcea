/**
 * Threads share the port by SO_REUSEPORT, which another daemon of the same user could join, and get half of the
 * requests. A listener without the option finds out whether anybody is there.
 */

import { once } from 'node:events'
import net from 'node:net'
import { R2dError } from '../src/errors.ts'
import { errnoOf } from '../src/file.ts'
import type { DaemonSettings } from './daemon-settings.ts'

export async function requireFreePort({
  host,
  port
}: Pick<DaemonSettings, 'host' | 'port'>): Promise<void> {
  if (port === 0) return

  const probe = net.createServer()
  probe.listen({ host, port })
  try {
    await once(probe, 'listening')
  } catch (error) {
    const reason = errnoOf(error) === 'EADDRINUSE' ? 'the port is in use' : String(error)
    throw new R2dError('R2D_INVALID_CONFIG', `Cannot listen on ${host}:${port}: ${reason}`, {
      cause: error,
      hint: 'Stop what uses the port, or choose another one with --port or R2D_S3_PORT'
    })
  }
  probe.close()
  await once(probe, 'close')
}
