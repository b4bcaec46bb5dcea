/**
 * What `cp` and `mv` share: their flags, and how they run.
 */

import { Args, Flags, type Interfaces } from '@oclif/core'
import { R2dError } from '../errors.ts'
import { partSizeMin, putSizeMax } from '../limits.ts'
import { parseSize } from './quantity.ts'
import { R2dCommand } from './r2d-command.ts'
import { Transfers, type TransferResult } from './transfers.ts'
import { partSizeDefault } from './upload.ts'

const flags = {
  recursive: Flags.boolean({ char: 'r', description: 'Everything under a directory or prefix' }),
  concurrency: Flags.integer({
    description: 'Transfers at once',
    default: 8,
    min: 1,
    max: 64,
    env: 'R2D_CONCURRENCY'
  }),
  'part-size': Flags.custom<number>({
    description: 'Files larger than this are sent in parts of it, some at once [default: 256MiB]',
    parse: text => Promise.resolve(parsePartSize(text)),
    env: 'R2D_PART_SIZE'
  })(),
  progress: Flags.boolean({
    description: 'Show progress, on a terminal',
    default: true,
    allowNo: true,
    env: 'R2D_PROGRESS'
  }),
  quiet: Flags.boolean({ char: 'q', description: 'Say nothing but errors', env: 'R2D_QUIET' })
}

type TransferFlags = Interfaces.InferredFlags<typeof flags> & { home?: string | undefined }

/** Named by each command: the parser of @oclif/core does not look at what a class inherits. */
export const transferArguments = {
  source: Args.string({ description: 'File, directory, object, prefix or -', required: true }),
  target: Args.string({ description: 'File, directory, object, prefix or -', required: true })
}

export abstract class TransferCommand extends R2dCommand {
  static override enableJsonFlag = true
  static override flags = flags

  /** Exit code 1 if any transfer failed. */
  protected async transfer(
    given: TransferFlags,
    work: (transfers: Transfers, options: { isRecursive: boolean }) => Promise<TransferResult>
  ): Promise<TransferResult> {
    const { concurrency, progress, quiet, recursive: isRecursive } = given
    const partSize = given['part-size'] ?? partSizeDefault
    const client = await this.objects(given)
    const transfers = new Transfers(client, {
      concurrency,
      partSize,
      isShown: progress && !this.jsonEnabled(),
      say: text => {
        if (!this.jsonEnabled() && !quiet) this.say(text)
      }
    })
    try {
      const result = await work(transfers, { isRecursive })
      if (result.failed > 0) process.exitCode = 1
      return result
    } finally {
      client.close()
    }
  }
}

/** A part must have at least what S3 asks of all but the last, and at most what one request takes. */
function parsePartSize(text: string): number {
  const size = parseSize(text)
  if (size !== undefined && size >= partSizeMin && size <= putSizeMax) return size

  throw new R2dError('R2D_INVALID_CONFIG', `${JSON.stringify(text)} is no size of a part`, {
    hint: 'Give 5MiB to 5GiB'
  })
}
