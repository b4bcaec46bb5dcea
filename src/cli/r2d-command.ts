/**
 * What every command has: the home directory, the daemon's clients, and one way to fail.
 *
 * Data goes to standard output and everything else to standard error. A failure is one line that says what, and one that says
 * what to do next; the stack is for `DEBUG=r2d`.
 */

import { Command, Flags } from '@oclif/core'
import { ControlClient } from '../control/client.ts'
import { ObjectClient } from '../control/object-client.ts'
import { VolumeClient } from '../control/volume-client.ts'
import { R2dError } from '../errors.ts'
import { resolveHome, type Home } from '../home.ts'
import { exitCodeOf } from './exit-code.ts'

export abstract class R2dCommand extends Command {
  static override baseFlags = {
    home: Flags.directory({
      description: 'Home directory of the daemon',
      env: 'R2D_HOME',
      helpGroup: 'GLOBAL'
    })
  }

  /** What `--home` or the environment says. */
  protected home(flags: { home?: string | undefined }): Home {
    return resolveHome({
      ...process.env,
      ...(flags.home === undefined ? {} : { R2D_HOME: flags.home })
    })
  }

  protected control(flags: { home?: string | undefined }): ControlClient {
    return new ControlClient(this.home(flags))
  }

  protected volumes(flags: { home?: string | undefined }): VolumeClient {
    return new VolumeClient(this.home(flags))
  }

  /** The object sockets of the running daemon. */
  protected async objects(flags: { home?: string | undefined }): Promise<ObjectClient> {
    const { sockets } = await this.control(flags).status()
    return new ObjectClient(sockets)
  }

  /** A line for a person who watches. */
  protected say(text: string): void {
    process.stderr.write(`${text}\n`)
  }

  protected override async catch(error: Error & { exitCode?: number }): Promise<unknown> {
    if (!(error instanceof R2dError)) return super.catch(error)

    const { code, message, hint } = error
    if (this.jsonEnabled()) {
      this.logJson({ error: { code, message, ...(hint === undefined ? {} : { hint }) } })
    } else {
      process.stderr.write(`r2d: ${message}\n${hint === undefined ? '' : `${hint}\n`}`)
    }
    if (process.env['DEBUG'] !== undefined) process.stderr.write(`${error.stack ?? ''}\n`)
    return this.exit(exitCodeOf(code))
  }
}
