/**
 * Reads a document of a known shape, and says where it is of another.
 */

import { R2dError } from '../errors.ts'

export class JsonReader {
  readonly #value: unknown
  /** Such as `rules[2].allowed`. */
  readonly #path: string

  constructor(value: unknown, path: string) {
    this.#value = value
    this.#path = path
  }

  /** The members, if they are none but those named. */
  members<Name extends string>(names: readonly Name[]): Partial<Record<Name, JsonReader>> {
    const value = this.#value
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw this.wrong('is not an object')
    }
    const found: Partial<Record<Name, JsonReader>> = {}
    for (const [name, member] of Object.entries(value)) {
      const known = names.find(each => each === name)
      if (known === undefined) {
        throw this.wrong(`has ${JSON.stringify(name)}, which is none of ${names.join(', ')}`)
      }
      found[known] = new JsonReader(member, `${this.#path}.${name}`)
    }
    return found
  }

  list(): JsonReader[] {
    if (!Array.isArray(this.#value)) throw this.wrong('is not a list')
    return this.#value.map((each, index) => new JsonReader(each, `${this.#path}[${index}]`))
  }

  text(): string {
    if (typeof this.#value !== 'string') throw this.wrong('is not a text')
    return this.#value
  }

  texts(): string[] {
    return this.list().map(each => each.text())
  }

  number(): number {
    if (typeof this.#value !== 'number') throw this.wrong('is not a number')
    return this.#value
  }

  boolean(): boolean {
    if (typeof this.#value !== 'boolean') throw this.wrong('is not true or false')
    return this.#value
  }

  required(member: JsonReader | undefined, name: string): JsonReader {
    if (member === undefined) throw this.wrong(`has no ${name}`)
    return member
  }

  wrong(reason: string): R2dError {
    return new R2dError('R2D_INVALID_CONFIG', `${this.#path} ${reason}`)
  }
}
