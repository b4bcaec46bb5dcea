import { createReadStream, existsSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { pipeline } from 'node:stream/promises'
import { Flags } from '@oclif/core'
import { R2dCommand } from '../../src/cli/r2d-command.ts'
import { R2dError } from '../../src/errors.ts'

const followIntervalMs = 250

export default class DaemonLogs extends R2dCommand {
  static override summary = 'Show what the daemon in the background has logged'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --lines 100',
    '<%= config.bin %> <%= command.id %> --follow'
  ]
  static override flags = {
    lines: Flags.integer({ char: 'n', description: 'How many, from the end', default: 50, min: 0 }),
    follow: Flags.boolean({ char: 'f', description: 'Go on as lines are written' })
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(DaemonLogs)
    const { logFile } = this.home(flags)
    if (!existsSync(logFile)) {
      throw new R2dError('R2D_NO_SUCH_KEY', `There is no log ${logFile}`, {
        hint: 'A daemon in the foreground logs to its standard error'
      })
    }
    const text = await readFile(logFile, 'utf8')
    const lines = text.split('\n').slice(0, -1)
    for (const line of lines.slice(Math.max(0, lines.length - flags.lines))) this.log(line)
    if (!flags.follow) {
      await this.control(flags)
        .status()
        .catch((error: unknown) => {
          if (error instanceof R2dError) this.say(`r2d: ${error.message}\n${error.hint ?? ''}`)
        })
      return
    }

    let shown = Buffer.byteLength(text)
    for (;;) {
      const { size } = statSync(logFile)
      // Shorter than what was shown: it is another file by now.
      if (size < shown) shown = 0
      if (size > shown) {
        await pipeline(createReadStream(logFile, { start: shown, end: size - 1 }), process.stdout, {
          end: false
        })
        shown = size
      }
      await delay(followIntervalMs)
    }
  }
}
