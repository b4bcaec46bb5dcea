/**
 * Many transfers, some at once: what one failed is said, and the others go on.
 */

import { unlink } from 'node:fs/promises'
import type { ObjectClient } from '../control/object-client.ts'
import { R2dError } from '../errors.ts'
import { formatRemote, parseAddress, type Address } from './address.ts'
import { Progress } from './progress.ts'
import { planOne, planRecursive, run, type Transfer } from './transfer.ts'

export interface TransferResult {
  copied: number
  failed: number
  /** Of those copied. */
  bytes: number
  errors: { source: string; message: string }[]
}

export interface TransfersOptions {
  concurrency: number
  /** Bytes of a part of what is larger. */
  partSize: number
  isShown: boolean
  say: (text: string) => void
}

export class Transfers {
  readonly #client: ObjectClient
  readonly #options: TransfersOptions
  readonly #progress: Progress

  constructor(client: ObjectClient, options: TransfersOptions) {
    this.#client = client
    this.#options = options
    this.#progress = new Progress(options)
  }

  copy(source: string, target: string, options: { isRecursive: boolean }): Promise<TransferResult> {
    return this.#runAll(source, target, options, transfer => this.#run(transfer))
  }

  /** A source is deleted once its copy is durable. */
  move(source: string, target: string, options: { isRecursive: boolean }): Promise<TransferResult> {
    return this.#runAll(source, target, options, async transfer => {
      if (format(transfer.source) === format(transfer.target)) return
      await this.#run(transfer)
      if (transfer.source.kind === 'local') await unlink(transfer.source.path)
      if (transfer.source.kind === 'remote') {
        await this.#client.delete(transfer.source.bucket, [transfer.source.key])
      }
    })
  }

  async #runAll(
    sourceText: string,
    targetText: string,
    { isRecursive }: { isRecursive: boolean },
    each: (transfer: Transfer) => Promise<void>
  ): Promise<TransferResult> {
    const source = parseAddress(sourceText)
    const target = parseAddress(targetText)
    const result: TransferResult = { copied: 0, failed: 0, bytes: 0, errors: [] }
    if (!isRecursive) {
      const transfer = await planOne(source, target, this.#client)
      this.#progress.expect(transfer.size ?? 0)
      await each(transfer)
      this.#finish(transfer, result)
      return result
    }

    // Said once, and not for every file.
    if (target.kind === 'remote') await this.#client.requireBucket(target.bucket)
    const running = new Set<Promise<void>>()
    for await (const transfer of planRecursive(source, target, this.#client)) {
      this.#progress.expect(transfer.size ?? 0)
      const attempt = this.#attempt(transfer, each, result).finally(() => running.delete(attempt))
      running.add(attempt)
      if (running.size >= this.#options.concurrency) await Promise.race(running)
    }
    await Promise.all(running)
    this.#progress.clear()
    this.#options.say(`${result.copied} copied, ${result.failed} failed`)
    return result
  }

  async #attempt(
    transfer: Transfer,
    each: (transfer: Transfer) => Promise<void>,
    result: TransferResult
  ): Promise<void> {
    try {
      await each(transfer)
      this.#finish(transfer, result)
    } catch (error) {
      // Without a daemon there is nothing to go on with.
      if (error instanceof R2dError && error.code === 'R2D_UNREACHABLE') throw error
      const message = error instanceof Error ? error.message : String(error)
      result.failed++
      result.errors.push({ source: format(transfer.source), message })
      this.#progress.clear()
      process.stderr.write(`r2d: ${format(transfer.source)}: ${message}\n`)
    }
  }

  async #run(transfer: Transfer): Promise<void> {
    const { partSize } = this.#options
    await run(transfer, this.#client, { partSize, progress: this.#progress })
  }

  #finish(transfer: Transfer, result: TransferResult): void {
    result.copied++
    result.bytes += transfer.size ?? 0
    this.#progress.finishFile()
    this.#progress.clear()
    this.#options.say(`${format(transfer.source)} -> ${format(transfer.target)}`)
  }
}

function format(address: Address): string {
  switch (address.kind) {
    case 'remote':
      return formatRemote(address)
    case 'local':
      return address.path
    case 'standard':
      return '-'
  }
}
