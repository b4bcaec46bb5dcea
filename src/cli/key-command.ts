/**
 * What the commands for the master key share: they ask the daemon, or, where none is running, do it themselves on the store.
 */

import type { ControlClient } from '../control/client.ts'
import type { KeyStatus } from '../control/protocol.ts'
import { R2dError } from '../errors.ts'
import type { Home } from '../home.ts'
import { R2dCommand } from './r2d-command.ts'

type Offline = typeof import('../../daemon/offline-store.ts')

export abstract class KeyCommand extends R2dCommand {
  protected async ask<Result>(
    home: Home,
    {
      online,
      offline
    }: {
      online: (control: ControlClient) => Promise<Result>
      offline: (store: Offline) => Promise<Result>
    }
  ): Promise<Result> {
    const control = this.control({ home: home.path })
    try {
      return await online(control)
    } catch (error) {
      if (!(error instanceof R2dError && error.code === 'R2D_UNREACHABLE')) throw error
      // The engine and what reads it: loaded here, so that no other command waits for it.
      return await offline(await import('../../daemon/offline-store.ts'))
    }
  }

  protected showKey(status: KeyStatus): void {
    const { source, path, isUnderPassphrase, keyId, since, storeId, rotation } = status
    const from = {
      file: `${path ?? ''}, under ${isUnderPassphrase === true ? 'a' : 'no'} passphrase`,
      environment: 'R2D_MASTER_KEY',
      command: 'the command in key.command'
    }[source]
    const lines = [
      ['key', `${keyId}, since ${since}`],
      ['from', from],
      ['store', storeId]
    ]
    if (rotation !== undefined) {
      const { keyId: next, rows, problem } = rotation
      lines.push(['rotation', `to ${next} since ${rotation.since}, ${rows} rows looked at`])
      if (problem !== undefined) lines.push(['problem', problem])
    }
    for (const [name = '', value = ''] of lines) this.log(`${name.padEnd(11)}${value}`)
  }
}
