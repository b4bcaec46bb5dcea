/**
 * Progress of a transfer, on one line of a terminal; silent where standard error is none.
 */

import { formatSeconds, formatSize } from './quantity.ts'

/** Between two drawings, milliseconds. */
const drawIntervalMs = 125

export class Progress {
  readonly #isShown: boolean
  readonly #started = performance.now()
  #done = 0
  #total = 0
  #files = 0
  #drawn = 0

  constructor({ isShown }: { isShown: boolean }) {
    this.#isShown = isShown && process.stderr.isTTY
  }

  /** Bytes that are to come. */
  expect(size: number): void {
    this.#total += size
  }

  add(size: number): void {
    this.#done += size
    this.#draw()
  }

  finishFile(): void {
    this.#files++
    this.#draw()
  }

  /** Passes a body through, and counts it. */
  async *count<T extends Uint8Array>(
    body: AsyncIterable<T>
  ): AsyncGenerator<T, undefined, undefined> {
    for await (const chunk of body) {
      this.add(chunk.length)
      yield chunk
    }
    return undefined
  }

  /** Leaves the line empty for what is written next. */
  clear(): void {
    if (this.#isShown && this.#drawn > 0) process.stderr.write('\r\u001B[K')
  }

  #draw(): void {
    const now = performance.now()
    if (!this.#isShown || now - this.#drawn < drawIntervalMs) return
    this.#drawn = now

    const seconds = (now - this.#started) / 1000
    const rate = this.#done / Math.max(seconds, 0.001)
    const left = this.#total > this.#done ? formatSeconds((this.#total - this.#done) / rate) : ''
    const total = this.#total > 0 ? ` of ${formatSize(this.#total)}` : ''
    process.stderr.write(
      `\r\u001B[K${formatSize(this.#done)}${total}  ${formatSize(rate)}/s  ${this.#files} files  ${left}`
    )
  }
}
