/**
 * A queue: in at one end, out at the other, and what is between is not moved.
 */

interface Link<T> {
  value: T
  next: Link<T> | undefined
}

export class Fifo<T> {
  #first: Link<T> | undefined
  #last: Link<T> | undefined
  #length = 0

  get length(): number {
    return this.#length
  }

  push(value: T): void {
    const link = { value, next: undefined }
    if (this.#last === undefined) this.#first = link
    else this.#last.next = link
    this.#last = link
    this.#length++
  }

  shift(): T | undefined {
    const first = this.#first
    if (first === undefined) return undefined

    this.#first = first.next
    if (first.next === undefined) this.#last = undefined
    this.#length--
    return first.value
  }
}
