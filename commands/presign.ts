import { Args, Flags } from '@oclif/core'
import { parseObject } from '../src/cli/address.ts'
import { R2dCommand } from '../src/cli/r2d-command.ts'
import { R2dError } from '../src/errors.ts'

const methods = ['GET', 'HEAD', 'PUT', 'DELETE'] as const
const secondsOf: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 }

export default class Presign extends R2dCommand {
  static override summary = 'Make a URL that anybody can use until it expires'
  static override examples = [
    '<%= config.bin %> <%= command.id %> r2://pictures/a.jpg',
    '<%= config.bin %> <%= command.id %> r2://inbox/report.pdf --method PUT --expires 15m'
  ]
  static override aliases = ['bucket:presign', 'object:presign']
  static override enableJsonFlag = true
  static override args = { object: Args.string({ description: 'Object', required: true }) }
  static override flags = {
    method: Flags.option({ options: methods, default: 'GET' as const })({
      char: 'X',
      description: 'What the URL allows'
    }),
    expires: Flags.string({
      char: 'e',
      description: 'How long: a number with s, m, h or d; at most 7d',
      default: '1h'
    })
  }

  async run(): Promise<{ url: string }> {
    const { args, flags } = await this.parse(Presign)
    const { bucket, key } = parseObject(args.object)
    const expiresSeconds = parseDuration(flags.expires)
    const url = await this.control(flags).presign({
      method: flags.method,
      bucket,
      key,
      expiresSeconds
    })
    this.log(url)
    return { url }
  }
}

function parseDuration(text: string): number {
  const match = /^(\d{1,7})([smhd]?)$/.exec(text)
  const seconds = match === null ? 0 : Number(match[1]) * (secondsOf[match[2] ?? ''] ?? 1)
  if (seconds >= 1 && seconds <= 604_800) return seconds

  throw new R2dError('R2D_INVALID_CONFIG', `${JSON.stringify(text)} is not a time of 1s to 7d`, {
    hint: 'Write it as 90s, 15m, 12h or 7d'
  })
}
