/**
 * What the commands for the master key share: they ask the daemon, or, where none is running, do it themselves on the store.
 */

import { isNobody, type ControlClient } from '../control/client.ts'
import type { KeyStatus } from '../control/protocol.ts'
import { R2dError } from '../errors.ts'
import type { Home } from '../home.ts'
import { R2dCommand } from './r2d-command.ts'
import { readHidden } from './secret-input.ts'

export type Offline = typeof import('../../daemon/offline-store.ts')

/** What a source of the key may need. */
export interface KeyVariables {
  masterKey: string | undefined
  passphrase: string | undefined
}

export abstract class KeyCommand extends R2dCommand {
  protected async ask<Result>(
    home: Home,
    {
      online,
      offline
    }: {
      online: (control: ControlClient) => Promise<Result>
      offline: (store: Offline, variables: KeyVariables) => Promise<Result>
    }
  ): Promise<Result> {
    const control = this.control({ home: home.path })
    try {
      return await online(control)
    } catch (error) {
      if (!isNobody(error)) throw error
      const store = await this.offline()
      return await offline(store, await this.keyVariables(home, store))
    }
  }

  /** The engine and what reads it: loaded when it is needed, so that no other command waits for it. */
  protected async offline(): Promise<Offline> {
    return import('../../daemon/offline-store.ts')
  }

  /** From the environment; a passphrase that is needed and not there is asked for. */
  protected async keyVariables(home: Home, store: Offline): Promise<KeyVariables> {
    const variables = store.takeKeyVariables()
    const isAsked =
      variables.masterKey === undefined &&
      variables.passphrase === undefined &&
      process.stdin.isTTY &&
      (await store.isFileUnderPassphrase(home))
    return isAsked ? { ...variables, passphrase: await readHidden('Passphrase: ') } : variables
  }

  /** The key file under another passphrase, or, if `next` is undefined, under none. */
  protected async changePassphrase(
    home: Home,
    wasUnderPassphrase: boolean,
    readNext: () => Promise<string | undefined>
  ): Promise<KeyStatus> {
    const store = await this.offline()
    const isUnder = await store.isFileUnderPassphrase(home)
    if (isUnder !== wasUnderPassphrase) {
      throw new R2dError(
        'R2D_INVALID_CONFIG',
        `${home.masterKeyFile} is under ${isUnder ? 'a' : 'no'} passphrase`,
        { hint: `Use: r2d key passphrase ${isUnder ? 'change, or remove' : 'set'}` }
      )
    }

    const variables = await this.keyVariables(home, store)
    const current = isUnder ? variables.passphrase : undefined
    const next = await readNext()
    const change = {
      ...(current === undefined ? {} : { current }),
      ...(next === undefined ? {} : { next })
    }
    const status = await this.ask(home, {
      online: control => control.changePassphrase(change),
      offline: () =>
        store.changePassphraseOffline(home, { ...variables, passphrase: current }, next)
    })
    this.say(
      next === undefined
        ? 'The key file is under no passphrase now'
        : 'The key file is under the new passphrase now: give it at every start, in R2D_PASSPHRASE or R2D_PASSPHRASE_FILE'
    )
    return status
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
