import { setTimeout as delay } from 'node:timers/promises'
import { KeyCommand } from '../../src/cli/key-command.ts'
import type { ControlClient } from '../../src/control/client.ts'
import type { KeyStatus } from '../../src/control/protocol.ts'

const pollMs = 100

export default class KeyRotate extends KeyCommand {
  static override summary = 'Give the store a new master key'
  static override description = `\
Everything that is wrapped under the master key is wrapped under a new one; no data is rewritten. It goes on while the store is served, \
and where it was left off if the daemon is killed. Without a running daemon it is done here.

A key file is rewritten by this command, under the passphrase that it is under. Where the key comes from R2D_MASTER_KEY, set it to two keys with a space \
between, a new one (r2d key generate) and the one in use, and restart the daemon: it rotates to the first; then leave the second out. Where it comes \
from a command, let that print two likewise, and run this.

Recovery sheets of the old key open nothing any more: print a new one with r2d key export.`
  static override examples = ['<%= config.bin %> <%= command.id %>']
  static override enableJsonFlag = true

  async run(): Promise<KeyStatus> {
    const { flags } = await this.parse(KeyRotate)
    const home = this.home(flags)
    const status = await this.ask(home, {
      online: async control => {
        const begun = await control.rotateKey()
        return begun.rotation === undefined ? begun : this.untilDone(control, begun)
      },
      offline: (store, variables) => store.rotateOffline(home, variables)
    })
    this.say(`The master key of the store is ${status.keyId} now`)
    this.say('Recovery sheets of the one before it are of no use any more: r2d key export')
    return status
  }

  private async untilDone(control: ControlClient, begun: KeyStatus): Promise<KeyStatus> {
    let shown: string | undefined
    for (let status = begun; ; status = await control.key()) {
      if (status.rotation === undefined) return status
      const { problem } = status.rotation
      if (problem !== undefined && problem !== shown) this.say(`It waits: ${problem}`)
      shown = problem
      await delay(pollMs)
    }
  }
}
